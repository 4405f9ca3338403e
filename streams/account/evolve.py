"""Points events to the ledger: the only code that changes lots, figures, tier and rewards. PURE."""

from collections.abc import Callable
from typing import Any

from schemas import ids
from schemas.points import (
    AccountErased,
    AnyPointsEvent,
    CorrectionApplied,
    FactIgnored,
    LotState,
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
from schemas.rewards import Feature
from streams.account import lots
from streams.account.state import (
    NEVER,
    PROMOTIONAL,
    STANDARD,
    Account,
    HeldFeature,
    Ledger,
    Lot,
    OpenReward,
)

CORRECTED = "corrected"
"""Why a reward is revoked that did not fire in the order in which facts happened: it never stood,
and what had paid for it is corrected with the lots."""


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
                ids.lot_number(event.lot),
                left,
                event.occurred_at,
                event.available_at,
                event.expires_at or NEVER,
                event.available_at <= event.occurred_at,
                PROMOTIONAL if event.promotional else STANDARD,
                event.rule if event.activates_on else "",
            ),
        )


def _activated(ledger: Ledger, event: PointsActivated) -> None:
    lot = lots.find(ledger.lots, ids.lot_number(event.lot))
    assert lot is not None, f"lot {event.lot} is not open"
    lot.active = True
    lot.points -= event.absorbed
    ledger.deficit -= event.absorbed
    if lot.waits_for:
        lot.waits_for, lot.available_at = "", event.occurred_at
    if event.expires_at is not None:
        lots.expire_later(ledger.lots, lot, event.expires_at)
    if lot.points == 0:
        ledger.lots.remove(lot)


def _extended(ledger: Ledger, event: PointsExtended) -> None:
    for change in event.lots:
        lot = lots.find(ledger.lots, ids.lot_number(change.lot))
        assert lot is not None, f"lot {change.lot} is not open"
        lots.expire_later(ledger.lots, lot, event.expires_at)


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
        lots.put_back(ledger.lots, pieces[ids.lot_number(change.lot)], change.points)
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
        number = ids.lot_number(event.lot)
        lots.insert(ledger.lots, Lot(number, left, at, at, event.expires_at or NEVER))


def _tier_changed(ledger: Ledger, event: TierChanged) -> None:
    ledger.tier = event.to_tier
    ledger.tier_since = event.occurred_at


def _reward_earned(ledger: Ledger, event: RewardEarned) -> None:
    ordinal = ordinal_of(event.reward_id)
    passed_over = ordinal - ledger.fired.get(event.reward, 0) - 1
    ledger.fired[event.reward] = ordinal
    if passed_over:
        ledger.revoked[event.reward] = ledger.revoked.get(event.reward, 0) + passed_over
    ledger.open_rewards.append(OpenReward(event.reward, ordinal, request=event.request))
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


def _corrected(ledger: Ledger, event: CorrectionApplied) -> None:
    told = {ids.lot_number(each.lot): each for each in event.lots}
    ledger.lots = [lot for lot in ledger.lots if lot.id not in told]
    for state in event.lots:
        if state.points:
            lots.insert(ledger.lots, _lot(state))
    for payment in event.rewards:
        reward = payment.reward_id.rpartition(":")[0].rpartition(":")[2]
        waiting = find_open(ledger, reward, ordinal_of(payment.reward_id))
        assert waiting is not None, "only an open reward's payment is corrected"
        waiting.taken = [_lot(state) for state in payment.lots]
    ledger.deficit, ledger.lifetime = event.deficit, event.lifetime
    if event.tier_since is not None:
        ledger.tier_since = event.tier_since


def _lot(state: LotState) -> Lot:
    return Lot(
        ids.lot_number(state.lot),
        state.points,
        state.earned_at,
        state.available_at,
        state.expires_at or NEVER,
        state.active,
        PROMOTIONAL if state.promotional else STANDARD,
        state.waits_for,
    )


def _reward_revoked(ledger: Ledger, event: RewardRevoked) -> None:
    ordinal = ordinal_of(event.reward_id)
    ledger.revoked[event.reward] = ledger.revoked.get(event.reward, 0) + 1
    _release(ledger, event.reward, ordinal)
    if event.reason == CORRECTED:
        waiting = find_open(ledger, event.reward, ordinal)
        if waiting is not None:
            ledger.open_rewards.remove(waiting)


def _release(ledger: Ledger, reward: str, ordinal: int) -> None:
    ledger.held = [each for each in ledger.held if (each.reward, each.ordinal) != (reward, ordinal)]


def _told(_ledger: Ledger, _event: FactIgnored | PointsExpiringSoon) -> None:
    """Nothing moved but the sequence."""


def _erased(ledger: Ledger, _event: AccountErased) -> None:
    ledger.erased = True
    ledger.open_rewards.clear()
    ledger.held.clear()
    ledger.fired.clear()
    ledger.revoked.clear()


_CHANGES: dict[type, Callable[[Ledger, Any], None]] = {
    PointsEarned: _earned,
    PointsActivated: _activated,
    PointsExtended: _extended,
    PointsExpiringSoon: _told,
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
    CorrectionApplied: _corrected,
    FactIgnored: _told,
    AccountErased: _erased,
}
