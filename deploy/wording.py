"""Say points events, instants and tiers in a few words, for people. PURE."""

from typing import TYPE_CHECKING

from projections.wording import HAPPENED, NOTHING, decided_by, instant, what_happened
from schemas.program.amounts import money_text

if TYPE_CHECKING:
    from streams.account.outlook import TierOutlook

__all__ = ["HAPPENED", "NOTHING", "decided_by", "instant", "to_rise", "to_stay", "what_happened"]


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
