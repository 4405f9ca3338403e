"""Say points events and instants in a few words, for people. PURE."""

from datetime import UTC, datetime
from typing import assert_never

from schemas.points import (
    AccountErased,
    AnyPointsEvent,
    CorrectionApplied,
    FactIgnored,
    Multiplier,
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

NOTHING = "—"

HAPPENED = {
    "PointsEarned": "earned",
    "PointsActivated": "became spendable",
    "PointsExtended": "live longer",
    "PointsExpiringSoon": "expire soon",
    "PointsExpired": "expired",
    "PointsReversed": "taken back",
    "PointsRedeemed": "spent",
    "PointsRestored": "given back",
    "PointsAdjusted": "adjusted by hand",
    "TierChanged": "tier changed",
    "RewardEarned": "reward earned",
    "RewardDelivered": "reward delivered",
    "RewardFailed": "reward failed",
    "RewardRevoked": "reward withdrawn",
    "CorrectionApplied": "put in order",
    "FactIgnored": "nothing moved",
    "AccountErased": "account erased",
}


def what_happened(event: AnyPointsEvent) -> str:
    return HAPPENED[type(event).__name__]


def decided_by(event: AnyPointsEvent) -> str:  # noqa: C901 - one line for each kind of event
    """Which rule, reward or reason the event follows; empty where its fact says it all."""
    match event:
        case PointsEarned():
            waits = f", waits for {event.activates_on}" if event.activates_on else ""
            text = f"{event.rule}{_times(event.multipliers)}{waits}"
        case PointsExpired():
            text = event.reason
        case PointsExtended() | PointsExpiringSoon():
            text = f"until {instant(event.expires_at)}"
        case PointsReversed():
            text = f"undoes {event.earned_by}"
        case PointsAdjusted():
            text = f"{event.reason} ({event.actor})" if event.actor else event.reason
        case TierChanged():
            by_hand = f": {event.assigned_reason} ({event.actor})" if event.actor else ""
            text = f"{event.from_tier or NOTHING} → {event.to_tier or NOTHING}{by_hand}"
        case PointsRedeemed() | PointsRestored() | RewardEarned() | RewardDelivered():
            text = event.reward
        case RewardFailed() | RewardRevoked():
            text = f"{event.reward}: {event.reason}"
        case FactIgnored() | CorrectionApplied():
            text = event.detail or getattr(event, "reason", "")
        case PointsActivated() | AccountErased():
            text = ""
        case _:
            assert_never(event)
    return text


def _times(multipliers: tuple[Multiplier, ...]) -> str:
    return "".join(f" × {each.factor} ({each.id})" for each in multipliers)


def instant(seconds: int | None) -> str:
    """To the minute, in UTC; a dash where there is none."""
    if seconds is None:
        return NOTHING
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
