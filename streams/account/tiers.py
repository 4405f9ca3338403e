"""Tiers: up at once, down at a review or by a refund, and held where a person says so. PURE.

A review that the basis fails may put the drop off: to the end of the minimum stay, then once by
grace. What a person assigned is the lowest that time and refunds lead to until the hold ends.
"""

from schemas.facts import PaymentSucceeded, TierAssigned, TimeReached
from schemas.points import RewardRevoked, TierChanged
from streams.account import qualifying
from streams.account.compiled import CompiledTiers
from streams.account.evolve import TIER_LEFT
from streams.account.qualifying import POINTS
from streams.account.state import FOR_GOOD, NEVER, Account, Memory, Payment
from streams.account.turn import BY_FACT, BY_TIER, BY_TIME, Turn


class _Rest:
    """Which of what qualifies a tier rests on: what leaves the window after `counted_at`, of the
    first `recorded` that the account recorded; 0 for all up to now.
    """

    __slots__ = ("counted_at", "recorded")

    def __init__(self, memory: Memory) -> None:
        self.counted_at, self.recorded = memory.tier_counted_at, memory.tier_recorded


def is_counting(turn: Turn) -> bool:
    """Whether what is earned and paid now is kept for tiers."""
    tiers = turn.program.tiers if turn.program else None
    return tiers is not None and not tiers.retired


def qualify_points(turn: Turn, at: int) -> None:
    """Count what this turn earned at an instant."""
    assert turn.program is not None
    tiers = turn.program.tiers
    if tiers is None or not turn.earnings:
        return
    earned = 0
    for each in turn.earnings:
        earned += each.points
    window = tiers.window if tiers.counts == POINTS else None
    qualifying.count(turn.memory, POINTS, at, earned, window)


def qualify_money(turn: Turn, payment: PaymentSucceeded) -> None:
    """Count a payment."""
    assert turn.program is not None
    tiers = turn.program.tiers
    if tiers is None or tiers.retired or payment.amount_minor <= 0:
        return
    currency = payment.currency
    window = tiers.window if currency == tiers.counts else None
    qualifying.count(turn.memory, currency, payment.occurred_at, payment.amount_minor, window)


def upgrade(turn: Turn) -> None:
    """Raise the tier at once where the basis reaches a higher level.

    An account without a tier, or in one that the program no longer has, is placed by its basis.
    """
    assert turn.program is not None
    tiers = turn.program.tiers
    if tiers is None or tiers.retired:
        return
    present = tiers.index.get(turn.ledger.tier, -1)
    if present == len(tiers.levels) - 1:
        return
    basis = basis_of(turn.memory, turn.lifetime, tiers, turn.now)
    if turn.trace is not None:
        turn.trace.tier(tiers, turn.ledger.tier, basis, reviewed=False)
    reached = max(tiers.level_for(basis), _floor(turn.memory, tiers, turn.now))
    if reached > present:
        _change(turn, tiers, reached, basis, trigger=BY_TIER, at=turn.now)


def assign(turn: Turn, fact: TierAssigned) -> None:
    """Put the account in a tier by hand, and hold it there at least `until`."""
    if turn.program is None:
        return
    tiers = turn.program.tiers
    if tiers is None:
        turn.note("no_tiers", "the program has no tiers")
        return
    target = tiers.index.get(fact.tier)
    if target is None:
        known = ", ".join(tiers.index)
        turn.note("unknown_tier", f"there is no tier {fact.tier}; known are {known}")
        return
    if fact.until is not None and fact.until <= turn.now:
        turn.note("until_is_past", "`until` is not after the account's clock: nothing to hold")
        return
    turn.memory.held_tier = fact.tier
    turn.memory.held_until = FOR_GOOD if fact.until is None else fact.until
    basis = basis_of(turn.memory, turn.lifetime, tiers, turn.now)
    _change(turn, tiers, target, basis, trigger=BY_FACT, at=turn.now, by_hand=fact)


def due_at(memory: Memory) -> int:
    """When time alone next does something about the tier."""
    if memory.held_until in (NEVER, FOR_GOOD):
        return memory.review_at
    return min(memory.held_until, memory.review_at or FOR_GOOD)


def settle(turn: Turn) -> None:
    """Let a review be due where a new version asks for one that none before did, and at the right
    end of the year where an older fact has shown that the account joined earlier.

    What counts under a rule for the first time has a whole window for it.
    """
    assert turn.program is not None
    tiers, memory = turn.program.tiers, turn.memory
    if tiers is None or not tiers.reviewed:
        return
    if memory.review_at and not tiers.window.by_membership:
        return
    present = tiers.index.get(turn.ledger.tier, -1)
    if present <= 0 or present <= _floor(memory, tiers, turn.now):
        return
    window = tiers.window
    if not memory.review_at:
        since = max(turn.ledger.tier_since, turn.program.effective_at)
    elif memory.failed_at or memory.tier_basis < memory.tier_needs:
        return  # no end of a year, but of a grace or a minimum stay
    elif window.leaves_at(memory.review_at - 1, memory.joined_at) != memory.review_at:
        since = turn.now
    else:
        return
    memory.review_at = max(window.leaves_at(since, memory.joined_at), turn.now + 1)


