"""What a late fact changes: its own events, then what was decided otherwise without it. PURE.

The account is led, by events alone, to where the re-fold ends: rewards that are not due are
revoked, those that are due are earned, the tier is set right, and one `CorrectionApplied` sets lots
and figures. Rewards keep their ordinals: one that was revoked comes back under a new one.
"""

import msgspec

from schemas import ids
from schemas.points import (
    AnyPointsEvent,
    CorrectionApplied,
    FactIgnored,
    LotState,
    PointsActivated,
    PointsEarned,
    PointsExtended,
    PointsReversed,
    RewardEarned,
    RewardPayment,
    RewardRevoked,
    TierChanged,
)
from streams.account import lots, reminders, tiers, window
from streams.account.evolve import CORRECTED, find_kept
from streams.account.figures import figures_of
from streams.account.refold import Refold
from streams.account.rewards import landing
from streams.account.state import NEVER, PROMOTIONAL, Account, Ledger, Lot, OpenReward
from streams.account.turn import BY_CORRECTION, BY_FACT, Turn
from streams.account.window import Firing


def correct(turn: Turn, refold: Refold) -> list[AnyPointsEvent]:
    """Tell the late fact of the turn and its consequences; the account is the target afterwards."""
    account, target = turn.account, refold.target
    turn.program = turn.programs.effective(turn.fact.site, turn.now)
    if turn.trace is not None:
        turn.trace.forget_events()
    for event in refold.own:
        _tell_own(turn, event)
    _correct_rewards_and_tier(turn, refold)
    _correct_points(turn, refold)
    _remind(turn, target.memory.reminders)
    if not turn.events:
        turn.emit(
            FactIgnored(
                **turn.head(BY_FACT, turn.fact.occurred_at),
                reason="decided_alike",
                detail="it came late and changes nothing that was decided without it",
            )
        )
    target.memory.digests = account.memory.digests
    account.memory, account.past, account.due_at = target.memory, target.past, target.due_at
    return turn.events


def _tell_own(turn: Turn, event: AnyPointsEvent) -> None:
    """An event of the late fact itself, as it is in its place. What it moves in the account that
    lived without it is set right by the correction, as are rewards, tier and dates.
    """
    if isinstance(event, PointsEarned):
        absorbed = 0
        if event.available_at <= event.occurred_at:
            absorbed = turn.absorb(event.points)
        else:
            turn.pending += event.points
        turn.lifetime += event.points
        head = turn.head(event.cause.trigger, event.occurred_at)
        turn.emit(msgspec.structs.replace(event, **head, absorbed=absorbed))
    elif isinstance(event, PointsActivated):
        _tell_activated(turn, event)
    elif isinstance(event, PointsExtended):
        _tell_extended(turn, event)
    elif isinstance(event, PointsReversed):
        _tell_reversed(turn, event)
    elif isinstance(event, FactIgnored):
        turn.emit(msgspec.structs.replace(event, **turn.head(BY_FACT, event.occurred_at)))


def _tell_activated(turn: Turn, event: PointsActivated) -> None:
    lot = lots.find(turn.ledger.lots, ids.lot_number(event.lot))
    if lot is None or lot.active:
        return
    turn.pending -= lot.points
    absorbed = turn.absorb(lot.points)
    head = turn.head(event.cause.trigger, event.occurred_at)
    turn.emit(msgspec.structs.replace(event, **head, points=lot.points, absorbed=absorbed))


def _tell_extended(turn: Turn, event: PointsExtended) -> None:
    """Of the lots that are there still, and were not extended further since."""
    told = {ids.lot_number(change.lot) for change in event.lots}
    moved = {
        lot.id: lot.points
        for lot in turn.ledger.lots
        if lot.id in told and lot.active and NEVER != lot.expires_at < event.expires_at
    }
    if moved:
        head = turn.head(event.cause.trigger, event.occurred_at)
        turn.emit(msgspec.structs.replace(event, **head, lots=lots.changes_of(moved)))


