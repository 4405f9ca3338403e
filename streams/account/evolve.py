"""Points events to the ledger: the only code that changes lots, figures, tier and rewards. PURE."""

from collections.abc import Callable, Sequence
from typing import Any, Final

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
from streams.account import lots, payments
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

TIER_LEFT, REFUNDED, CANCELLED, CORRECTED = "tier_left", "refunded", "cancelled", "corrected"
"""Why a reward is revoked. One that is corrected never stood: what had paid for it is corrected
with the lots."""
GIVES_BACK: Final = frozenset({REFUNDED, CANCELLED})
"""Reasons after which the reward's cost comes back."""
ON_PAYMENT, ON_LIFETIME, ON_TIER = "payment:", "lifetime:", "tier:"
"""What a reward rests on, as `RewardEarned.rests_on` begins."""
MAX_SETTLED: Final = payments.MAX_PAYMENTS


def evolve(account: Account, event: AnyPointsEvent) -> None:
    """Change the account's ledger in place by one event. Events come gapless, in sequence."""
    ledger, sequence = account.ledger, event.sequence
    assert sequence == ledger.sequence + 1, "a gap in the sequence"
    ledger.sequence = sequence
    if type(event) is PointsEarned:  # as most, and a call by name costs less
        _earned(ledger, event)
    else:
        _CHANGES[type(event)](ledger, event)


def ordinal_of(reward_id: str) -> int:
    """The firing that a reward id names: its last part."""
    return int(reward_id.rpartition(":")[2])


def firing_of(reward_id: str) -> tuple[str, int]:
    """The reward and the firing that a reward id names."""
    return reward_id.rpartition(":")[0].rpartition(":")[2], ordinal_of(reward_id)


def find_open(ledger: Ledger, reward: str, ordinal: int) -> OpenReward | None:
    return _find(ledger.open_rewards, reward, ordinal)


def _find(rewards: Sequence[OpenReward], reward: str, ordinal: int) -> OpenReward | None:
    for each in rewards:
        if each.ordinal == ordinal and each.reward == reward:
            return each
    return None


def find_kept(ledger: Ledger, reward: str, ordinal: int) -> OpenReward | None:
    """An open reward, or a settled one that can still be taken back."""
    return find_open(ledger, reward, ordinal) or _find(ledger.settled, reward, ordinal)


def _earned(ledger: Ledger, event: PointsEarned) -> None:
    points, absorbed = event.points, event.absorbed
    ledger.lifetime += points
    if absorbed:
        ledger.deficit -= absorbed
    left = points - absorbed
    if left:
        at, available_at = event.occurred_at, event.available_at
        lots.insert(
            ledger.lots,
            Lot(
                ids.lot_number(event.lot),
                left,
                at,
                available_at,
                event.expires_at or NEVER,
                available_at <= at,
                PROMOTIONAL if event.promotional else STANDARD,
                f"{event.program}:{event.program_version}:{event.rule}"
                if event.activates_on
                else "",
            ),
        )


def _activated(ledger: Ledger, event: PointsActivated) -> None:
    lot = lots.find(ledger.lots, ids.lot_number(event.lot))
    assert lot is not None, f"lot {event.lot} is not open"
    lot.active = True
    absorbed = event.absorbed
    if absorbed:
        lot.points -= absorbed
        ledger.deficit -= absorbed
    if lot.waits_for:
        lot.waits_for, lot.available_at = "", event.occurred_at
    if event.expires_at is not None:
        lots.expire_later(ledger.lots, lot, event.expires_at)
    if lot.points == 0:
        ledger.lots.remove(lot)


def _extended(ledger: Ledger, event: PointsExtended) -> None:
    moved = {ids.lot_number(change.lot) for change in event.lots}
    lots.expire_all_later(ledger.lots, moved, event.expires_at)
    # What pays for a reward comes back to its lot with the lot's dates.
    for reward in (*ledger.open_rewards, *ledger.settled):
        for piece in reward.taken:
            if piece.id in moved:
                piece.expires_at = event.expires_at


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
    paid_for = find_kept(ledger, event.reward, ordinal_of(event.reward_id))
    assert paid_for is not None, "points only come back from a reward that they paid for"
    pieces = {piece.id: piece for piece in paid_for.taken}
    for change in event.lots:
        lots.put_back(ledger.lots, pieces[ids.lot_number(change.lot)], change.points)
    ledger.deficit -= event.absorbed
    paid_for.taken = []
    _close(ledger, paid_for)


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
    if event.to_tier != ledger.tier:
        ledger.tier = event.to_tier
        ledger.tier_since = event.occurred_at


