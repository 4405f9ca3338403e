"""What a fact must keep to for anyone to count with it: instants of the calendar, sane sums. PURE.

A message may be well-formed and still say that something happened in the year 57886, which is what
milliseconds look like. No calendar counts on from there, so such a fact is refused, not folded.
"""

from schemas.codec import DecodeError
from schemas.facts import AnyFact, Subscription

LAST_INSTANT = 4_102_444_800
"""The year 2100."""
AMOUNT_MAX = 10**12
"""Points or minor units in one fact."""

_COUNTED_FROM = ("activated_at", "started_at", "created_at", "term_start")
"""The instants of a subscription that years are counted from."""
_AMOUNTS = ("amount_minor", "points")


class OutOfBoundsError(DecodeError):
    """A fact holds a figure that cannot be meant."""


def check(fact: AnyFact) -> None:
    """Raises `OutOfBoundsError`."""
    if not 0 <= fact.occurred_at <= LAST_INSTANT:
        raise OutOfBoundsError(_no_instant(fact, "occurred_at", fact.occurred_at))
    until: int | None = getattr(fact, "until", None)
    if until is not None and not 0 <= until <= LAST_INSTANT:
        raise OutOfBoundsError(_no_instant(fact, "until", until))
    seen: Subscription | None = getattr(fact, "subscription", None)
    if seen is not None:
        for name in _COUNTED_FROM:
            instant = getattr(seen, name)
            if instant is not None and not 0 <= instant <= LAST_INSTANT:
                raise OutOfBoundsError(_no_instant(fact, f"subscription.{name}", instant))
    for name in _AMOUNTS:
        amount = getattr(fact, name, 0)
        if not -AMOUNT_MAX <= amount <= AMOUNT_MAX:
            raise OutOfBoundsError(
                f"{type(fact).__name__}: {name} is {amount}; write at most {AMOUNT_MAX}"
            )


def _no_instant(fact: AnyFact, name: str, instant: int) -> str:
    return (
        f"{type(fact).__name__}: {name} is {instant}, which is no time in unix seconds "
        "between 1970 and 2100; milliseconds are divided by 1000"
    )
