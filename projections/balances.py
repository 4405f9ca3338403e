"""Project points events onto the rows of the views. PURE.

A `View` holds the rows that a batch may touch. Every event's sequence is checked against what is
known: one that is known already changes nothing, one that leaves a gap is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import assert_never

import msgspec

from projections.errors import LogBroken, SequenceGap
from projections.rows import (
    BalanceRow,
    DayFlowRow,
    EntryRow,
    FlowKind,
    FlowRow,
    LotRow,
    RewardRow,
    RewardState,
)
from schemas.points import (
    AccountErased,
    AnyPointsEvent,
    CorrectionApplied,
    FactIgnored,
    LotChange,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsExpiringSoon,
    PointsExtended,
    PointsRedeemed,
    PointsRestored,
    PointsReversed,
    RewardDelivered,
    RewardEarned,
    RewardFailed,
    RewardRevoked,
    TierChanged,
)

AccountKey = tuple[str, str]
LotKey = tuple[str, str, str]
FlowKey = tuple[int, str, str, str, FlowKind]

DAY_SECONDS = 86_400

_TAKEN: dict[type[AnyPointsEvent], FlowKind] = {
    PointsReversed: "reversed",
    PointsRedeemed: "redeemed",
    PointsAdjusted: "adjusted",
}


@dataclass(frozen=True, slots=True)
class Logged:
    """A points event and where it stands in the log. Few are traced."""

    partition: int
    offset: int
    recorded_at_ms: int
    text: str
    event: AnyPointsEvent
    traceparent: bytes | None = None


@dataclass(slots=True)
class View:
    """Rows known before a batch, and those it changed or added. `erased` are accounts that it
    erased, with the sequence of the event that did.
    """

    balances: dict[AccountKey, BalanceRow] = field(default_factory=dict)
    lots: dict[LotKey, LotRow] = field(default_factory=dict)
    rewards: dict[str, RewardRow] = field(default_factory=dict)
    entries: list[EntryRow] = field(default_factory=list)
    changed_balances: set[AccountKey] = field(default_factory=set)
    changed_lots: set[LotKey] = field(default_factory=set)
    changed_rewards: set[str] = field(default_factory=set)
    flows: dict[FlowKey, FlowRow] = field(default_factory=dict)
    """What the batch adds to each flow."""
    day_flows: dict[FlowKey, DayFlowRow] = field(default_factory=dict)
    erased: dict[AccountKey, int] = field(default_factory=dict)


def lots_touched(event: AnyPointsEvent) -> Iterable[str]:
    """Ids of the lots that exist before the event and that it changes."""
    match event:
        case PointsActivated():
            return (event.lot,)
        case CorrectionApplied():
            return [state.lot for state in event.lots]
        case (
            PointsExtended()
            | PointsExpired()
            | PointsReversed()
            | PointsRedeemed()
            | PointsRestored()
            | PointsAdjusted()
        ):
            return [change.lot for change in event.lots]
        case _:
            return ()


def rewards_touched(event: AnyPointsEvent) -> Iterable[str]:
    """Ids of the rewards that the event changes, or that must not exist before it."""
    match event:
        case RewardEarned() | RewardDelivered() | RewardFailed() | RewardRevoked():
            return (event.reward_id,)
        case _:
            return ()


def net_change(event: AnyPointsEvent) -> int:
    """What the event added to balance + pending; balance is less any deficit."""
    match event:
        case PointsEarned() | PointsAdjusted() | CorrectionApplied():
            return event.points
        case PointsExpired() | PointsRedeemed():
            return -event.points
        case PointsReversed():
            # Forgiven and expired points had left the account before.
            return -(_sum(event.lots) + event.overdrawn)
        case PointsRestored():
            return _sum(event.lots) + event.absorbed
        case (
            PointsActivated()
            | PointsExtended()
            | PointsExpiringSoon()
            | TierChanged()
            | RewardEarned()
            | RewardDelivered()
            | RewardFailed()
            | RewardRevoked()
            | FactIgnored()
            | AccountErased()
        ):
            return 0
        case _:
            assert_never(event)


def project(view: View, logged: Logged) -> bool:
    """Apply one event to the view; False where the view knows it already.

    Raises `SequenceGap` where events of the account are missing, `LogBroken` where it speaks of a
    lot or a reward that was never opened.
    """
    event = logged.event
    key = (event.site, event.customer)
    row = view.balances.get(key)
    if row is None:
        row = view.balances[key] = BalanceRow(event.site, event.customer, logged.partition)
    if event.sequence <= row.sequence:
        return False
    if event.sequence != row.sequence + 1:
        raise SequenceGap(f"{event.site}:{event.customer}", row.sequence, event.sequence)
    view.changed_balances.add(key)
    row.sequence = event.sequence
    row.balance = event.balance
    row.pending = event.pending
    row.lifetime = event.lifetime
    row.deficit = event.deficit
    row.updated_at = event.occurred_at
    view.entries.append(_entry(logged))
    _project_account(row, event)
    _project_lots(view, logged)
    _project_rewards(view, logged)
    if isinstance(event, AccountErased):
        view.erased[key] = event.sequence
    return True


def _project_account(row: BalanceRow, event: AnyPointsEvent) -> None:
    match event:
        case PointsEarned() | RewardEarned():
            row.program, row.program_version = event.program, event.program_version
        case TierChanged():
            row.program, row.program_version = event.program, event.program_version
            row.tier = event.to_tier
        case AccountErased():
            row.erased = True
        case _:
            pass


def _project_lots(view: View, logged: Logged) -> None:
    event = logged.event
    match event:
        case PointsEarned():
            _open_lot(view, logged, event.lot, event.points - event.absorbed)
        case PointsActivated():
            _activate(view, event)
        case PointsAdjusted() if event.lot:
            _open_lot(view, logged, event.lot, event.points - event.absorbed)
        case PointsExtended():
            _extend(view, event)
        case CorrectionApplied():
            _correct(view, logged, event)
        case PointsRestored():
            _move_all(view, event, event.lots, "restored", 1)
        case PointsExpired() | PointsReversed() | PointsRedeemed() | PointsAdjusted():
            kind = event.reason if isinstance(event, PointsExpired) else _TAKEN[type(event)]
            _move_all(view, event, event.lots, kind, -1)
        case _:
            pass


def _project_rewards(view: View, logged: Logged) -> None:
    event = logged.event
    match event:
        case RewardEarned():
            _earn_reward(view, logged, event)
        case RewardDelivered():
            _settle_reward(view, event, "delivered", reference=event.reference)
        case RewardFailed():
            _settle_reward(view, event, "failed", reason=event.reason)
        case RewardRevoked():
            _settle_reward(view, event, "revoked", reason=event.reason)
        case _:
            pass


def _sum(changes: tuple[LotChange, ...]) -> int:
    return sum(change.points for change in changes)


def _entry(logged: Logged) -> EntryRow:
    event, cause = logged.event, logged.event.cause
    return EntryRow(
        event.site,
        event.customer,
        event.sequence,
        logged.partition,
        logged.offset,
        type(event).__name__,
        cause.fact,
        cause.offset,
        cause.trigger,
        cause.source,
        event.occurred_at,
        net_change(event),
        getattr(event, "rule", ""),
        getattr(event, "program", ""),
        getattr(event, "program_version", 0),
        getattr(event, "lot", ""),
        event.balance,
        event.pending,
        event.lifetime,
        event.deficit,
        logged.text,
        logged.recorded_at_ms,
    )


def _open_lot(view: View, logged: Logged, lot: str, remaining: int) -> None:
    event = logged.event
    assert isinstance(event, PointsEarned | PointsAdjusted)
    key = (event.site, event.customer, lot)
    if key in view.lots:
        raise LogBroken(f"{':'.join(key[:2])} opens lot {lot} twice, at {event.sequence}.")
    available_at = getattr(event, "available_at", event.occurred_at)
    row = _new_lot(logged, lot, event.points, event.occurred_at, available_at)
    row.remaining, row.expires_at = remaining, event.expires_at
    row.closed_at = None if remaining else event.occurred_at
    if isinstance(event, PointsEarned):
        row.promotional, row.waits = event.promotional, bool(event.activates_on)
    view.changed_lots.add(key)
    view.lots[key] = row
    _flow(view, row, event, "earned" if isinstance(event, PointsEarned) else "adjusted", row.points)
    if remaining != row.points:
        _flow(view, row, event, "absorbed", remaining - row.points)


def _flow(view: View, lot: LotRow, event: AnyPointsEvent, kind: FlowKind, points: int) -> None:
    day = _day(event.occurred_at // DAY_SECONDS)
    key = (lot.partition, lot.site, lot.program, day[:7], kind)
    flow = view.flows.get(key)
    if flow is None:
        flow = view.flows[key] = FlowRow(*key)
    flow.points += points
    flow.changes += 1
    key = (lot.partition, lot.site, lot.program, day, kind)
    of_day = view.day_flows.get(key)
    if of_day is None:
        of_day = view.day_flows[key] = DayFlowRow(*key)
    of_day.points += points
    of_day.changes += 1


@lru_cache(maxsize=4096)
def _day(days: int) -> str:
    return datetime.fromtimestamp(days * DAY_SECONDS, UTC).strftime("%Y-%m-%d")


def _new_lot(logged: Logged, lot: str, points: int, opened_at: int, available_at: int) -> LotRow:
    event = logged.event
    return LotRow(
        event.site,
        event.customer,
        lot,
        logged.partition,
        event.sequence,
        event.cause.fact,
        getattr(event, "rule", ""),
        getattr(event, "program", ""),
        getattr(event, "program_version", 0),
        points,
        points,
        opened_at,
        available_at,
        None,
        None,
    )


def _activate(view: View, event: PointsActivated) -> None:
    row = _move(view, event, event.lot, "absorbed", -event.absorbed)
    row.available_at, row.waits = event.occurred_at, False
    if event.expires_at is not None:
        row.expires_at = event.expires_at


def _extend(view: View, event: PointsExtended) -> None:
    for change in event.lots:
        _move(view, event, change.lot, None, 0).expires_at = event.expires_at


def _correct(view: View, logged: Logged, event: CorrectionApplied) -> None:
    """Each lot stands as told, whether or not it was known before."""
    for state in event.lots:
        key = (event.site, event.customer, state.lot)
        row = view.lots.get(key)
        if row is None:
            row = view.lots[key] = _new_lot(
                logged, state.lot, state.points, state.earned_at, state.available_at
            )
            row.remaining = 0
        view.changed_lots.add(key)
        _flow(view, row, event, "corrected", state.points - row.remaining)
        row.remaining = state.points
        row.points = max(row.points, state.points)
        row.available_at, row.expires_at = state.available_at, state.expires_at
        row.promotional, row.waits = state.promotional, bool(state.waits_for)
        row.closed_at = None if state.points else event.occurred_at


def _move_all(
    view: View,
    event: AnyPointsEvent,
    changes: tuple[LotChange, ...],
    kind: FlowKind,
    direction: int,
) -> None:
    for change in changes:
        _move(view, event, change.lot, kind, direction * change.points)


def _move(
    view: View, event: AnyPointsEvent, lot: str, kind: FlowKind | None, points: int
) -> LotRow:
    key = (event.site, event.customer, lot)
    row = view.lots.get(key)
    if row is None:
        raise LogBroken(
            f"{':'.join(key[:2])} changes lot {lot} at sequence {event.sequence}, "
            "and that lot was never opened."
        )
    view.changed_lots.add(key)
    row.remaining += points
    row.closed_at = None if row.remaining else event.occurred_at
    if kind is not None and points:
        _flow(view, row, event, kind, points)
    return row


def _earn_reward(view: View, logged: Logged, event: RewardEarned) -> None:
    if event.reward_id in view.rewards:
        raise LogBroken(f"The reward {event.reward_id} is earned twice.")
    view.changed_rewards.add(event.reward_id)
    view.rewards[event.reward_id] = RewardRow(
        event.reward_id,
        event.site,
        event.customer,
        logged.partition,
        event.sequence,
        event.reward,
        event.program,
        event.program_version,
        "earned",
        event.cost,
        msgspec.json.encode(event.grant).decode(),
        "",
        "",
        event.occurred_at,
        event.occurred_at,
    )


def _settle_reward(
    view: View,
    event: RewardDelivered | RewardFailed | RewardRevoked,
    state: RewardState,
    *,
    reference: str = "",
    reason: str = "",
) -> None:
    row = view.rewards.get(event.reward_id)
    if row is None:
        raise LogBroken(f"{type(event).__name__} of {event.reward_id}, which was never earned.")
    view.changed_rewards.add(event.reward_id)
    if (row.state, state) == ("failed", "revoked"):
        return  # nothing had reached the customer that could be taken back
    # A delivery that crosses a revocation on the way does not undo it.
    row.state = row.state if row.state == "revoked" else state
    row.reference = reference or row.reference
    row.reason = reason or row.reason
    row.changed_at = event.occurred_at