def _reward_earned(ledger: Ledger, event: RewardEarned) -> None:
    ordinal = ordinal_of(event.reward_id)
    passed_over = ordinal - ledger.fired.get(event.reward, 0) - 1
    ledger.fired[event.reward] = ordinal
    if passed_over:
        ledger.revoked[event.reward] = ledger.revoked.get(event.reward, 0) + passed_over
    at = event.occurred_at if event.counted_at is None else event.counted_at
    earned = OpenReward(
        event.reward, ordinal, request=event.request, rests_on=event.rests_on, at=at
    )
    ledger.open_rewards.append(earned)
    if ledger.settled:
        oldest = event.occurred_at - payments.KEPT_SECONDS
        kept = [each for each in ledger.settled if each.at >= oldest]
        ledger.settled = tuple(kept[-MAX_SETTLED:])
    if isinstance(event.grant, Feature) and event.grant.while_in_tier:
        ledger.held += (HeldFeature(event.reward, ordinal, ledger.tier),)


def _reward_delivered(ledger: Ledger, event: RewardDelivered) -> None:
    waiting = find_open(ledger, event.reward, ordinal_of(event.reward_id))
    assert waiting is not None, "only an open reward has an outcome"
    _close(ledger, waiting)


def _reward_failed(ledger: Ledger, event: RewardFailed) -> None:
    ordinal = ordinal_of(event.reward_id)
    waiting = find_open(ledger, event.reward, ordinal)
    assert waiting is not None, "only an open reward has an outcome"
    if waiting.rests_on.startswith(ON_PAYMENT):
        waiting.rests_on = ""  # a refund has nothing to take back; thresholds still count it
    if not waiting.taken:
        _close(ledger, waiting)
    _release(ledger, event.reward, ordinal)


def _close(ledger: Ledger, reward: OpenReward) -> None:
    """Keep of a reward that waits for nothing only what a refund can take back."""
    if reward in ledger.settled:
        ledger.settled = tuple([each for each in ledger.settled if each != reward])
    else:
        ledger.open_rewards.remove(reward)
    if reward.rests_on:
        ledger.settled += (reward,)


def _corrected(ledger: Ledger, event: CorrectionApplied) -> None:
    told = {ids.lot_number(each.lot): each for each in event.lots}
    ledger.lots = [lot for lot in ledger.lots if lot.id not in told]
    for state in event.lots:
        if state.points:
            lots.insert(ledger.lots, _lot(state))
    for payment in event.rewards:
        paid_for = find_kept(ledger, *firing_of(payment.reward_id))
        assert paid_for is not None, "only the payment of a reward that is kept is corrected"
        paid_for.taken = [_lot(state) for state in payment.lots]
        paid_for.rests_on = payment.rests_on
        if payment.counted_at is not None:
            paid_for.at = payment.counted_at
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
    """One whose tier was left still waits for its outcome."""
    ledger.revoked[event.reward] = ledger.revoked.get(event.reward, 0) + 1
    _release(ledger, event.reward, ordinal_of(event.reward_id))
    reward = find_kept(ledger, event.reward, ordinal_of(event.reward_id))
    if reward is None:
        return
    reward.rests_on = ""
    if event.reason == TIER_LEFT and reward in ledger.open_rewards:
        return
    if reward.taken and event.reason in GIVES_BACK:
        return  # PointsRestored follows
    _close(ledger, reward)


def _release(ledger: Ledger, reward: str, ordinal: int) -> None:
    if ledger.held:
        ledger.held = tuple(
            [each for each in ledger.held if (each.reward, each.ordinal) != (reward, ordinal)]
        )


def _told(_ledger: Ledger, _event: FactIgnored | PointsExpiringSoon) -> None:
    """Nothing moved but the sequence."""


def _erased(ledger: Ledger, _event: AccountErased) -> None:
    ledger.erased = True
    ledger.open_rewards.clear()
    ledger.held = ()
    ledger.fired.clear()
    ledger.revoked.clear()
    ledger.settled = ()


_CHANGES: Final[dict[type, Callable[[Ledger, Any], None]]] = {
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