def _tell_reversed(turn: Turn, event: PointsReversed) -> None:
    """From the same lots as far as they hold it, then from others, as refunds do."""
    open_lots = turn.ledger.lots
    taken: dict[int, int] = {}
    missing = event.overdrawn
    for change in event.lots:
        lot = lots.find(open_lots, ids.lot_number(change.lot))
        part = min(change.points, lot.points) if lot is not None else 0
        if lot is not None:
            taken[lot.id] = part
        missing += change.points - part
    missing = lots.plan(open_lots, missing, taken, active=True)
    for lot in open_lots:
        if lot.active:
            turn.balance -= taken.get(lot.id, 0)
        else:
            turn.pending -= taken.get(lot.id, 0)
    turn.balance -= missing
    turn.deficit += missing
    turn.lifetime -= event.points
    head = turn.head(event.cause.trigger, event.occurred_at)
    turn.emit(
        msgspec.structs.replace(event, **head, lots=lots.changes_of(taken), overdrawn=missing)
    )


def _correct_rewards_and_tier(turn: Turn, refold: Refold) -> None:
    """What was decided without the late fact and is not due goes first, then comes what is due."""
    target, end = refold.target, refold.target.past[-1]
    due, ended = window.firings([end])
    names = _names(due, [each for each in refold.fired if each not in refold.failed])
    kept = set(names.values())
    gone = [each for each in refold.fired if each not in kept]
    for firing in [*gone, *(each for each in ended if each not in refold.ended)]:
        _revoke(turn, firing)
    if turn.ledger.tier != target.ledger.tier:
        _change_tier(turn, target)
    back = [each for each in refold.ended if each not in ended]
    for firing in [*due, *back]:
        if firing not in names:
            names[firing] = _earn(turn, refold, firing)
    _rename(target.ledger, names)
    over = [each for each in end.fired if each not in names]
    called = {**names, **_numbers_below_zero(over, refold.known, kept)}
    # In the order in which they fire: the next re-fold gives them their ordinals by it.
    end.fired = (*[called.get(each, each) for each in end.fired], *[names[each] for each in back])
    end.ended = (*[called.get(each, each) for each in over], *ended, *back)


def _numbers_below_zero(
    over: list[Firing], known: list[Firing], kept: set[Firing]
) -> dict[Firing, Firing]:
    """For firings that are over and of which nobody was told under a name of their own: outcomes
    must not take them for others when they fire in the next re-fold.
    """
    last = min((ordinal for _, ordinal in known), default=0)
    nameless = [each for each in over if each not in known or each in kept]
    return {each: (each[0], min(last, 0) - number) for number, each in enumerate(nameless, start=1)}


def _names(due: list[Firing], standing: list[Firing]) -> dict[Firing, Firing]:
    """Which of the standing firings each one that is due is: the same, or any of that reward."""
    names = {each: each for each in due if each in standing}
    for firing in due:
        free = [each for each in standing if each[0] == firing[0] and each not in names.values()]
        if firing not in names and free:
            names[firing] = free[0]
    return names


def _rename(ledger: Ledger, names: dict[Firing, Firing]) -> None:
    """Where one that is over has the name that another gets, the other has it."""
    taken = set(names.values()) - set(names)
    ledger.open_rewards = [
        each for each in ledger.open_rewards if (each.reward, each.ordinal) not in taken
    ]
    ledger.settled = tuple(
        [each for each in ledger.settled if (each.reward, each.ordinal) not in taken]
    )
    for waiting in [*ledger.open_rewards, *ledger.settled]:
        firing = (waiting.reward, waiting.ordinal)
        waiting.ordinal = names.get(firing, firing)[1]
    for held in ledger.held:
        firing = (held.reward, held.ordinal)
        held.ordinal = names.get(firing, firing)[1]


def _revoke(turn: Turn, firing: Firing) -> None:
    program = turn.program
    assert program is not None
    reward, ordinal = firing
    turn.emit(
        RewardRevoked(
            **turn.head(BY_CORRECTION, turn.now),
            program=program.id,
            program_version=program.version,
            reward=reward,
            reward_id=turn.reward_id(reward, ordinal),
            reason=CORRECTED,
        )
    )


def _change_tier(turn: Turn, target: Account) -> None:
    program, ledger = turn.program, target.ledger
    assert program is not None
    turn.emit(
        TierChanged(
            **turn.head(BY_CORRECTION, ledger.tier_since),
            program=program.id,
            program_version=program.version,
            from_tier=turn.ledger.tier,
            to_tier=ledger.tier,
            basis=tiers.present_basis(turn, target),
        )
    )


