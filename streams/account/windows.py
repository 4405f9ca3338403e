"""The window in which things count towards a tier, and when they leave it. PURE.

A rolling window is a period of the calendar, so that where exactly a thing leaves it depends on the
month; everything clearly within or without is told by two comparisons.
"""

from calendar import isleap
from datetime import date, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from schemas.program import periods

KEPT_SECONDS: Final = 2 * 366 * 86_400
"""What counted is remembered for two years, or for the window where that is longer."""

_DAY: Final = 86_400
_SLACK: Final = 5 * _DAY
"""More than the calendar makes of any number of average months: month ends, leap days, clocks."""
_MONTH: Final = 2_629_746
"""The average month of the calendar, in seconds."""


class Window:
    """`for_life` never ends, `by_year` ends for everything at once: at a year of the calendar, or
    `by_membership`, counted from the local day on which the account joined. What is not older
    than `sure` seconds is in a rolling window for certain, what is older than `gone` has left it.
    """

    __slots__ = ("_period", "_zone", "by_membership", "by_year", "for_life", "gone", "sure")

    def __init__(self, text: str, zone: ZoneInfo) -> None:
        self._zone = zone
        self.for_life = text == "lifetime"
        self.by_membership = text == "membership_year"
        self.by_year = self.by_membership or text == "calendar_year"
        written = not self.for_life and not self.by_year
        self._period = periods.parse_period(text) if written else None
        length = 0
        if self._period is not None:
            period = self._period
            length = period.months * _MONTH + period.days * _DAY + period.seconds
        self.sure, self.gone = max(0, length - _SLACK), length + _SLACK

    def leaves_at(self, at: int, joined_at: int) -> int:
        """When something that counts from `at` stops counting."""
        assert not self.for_life
        if self._period is not None:
            return periods.add(at, self._period, self._zone)
        return self._year(at, joined_at)[1]

    def year_start(self, at: int, joined_at: int) -> int:
        """The first instant of the year that holds `at`."""
        assert self.by_year
        return self._year(at, joined_at)[0]

    def looks_back_to(self, at: int) -> int:
        """Nothing before this is asked for by the instant; exactness ends here."""
        if self.for_life:
            return at
        return at - (KEPT_SECONDS if self.by_year else self.gone)

    def _year(self, at: int, joined_at: int) -> tuple[int, int]:
        day = periods.local_day(at, self._zone)
        if not self.by_membership:
            return _calendar_year(day, self._zone)
        return _membership_year(day, periods.local_day(joined_at, self._zone), self._zone)


@lru_cache(maxsize=4096)
def _calendar_year(day: int, zone: ZoneInfo) -> tuple[int, int]:
    year = periods.local_date(day).year
    return _midnight(date(year, 1, 1), zone), _midnight(date(year + 1, 1, 1), zone)


@lru_cache(maxsize=4096)
def _membership_year(day: int, joined_day: int, zone: ZoneInfo) -> tuple[int, int]:
    """The year around a local day, from one day of joining to the next; 29 Feb is kept on 28."""
    today, joined = periods.local_date(day), periods.local_date(joined_day)
    year = today.year if today >= _in_year(joined, today.year) else today.year - 1
    return _midnight(_in_year(joined, year), zone), _midnight(_in_year(joined, year + 1), zone)


def _in_year(joined: date, year: int) -> date:
    leap_day = (joined.month, joined.day) == (2, 29)
    return joined.replace(year=year, day=28 if leap_day and not isleap(year) else joined.day)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return periods.to_instant(datetime.fromordinal(day.toordinal()), zone)
