"""Tiers: upgrade at once, review at the end of a window, undo what a refund takes away. PURE."""

from schemas.facts import PaymentSucceeded
from schemas.points import RewardRevoked, TierChanged
from streams.account.compiled import CompiledTiers
from streams.account.state import NEVER
from streams.account.turn import BY_REFUND, BY_TIER, BY_TIME, Turn


def qualify_points(turn: Turn, at: int) -> None:
    """Count what this turn earned at an instant, where points are the basis."""
    assert turn.program is not None
    tiers = turn.program.tiers
    if tiers is not None and tiers.currency is None:
        earned = 0
        for each in turn.earnings:
            earned += each.points
        _qualify(turn, tiers, at, earned)


def counts_money(turn: Turn, currency: str) -> bool:
    """Whether payments of a currency are the basis."""
    tiers = turn.program.tiers if turn.program else None
    return tiers is not None and tiers.currency == currency


def qualify_money(turn: Turn, payment: PaymentSucceeded) -> None:
    """Count a payment, where money of its currency is the basis."""
    assert turn.program is not None
    tiers = turn.program.tiers
    if tiers is not None and counts_money(turn, payment.currency):
        turn.memory.spend_minor += payment.amount_minor
        _qualify(turn, tiers, payment.occurred_at, payment.amount_minor)


def _qualify(turn: Turn, tiers: CompiledTiers, at: int, value: int) -> None:
    if tiers.for_life or value <= 0:
        return
    leaves_at = tiers.leaves_at(at)
    qualifying = turn.memory.qualifying
    if leaves_at >= turn.now:
        qualifying[leaves_at] = qualifying.get(leaves_at, 0) + value
    while qualifying and (soonest := min(qualifying)) < turn.now:
        del qualifying[soonest]


def upgrade(turn: Turn) -> None:
    """Raise the tier at once where the basis reaches a higher level.

    An account without a tier, or in one that the program no longer has, is placed by its basis.
    """
    assert turn.program is not None
    tiers = turn.program.tiers
    if tiers is None:
        return
    present = tiers.index.get(turn.ledger.tier, -1)
    if present == len(tiers.levels) - 1:
        return
    basis = _basis(turn, tiers, turn.now)
    reached = tiers.level_for(basis)
    if reached > present:
        _change(turn, tiers, reached, basis, trigger=BY_TIER, at=turn.now)


def review(turn: Turn, at: int) -> None:
    """A window after the tier was reached: keep it, or go down as the program says."""
    memory = turn.memory
    memory.review_at = NEVER
    tiers = turn.program.tiers if turn.program else None
    if tiers is None or tiers.for_life or tiers.downgrade == "never":
        return
    present = tiers.index.get(turn.ledger.tier, 0)
    basis = _basis(turn, tiers, at, ending=tiers.by_year)
    supported = tiers.level_for(basis)
    if supported >= present:
        _rest_on(turn, tiers, present, basis, at)
        if present:
            memory.review_at = tiers.leaves_at(at)
        return
    target = present - 1 if tiers.downgrade == "one_down" else supported
    _change(turn, tiers, target, basis, trigger=BY_TIME, at=at)


def unqualify(turn: Turn, at: int, value: int, number: int) -> None:
    """A refund of the `number`-th payment undid `value` that counted from `at`; a tier that only it
    supported goes at once.

    The tier rests on the basis it was reached with, less what was undone of it since, or on the
    present basis where that is higher: time alone demotes at a review only. It needs what it needed
    then, so that neither grace nor a higher threshold of a later version is lost by a refund.
    """
    tiers = turn.program.tiers if turn.program else None
    if tiers is None or value <= 0:
        return
    memory = turn.memory
    counted = number <= memory.tier_payments
    if not tiers.for_life:
        leaves_at = tiers.leaves_at(at)
        counted = counted and leaves_at > memory.tier_counted_at
        if leaves_at in memory.qualifying:
            memory.qualifying[leaves_at] = max(0, memory.qualifying[leaves_at] - value)
    if counted:
        memory.tier_basis = max(0, memory.tier_basis - value)
    supported = max(memory.tier_basis, _basis(turn, tiers, turn.now))
    if supported >= memory.tier_needs:
        return
    reached = tiers.level_for(supported)
    if reached < tiers.index.get(turn.ledger.tier, 0):
        _change(turn, tiers, reached, supported, trigger=BY_REFUND, at=turn.now)


def _basis(turn: Turn, tiers: CompiledTiers, at: int, *, ending: bool = False) -> int:
    """What counts at an instant; with `ending` also what stops counting at that very instant."""
    if tiers.for_life:
        return turn.memory.spend_minor if tiers.currency else turn.lifetime
    basis = 0
    for leaves_at, value in turn.memory.qualifying.items():
        if leaves_at > at or (ending and leaves_at == at):
            basis += value
    return basis


def _rest_on(turn: Turn, tiers: CompiledTiers, level: int, basis: int, at: int) -> None:
    memory = turn.memory
    memory.tier_basis = basis
    memory.tier_needs = tiers.levels[level].at if level <= tiers.level_for(basis) else 0
    memory.tier_payments = memory.recorded
    # What a year's review counted stopped counting at that instant; it still carries the tier.
    memory.tier_counted_at = at - 1 if tiers.by_year else at


def _change(
    turn: Turn, tiers: CompiledTiers, target: int, basis: int, *, trigger: str, at: int
) -> None:
    program = turn.program
    assert program is not None
    before, after = turn.ledger.tier, tiers.levels[target].id
    up = target > tiers.index.get(before, -1)
    turn.emit(
        TierChanged(
            **turn.head(trigger, at),
            program=program.id,
            program_version=program.version,
            from_tier=before,
            to_tier=after,
            basis=basis,
        )
    )
    _rest_on(turn, tiers, target, basis, at)
    reviewed = target > 0 and not tiers.for_life and tiers.downgrade != "never"
    turn.memory.review_at = tiers.leaves_at(at) if reviewed else NEVER
    turn.entered.append((after, up))
    for held in [each for each in turn.ledger.held if each.tier != after]:
        turn.emit(
            RewardRevoked(
                **turn.head(BY_TIER, at),
                program=program.id,
                program_version=program.version,
                reward=held.reward,
                reward_id=turn.reward_id(held.reward, held.ordinal),
                reason="tier_left",
            )
        )