def _earn(turn: Turn, refold: Refold, firing: Firing) -> Firing:
    """Earn a reward that is due, or was revoked and is due after all, under its next ordinal."""
    reward = firing[0]
    following = turn.next_ordinal(reward)
    reward_id = turn.reward_id(reward, following)
    earned = refold.earned.get(firing)
    if earned is not None:
        head = turn.head(earned.cause.trigger, turn.now)
        turn.emit(msgspec.structs.replace(earned, **head, reward_id=reward_id))
        return reward, following
    program = turn.program
    assert program is not None
    rule = turn.programs.reward(turn.fact.site, reward)
    subscription, currency = landing(turn, rule)
    waits_for = rule.waits_for
    turn.emit(
        RewardEarned(
            **turn.head(BY_CORRECTION, turn.now),
            program=program.id,
            program_version=program.version,
            reward=reward,
            reward_id=reward_id,
            grant=rule.grant,
            cost=rule.cost,
            subscription=subscription,
            currency=currency,
            lands_on=rule.lands_on,
            wait_until=None if waits_for is None else program.later(turn.now, waits_for),
            allowance=rule.allowance,
        )
    )
    return reward, following


def _correct_points(turn: Turn, refold: Refold) -> None:
    """Set lots and figures, and what pays for rewards, where they differ from the target's."""
    ledger, due = turn.ledger, refold.target.ledger
    states, payments = _lots_that_differ(ledger, due), _payments_that_differ(turn, due)
    tier_since = due.tier_since if due.tier_since != ledger.tier_since else None
    figures = (ledger.deficit, ledger.lifetime) == (due.deficit, due.lifetime)
    if figures and tier_since is None and not states and not payments:
        return
    before, lifetime = turn.balance + turn.pending, turn.lifetime
    turn.balance, turn.pending = figures_of(due)
    turn.lifetime, turn.deficit = due.lifetime, due.deficit
    turn.emit(
        CorrectionApplied(
            **turn.head(BY_CORRECTION, turn.now),
            points=turn.balance + turn.pending - before,
            lifetime_points=turn.lifetime - lifetime,
            corrected=tuple(fact for fact, _, _ in refold.corrected),
            detail=_detail(refold),
            lots=states,
            rewards=payments,
            tier_since=tier_since,
        )
    )
    assert ledger.lots == due.lots, "a correction leads to where the re-fold ends"


def _remind(turn: Turn, due: dict[int, int]) -> None:
    """What the re-fold has reminded of, and the account has not yet."""
    told = turn.memory.reminders
    for expires_at, remind_at in due.items():
        if remind_at == NEVER != told.get(expires_at, expires_at):
            reminders.tell(turn, expires_at)


def _lots_that_differ(ledger: Ledger, due: Ledger) -> tuple[LotState, ...]:
    known = {lot.id: lot for lot in ledger.lots}
    changed = [lot for lot in due.lots if known.pop(lot.id, None) != lot]
    closed = [lot.piece(0) for lot in known.values()]
    return tuple(_state(lot) for lot in [*changed, *closed])


def _payments_that_differ(turn: Turn, due: Ledger) -> tuple[RewardPayment, ...]:
    found = []
    for reward in [*turn.ledger.open_rewards, *turn.ledger.settled]:
        other = find_kept(due, reward.reward, reward.ordinal)
        if other is None and reward.taken:
            other = OpenReward(reward.reward, reward.ordinal, at=reward.at)  # it costs nothing now
        if other is None or other == reward:
            continue
        found.append(
            RewardPayment(
                reward_id=turn.reward_id(reward.reward, reward.ordinal),
                lots=tuple(_state(piece) for piece in other.taken),
                rests_on=other.rests_on,
                counted_at=other.at,
            )
        )
    return tuple(found)


def _state(lot: Lot) -> LotState:
    return LotState(
        lot=ids.lot_text(lot.id),
        points=lot.points,
        earned_at=lot.earned_at,
        available_at=lot.available_at,
        expires_at=lot.expires_at or None,
        active=lot.active,
        promotional=lot.priority == PROMOTIONAL,
        waits_for=lot.waits_for,
    )


def _detail(refold: Refold) -> str:
    told = [f"{fact} gives {now} points, not {before}" for fact, before, now in refold.corrected]
    return "; ".join(told) or "what was spent, expired or reached afterwards differs"
