"""What an upgrade earned is undone if a downgrade or cancellation follows too soon. PURE."""

from typing import Final

from streams.account import pulls, revocation, tiers, undoing
from streams.account.state import Upgrade
from streams.account.turn import Turn

MAX_UPGRADES: Final = 50
"""Beyond this many the oldest is forgotten, and so kept by the customer."""
LATEST_SECONDS: Final = 4 * 86_400
"""How late a downgrade may be told and still undo an upgrade that has lasted since."""


def remember(turn: Turn, subscription: str) -> None:
    """Keep what this turn earned by rules that claw back, as long as they may."""
    program, memory = turn.program, turn.memory
    at = turn.fact.occurred_at
    if program is None:
        return
    earnings = [each for each in turn.earnings if program.rule_by_id[each.rule].clawback_within]
    memory.recorded += bool(earnings)
    for earning in earnings:
        within = program.rule_by_id[earning.rule].clawback_within
        if within is not None:
            until, number = program.later(at, within), memory.recorded
            memory.upgrades += (Upgrade(turn.fact.id, subscription, at, until, number, earning),)
    kept = memory.upgrades[-MAX_UPGRADES:]
    while kept and kept[0].until + LATEST_SECONDS <= turn.now:
        kept = kept[1:]
    memory.upgrades = kept


def undo(turn: Turn, subscription: str, trigger: str) -> None:
    """The subscription was downgraded or cancelled: take back what its recent upgrades earned."""
    at, upgrades = turn.fact.occurred_at, turn.memory.upgrades
    due = [each for each in upgrades if each.subscription == subscription]
    due = [each for each in due if each.at <= at < each.until]
    if not due:
        return
    turn.memory.upgrades = tuple([each for each in upgrades if each not in due])
    for fact in dict.fromkeys(each.fact for each in due):
        _undo(turn, [each for each in due if each.fact == fact], trigger)


def _undo(turn: Turn, upgrades: list[Upgrade], trigger: str) -> None:
    """Everything that is to be taken back of one upgrade, as one event."""
    first = upgrades[0]
    shares = [(each.earning, each.earning.points) for each in upgrades]
    points = sum(share for _, share in shares)
    lifetime = turn.lifetime - points
    loss = tiers.unqualify(turn, first.at, points, first.number, lifetime)
    revocation.lifetime_falls(turn, lifetime, trigger)
    if loss is not None:
        revocation.tier_lost(turn, loss.tiers, loss.level, trigger)
    undoing.reverse(turn, shares, earned_by=first.fact, trigger=trigger)
    pulls.uncount(turn.memory, {each.earning.rule: True for each in upgrades})
    undoing.uncount(turn, shares, first.at)
    if loss is not None:
        tiers.lose(turn, loss, trigger)
