"""Points events to the ledger: the only code that changes lots, figures, tier and rewards. PURE."""

from collections.abc import Callable
from typing import Any

from schemas.points import (
    AccountErased,
    AnyPointsEvent,
    FactIgnored,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsRestored,
    PointsReversed,
    RewardDelivered,
    RewardEarned,
    RewardFailed,
    RewardRevoked,
    TierChanged,
)
from schemas.rewards import Feature
from streams.account import lots
from streams.account.state import NEVER, Account, HeldFeature, Ledger, Lot, OpenReward


def evolve(account: Account, event: AnyPointsEvent) -> None:
    """Change the account's ledger in place by one event. Events come gapless, in sequence."""
    ledger = account.ledger
    assert event.sequence == ledger.sequence + 1, "a gap in the sequence"
    ledger.sequence = event.sequence
    _CHANGES[type(event)](ledger, event)


def ordinal_of(reward_id: str) -> int:
    """The firing that a reward id names: its last part."""
    return int(reward_id.rpartition(":")[2])


def find_open(ledger: Ledger, reward: str, ordinal: int) -> OpenReward | None:
    for each in ledger.open_rewards:
        if each.ordinal == ordinal and each.reward == reward:
            return each
    return None


def _earned(ledger: Ledger, event: PointsEarned) -> None:
    ledger.lifetime += event.points
    ledger.deficit -= event.absorbed
    left = event.points - event.absorbed
    if left:
        lots.insert(
            ledger.lots,
            Lot(
                event.sequence,
                left,
                event.occurred_at,
                event.available_at,
                event.expires_at or NEVER,
                event.available_at <= event.occurred_at,
            ),
        )


def _activated(ledger: Ledger, event: PointsActivated) -> None:
    lot = lots.find(ledger.lots, int(event.lot))
    assert lot is not None, f"lot {event.lot} is not open"
    lot.active = True
    lot.points -= event.absorbed
    ledger.deficit -= event.absorbed
    if lot.points == 0:
        ledger.lots.remove(lot)


def _expired(ledger: Ledger, event: PointsExpired) -> None:
    lots.take(ledger.lots, event.lots)


def _reversed(ledger: Ledger, event: PointsReversed) -> None:
    lots.take(ledger.lots, event.lots)
    ledger.deficit += event.overdrawn
    ledger.lifetime -= event.points


def _redeemed(ledger: Ledger, event: PointsRedeemed) -> None:
    pieces = lots.take(ledger.lots, event.lots)
    waiting = find_open(ledger, event.reward, ordinal_of(event.reward_id))
    assert waiting is not None, "points are only redeemed for a reward that was earned"
    waiting.taken.extend(pieces)


def _restored(ledger: Ledger, event: PointsRestored) -> None:
    waiting = find_open(ledger, event.reward, ordinal_of(event.reward_id))
    assert waiting is not None, "points only come back from a reward that is open"
    pieces = {piece.id: piece for piece in waiting.taken}
    for change in event.lots:
        lots.put_back(ledger.lots, pieces[int(change.lot)], change.points)
    ledger.deficit -= event.absorbed
    ledger.open_rewards.remove(waiting)


def _adjusted(ledger: Ledger, event: PointsAdjusted) -> None:
    if event.points < 0:
        lots.take(ledger.lots, event.lots)
        ledger.deficit += event.overdrawn
        return
    ledger.deficit -= event.absorbed
    left = event.points - event.absorbed
    if left:
        at = event.occurred_at
        lots.insert(ledger.lots, Lot(event.sequence, left, at, at, event.expires_at or NEVER))


def _tier_changed(ledger: Ledger, event: TierChanged) -> None:
    ledger.tier = event.to_tier
    ledger.tier_since = event.occurred_at


def _reward_earned(ledger: Ledger, event: RewardEarned) -> None:
    ordinal = ordinal_of(event.reward_id)
    ledger.fired[event.reward] = ordinal
    ledger.open_rewards.append(OpenReward(event.reward, ordinal))
    if isinstance(event.grant, Feature) and event.grant.while_in_tier:
        ledger.held.append(HeldFeature(event.reward, ordinal, ledger.tier))


def _reward_delivered(ledger: Ledger, event: RewardDelivered) -> None:
    waiting = find_open(ledger, event.reward, ordinal_of(event.reward_id))
    assert waiting is not None, "only an open reward has an outcome"
    ledger.open_rewards.remove(waiting)


def _reward_failed(ledger: Ledger, event: RewardFailed) -> None:
    ordinal = ordinal_of(event.reward_id)
    waiting = find_open(ledger, event.reward, ordinal)
    assert waiting is not None, "only an open reward has an outcome"
    if not waiting.taken:
        ledger.open_rewards.remove(waiting)
    _release(ledger, event.reward, ordinal)


def _reward_revoked(ledger: Ledger, event: RewardRevoked) -> None:
    _release(ledger, event.reward, ordinal_of(event.reward_id))


def _release(ledger: Ledger, reward: str, ordinal: int) -> None:
    ledger.held = [each for each in ledger.held if (each.reward, each.ordinal) != (reward, ordinal)]


def _ignored(_ledger: Ledger, _event: FactIgnored) -> None:
    """Nothing moved but the sequence."""


def _erased(ledger: Ledger, _event: AccountErased) -> None:
    ledger.erased = True
    ledger.open_rewards.clear()
    ledger.held.clear()
    ledger.fired.clear()


_CHANGES: dict[type, Callable[[Ledger, Any], None]] = {
    PointsEarned: _earned,
    PointsActivated: _activated,
    PointsExpired: _expired,
    PointsReversed: _reversed,
    PointsRedeemed: _redeemed,
    PointsRestored: _restored,
    PointsAdjusted: _adjusted,
    TierChanged: _tier_changed,
    RewardEarned: _reward_earned,
    RewardDelivered: _reward_delivered,
    RewardFailed: _reward_failed,
    RewardRevoked: _reward_revoked,
    FactIgnored: _ignored,
    AccountErased: _erased,
}