def review(turn: Turn, at: int) -> None:
    """What time does about the tier at an instant: end a hold, keep the tier, or lead down."""
    if NEVER != turn.memory.held_until <= at:
        _end_hold(turn, at)
    if NEVER != turn.memory.review_at <= at:
        _review(turn, at)


def _end_hold(turn: Turn, at: int) -> None:
    """The tier that was only held goes at once, to what the basis supports."""
    memory = turn.memory
    held, memory.held_tier, memory.held_until = memory.held_tier, "", NEVER
    tiers = turn.program.tiers if turn.program else None
    if tiers is None or tiers.retired or turn.ledger.tier != held or held not in tiers.index:
        return
    present = tiers.index[held]
    basis = basis_of(memory, turn.lifetime, tiers, at)
    if turn.trace is not None:
        turn.trace.tier(tiers, turn.ledger.tier, basis, reviewed=True)
    supported = tiers.level_for(basis)
    if supported < present:
        _change(turn, tiers, supported, basis, trigger=BY_TIME, at=at)
    else:
        _keep(turn, tiers, present, basis, at)


def _review(turn: Turn, at: int) -> None:
    memory = turn.memory
    failed_at, graced = memory.failed_at, memory.graced
    memory.review_at, memory.failed_at, memory.graced = NEVER, NEVER, False
    tiers = turn.program.tiers if turn.program else None
    if tiers is None:
        return
    present, floor = tiers.index.get(turn.ledger.tier, 0), _floor(memory, tiers, at)
    by_year = tiers.window.by_year
    # A year that was put off is given the time since to be reached after all.
    ends_at = failed_at if failed_at and by_year else at
    basis = basis_of(memory, turn.lifetime, tiers, ends_at, ending=by_year)
    if turn.trace is not None:
        turn.trace.tier(tiers, turn.ledger.tier, basis, reviewed=True)
    supported = tiers.level_for(basis)
    rests = _Rest(memory)
    if not tiers.reviewed and memory.tier_basis >= basis:
        basis = memory.tier_basis
    else:
        # What a year's review counted stopped counting at that instant; it still carries the tier.
        rests.counted_at, rests.recorded = ends_at - 1 if by_year else at, 0
    if not tiers.reviewed:
        # Time does not lead down here; a refund did, and the minimum stay has put it off.
        supported = tiers.level_for(basis) if basis < memory.tier_needs else present
    if max(supported, floor) >= present:
        _keep(turn, tiers, present, basis, at, rests=rests)
        return
    until = tiers.stays_until(turn.ledger.tier_since)
    graces = until <= at and not graced and tiers.reviewed
    if graces:
        until = tiers.grace_until(at)
    if until > at:
        memory.failed_at, memory.graced, memory.review_at = failed_at or at, graces, until
        _rest_on(turn, tiers, present, basis, at, rests=rests)
        _tell(turn, "drop_put_off", f"{basis} do not support {turn.ledger.tier}; not lost yet")
        return
    target = present - 1 if tiers.downgrade == "one_down" else supported
    _change(turn, tiers, max(target, floor), basis, trigger=BY_TIME, at=at, rests=rests)


class Loss:
    """The tier that is taken away: the level that is left, and the basis that decided. Where
    `still_rests`, it is what is left of what the tier rested on before.
    """

    __slots__ = ("basis", "level", "still_rests", "tiers")

    def __init__(self, tiers: CompiledTiers, level: int, basis: int, *, still_rests: bool) -> None:
        self.tiers, self.level, self.basis = tiers, level, basis
        self.still_rests = still_rests


def unwind(turn: Turn, payment: Payment, points: int, given_back: int) -> Loss | None:
    """A refund undoes `points` of a payment and gives money back; see `unqualify`."""
    tiers = turn.program.tiers if turn.program else None
    if tiers is None:
        return None
    at, number, lifetime = payment.at, payment.number, turn.lifetime - points
    loss = None
    if payment.counted or (tiers.window.for_life and tiers.counts == POINTS):
        loss = unqualify(turn, at, points, number, lifetime)
    if payment.counted:
        by_money = unqualify(turn, at, given_back, number, lifetime, currency=payment.currency)
        loss = loss or by_money
    return loss


