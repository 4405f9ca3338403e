"""Billing terms on the calendar: a month is a month, the 31st becomes the last. PURE."""

from datetime import UTC, datetime

from dateutil.relativedelta import relativedelta

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def add_months(anchor: int, months: int) -> int:
    """Counted from one anchor, so that 31 January gives 28 February and then 31 March again."""
    return int((datetime.fromtimestamp(anchor, UTC) + relativedelta(months=months)).timestamp())


def prorate(amount_minor: int, *, left_seconds: int, term_seconds: int) -> int:
    """The share of a term's price that belongs to what is left of the term, rounded half up."""
    assert 0 <= left_seconds <= term_seconds
    return (amount_minor * left_seconds * 2 + term_seconds) // (term_seconds * 2)
