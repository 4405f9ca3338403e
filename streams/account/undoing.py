"""Take back what was earned, by its recorded provenance, and what it counted towards. PURE.

Points come from the earning's own lots, then what of them expired counts as undone, then other lots
in debit order, then as `refunds.negative` says.
"""

from schemas.points import Money, PointsReversed
from streams.account import limits, lots
from streams.account.state import Earning
from streams.account.turn import Turn


def reverse(
    turn: Turn,
    shares: list[tuple[Earning, int]],
    *,
    earned_by: str,
    trigger: str,
    base: Money | None = None,
) -> None:
    """Take back so many points of each earning of the fact `earned_by`."""
    ledger = turn.ledger
    taken: dict[int, int] = {}
    need = expired = 0
    for earning, share in shares:
        own = lots.find(ledger.lots, earning.lot)
        part = min(share, own.points - taken.get(own.id, 0)) if own is not None else 0
        if own is not None and part:
            taken[own.id] = part
        gone = min(share - part, earning.expired)
        earning.expired -= gone
        expired += gone
        need += share - part - gone
        earning.reversed += share
    policy = turn.program.negative if turn.program else "allow"
    need = lots.plan(ledger.lots, need, taken, active=True)
    if policy == "pending_first":
        need = lots.plan(ledger.lots, need, taken, active=False)
    overdrawn, forgiven = (0, need) if policy == "clamp" else (need, 0)
    points = sum(share for _, share in shares)
    for lot in ledger.lots:
        if lot.active:
            turn.balance -= taken.get(lot.id, 0)
        else:
            turn.pending -= taken.get(lot.id, 0)
    turn.balance -= overdrawn
    turn.deficit += overdrawn
    turn.lifetime -= points
    turn.emit(
        PointsReversed(
            **turn.head(trigger, turn.now),
            points=points,
            earned_by=earned_by,
            lots=lots.changes_of(taken),
            overdrawn=overdrawn,
            forgiven=forgiven,
            expired=expired,
            base=base,
        )
    )


def uncount(turn: Turn, shares: list[tuple[Earning, int]], at: int) -> None:
    """Caps and limits that points earned at an instant counted towards."""
    program = turn.program
    if program is None:
        return
    for earning, share in shares:
        rule, counter = program.rule_by_id.get(earning.rule), turn.memory.counters.get(earning.rule)
        if rule is None or counter is None:
            continue
        if rule.cap_per is not None:
            period = program.period_key(at, rule.cap_per)
            counter.points = limits.add(counter.points, period, -share)
        if rule.limit and earning.reversed == earning.points:
            limits.uncount(rule.limit, counter, at, program)