def unqualify(
    turn: Turn, at: int, value: int, number: int, lifetime: int, *, currency: str = POINTS
) -> Loss | None:
    """`value` that counted from `at` is undone, and so many lifetime points are left; a tier that
    only it supported is lost at once: `lose` it when the points are undone.

    The tier rests on the basis it was reached with, less what was undone of it since, or on the
    present basis where that is higher: time alone demotes at a review only. It needs what it needed
    then, so that neither grace nor a higher threshold of a later version is lost by a refund.
    """
    tiers = turn.program.tiers if turn.program else None
    if tiers is None or value <= 0:
        return None
    memory = turn.memory
    qualifying.uncount(memory, currency, at, value)
    if currency != tiers.counts:
        return None
    counted = number <= memory.tier_recorded
    if not tiers.window.for_life:
        leaves_at = tiers.window.leaves_at(at, memory.joined_at)
        counted = counted and leaves_at > memory.tier_counted_at
    if counted:
        memory.tier_basis = max(0, memory.tier_basis - value)
    counts_now = basis_of(memory, lifetime, tiers, turn.now)
    supported = max(memory.tier_basis, counts_now)
    if turn.trace is not None:
        turn.trace.tier(tiers, turn.ledger.tier, supported, reviewed=False)
    if supported >= memory.tier_needs:
        return None
    reached = max(tiers.level_for(supported), _floor(memory, tiers, turn.now))
    if reached >= tiers.index.get(turn.ledger.tier, 0):
        return None
    until = tiers.stays_until(turn.ledger.tier_since)
    if until > turn.now:
        memory.review_at = min(until, memory.review_at or until)
        return None
    return Loss(tiers, reached, supported, still_rests=memory.tier_basis >= counts_now)


def lose(turn: Turn, loss: Loss, trigger: str) -> None:
    """Go down to the level that is left."""
    rested = _Rest(turn.memory) if loss.still_rests else None
    _change(turn, loss.tiers, loss.level, loss.basis, trigger=trigger, at=turn.now, rests=rested)


def basis_of(
    memory: Memory, lifetime: int, tiers: CompiledTiers, at: int, *, ending: bool = False
) -> int:
    """What counts at an instant; with `ending` also a year that ends at this very instant."""
    if tiers.window.for_life and tiers.counts == POINTS:
        return lifetime
    return qualifying.counted(memory, tiers.counts, tiers.window, at, ending=ending)


def present_basis(turn: Turn, account: Account) -> int:
    """The figure that an account's tier rests on; of the lowest, what counts now."""
    memory, rules = account.memory, turn.program.tiers if turn.program else None
    if memory.tier_basis or rules is None:
        return memory.tier_basis
    return basis_of(memory, account.ledger.lifetime, rules, turn.now)


def _floor(memory: Memory, tiers: CompiledTiers, at: int) -> int:
    """The lowest level that time and refunds may lead to."""
    return tiers.index.get(memory.held_tier, 0) if memory.held_until > at else 0


def _keep(
    turn: Turn,
    tiers: CompiledTiers,
    present: int,
    basis: int,
    at: int,
    *,
    rests: _Rest | None = None,
) -> None:
    _rest_on(turn, tiers, present, basis, at, rests=rests)
    turn.memory.review_at = _next_review(turn, tiers, present, at)
    _tell(turn, "tier_kept", f"{basis} at this review, and the tier stays as it is")


def _tell(turn: Turn, reason: str, detail: str) -> None:
    """An outcome for the clock's own fact; other facts are not about it."""
    if isinstance(turn.fact, TimeReached):
        turn.note(reason, detail)


def _next_review(turn: Turn, tiers: CompiledTiers, level: int, at: int) -> int:
    memory = turn.memory
    if not tiers.reviewed or level <= _floor(memory, tiers, at):
        return NEVER
    return tiers.window.leaves_at(at, memory.joined_at)


def _rest_on(
    turn: Turn, tiers: CompiledTiers, level: int, basis: int, at: int, *, rests: _Rest | None
) -> None:
    """Remember what the tier rests on: what counts at this instant, unless `rests` says more. The
    lowest rests on nothing, for nothing is below it.
    """
    memory = turn.memory
    if level == 0:
        memory.tier_basis = memory.tier_needs = memory.tier_counted_at = memory.tier_recorded = 0
        return
    memory.tier_basis = basis
    memory.tier_needs = tiers.levels[level].at if level <= tiers.level_for(basis) else 0
    memory.tier_counted_at = at if rests is None else rests.counted_at
    memory.tier_recorded = (rests.recorded if rests else 0) or memory.recorded


def _change(
    turn: Turn,
    tiers: CompiledTiers,
    target: int,
    basis: int,
    *,
    trigger: str,
    at: int,
    by_hand: TierAssigned | None = None,
    rests: _Rest | None = None,
) -> None:
    program, memory = turn.program, turn.memory
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
            actor=by_hand.actor if by_hand else "",
            assigned_reason=by_hand.reason if by_hand else "",
            until=by_hand.until if by_hand else None,
        )
    )
    _rest_on(turn, tiers, target, basis, at, rests=rests)
    memory.failed_at, memory.graced = NEVER, False
    memory.review_at = _next_review(turn, tiers, target, at)
    if after == before:
        return
    turn.entered.append((after, up))
    for held in [each for each in turn.ledger.held if each.tier != after]:
        turn.emit(
            RewardRevoked(
                **turn.head(BY_TIER, at),
                program=program.id,
                program_version=program.version,
                reward=held.reward,
                reward_id=turn.reward_id(held.reward, held.ordinal),
                reason=TIER_LEFT,
            )
        )
