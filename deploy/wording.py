"""Say points events and instants in a few words, for people. PURE."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

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
from schemas.program.amounts import money_text

if TYPE_CHECKING:
    from streams.account.outlook import TierOutlook

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
            text = f"{event.reason} ({event.actor})"
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


def to_rise(outlook: "TierOutlook | None") -> str:
    """What is missing to the next tier, such as `120 to saguaro`."""
    if outlook is None or outlook.missing is None:
        return ""
    return f"{_counted(outlook.missing, outlook)} to {outlook.next_tier}"


def to_stay(outlook: "TierOutlook | None") -> str:
    """What keeps the tier, and until when that is needed or somebody holds it."""
    if outlook is None:
        return ""
    if outlook.held_tier == outlook.tier and outlook.held_tier:
        return f"held until {_day(outlook.held_until)}" if outlook.held_until else "held for good"
    if outlook.needed_to_keep is None or outlook.review_at is None:
        return ""
    last = ", when grace ends" if outlook.grace_until is not None else ""
    return f"{_counted(outlook.needed_to_keep, outlook)} by {_day(outlook.review_at)}{last}"


def _day(seconds: int) -> str:
    return instant(seconds)[:10]


def _counted(value: int, outlook: "TierOutlook") -> str:
    return money_text(value, outlook.currency) if outlook.currency else f"{value:,}"
