"""What lots are to people: what earned them, and when. Their ids are for machines. PURE."""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.points import CorrectionApplied, PointsAdjusted, PointsEarned


class Credit(NamedTuple):
    """A lot by the rule that opened it, empty where that was a person, and the instant."""

    rule: str
    at: int
    by_hand: bool = False


def credits_in(told: Iterable[object]) -> dict[str, Credit]:
    """By lot, those that events among what is told have opened."""
    found: dict[str, Credit] = {}
    for each in told:
        if isinstance(each, PointsEarned):
            found[each.lot] = Credit(each.rule, each.occurred_at)
        elif isinstance(each, PointsAdjusted) and each.lot:
            found[each.lot] = Credit("", each.occurred_at, by_hand=True)
        elif isinstance(each, CorrectionApplied):
            for state in each.lots:
                found.setdefault(state.lot, Credit("", state.earned_at))
    return found
