"""Calendar time in the program's zone: durations, period ends, counting periods, windows. PURE.

Instants are unix seconds. Years, months, weeks and days are counted on the local calendar, hours
and less exactly. A local time that a clock change skips is taken as that much later (02:30 becomes
03:30); one that it repeats is the first of the two. A month end is clamped: 31 Jan + P1M = 28 Feb.
"""

import re
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrule, rrulestr

CalendarPeriod = Literal["day", "week", "month", "quarter", "year"]

MAX_YEARS = 100
MAX_OCCURRENCES = 20_000
"""A recurrence is followed this far (a daily one for 54 years); later its window stays shut."""

_DURATION = re.compile(
    r"P(?=.)(?:(?P<years>\d{1,3})Y)?(?:(?P<months>\d{1,4})M)?(?:(?P<weeks>\d{1,4})W)?"
    r"(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,10})S)?)?",
    re.ASCII,
)
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_CACHED = 4096
_DAY = 86_400
_SECOND = timedelta(seconds=1)
_EPOCH = date(1970, 1, 1).toordinal()


class PeriodError(ValueError):
    """The text is no period, zone or recurrence; the message says what to write instead."""


class Period(NamedTuple):
    """A calendar duration. Weeks are days, years are months; `seconds` are exact.

    A tuple, because it is a key of caches on the way of every fact: its hash is C's.
    """

    months: int = 0
    days: int = 0
    seconds: int = 0


@lru_cache(maxsize=1024)
def parse_period(text: str) -> Period:
    """An ISO 8601 duration longer than zero, such as P12M, P14D, P1Y, P1W, P1Y6M, PT24H.

    Raises `PeriodError`.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise PeriodError(
            f'"{text}" is no period; write an ISO 8601 duration: '
            "P14D (14 days), P2W, P12M (12 months), P1Y, PT24H (24 hours)"
        )
    part = {name: int(digits or 0) for name, digits in found.groupdict().items()}
    period = Period(
        months=part["years"] * 12 + part["months"],
        days=part["weeks"] * 7 + part["days"],
        seconds=part["hours"] * 3600 + part["minutes"] * 60 + part["seconds"],
    )
    if period == Period():
        raise PeriodError(f'"{text}" is no time at all; leave the key out instead')
    years = period.months / 12 + period.days / 365 + period.seconds / (365 * 86_400)
    if years > MAX_YEARS:
        raise PeriodError(f'"{text}" is longer than {MAX_YEARS} years')
    return period


def parse_zone(name: str) -> ZoneInfo:
    """Raises `PeriodError` for a name that the zone database does not hold."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PeriodError(
            f'"{name}" is no time zone; write an IANA name such as "Europe/Berlin" or "UTC"'
        ) from error


def to_local(instant: int, zone: ZoneInfo) -> datetime:
    """What a clock on the wall in `zone` showed, with its zone."""
    return datetime.fromtimestamp(instant, zone)


def to_instant(local: datetime, zone: ZoneInfo) -> int:
    """The instant of a naive local time, by the clock-change rules of this module.

    A fraction of a second is dropped; `local.fold` is ignored.
    """
    return int(local.replace(tzinfo=zone, fold=0).timestamp() // 1)


@lru_cache(maxsize=_CACHED)
def add(instant: int, period: Period, zone: ZoneInfo) -> int:
    """The instant one `period` later: months, then days on the local calendar, then seconds."""
    if period.months == 0 and period.days == 0:
        return instant + period.seconds
    offset = _offset(instant, zone)
    shift = _shift((instant + offset) // _DAY, offset, period, zone)
    if shift is not None:
        return instant + shift
    local = datetime.fromtimestamp(instant, zone).replace(tzinfo=None)
    shifted = _add_months(local, period.months) + timedelta(days=period.days)
    return to_instant(shifted, zone) + period.seconds


@lru_cache(maxsize=_CACHED)
def subtract(instant: int, period: Period, zone: ZoneInfo) -> int:
    """The instant one `period` earlier: where a rolling window that ends at `instant` begins."""
    if period.months == 0 and period.days == 0:
        return instant - period.seconds
    local = datetime.fromtimestamp(instant, zone).replace(tzinfo=None)
    shifted = _add_months(local, -period.months) - timedelta(days=period.days)
    return to_instant(shifted, zone) - period.seconds


def _add_months(local: datetime, months: int) -> datetime:
    """Months later or earlier; a day that the month lacks becomes its last."""
    if months == 0:
        return local
    years, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    return local.replace(
        year=years, month=month + 1, day=min(local.day, monthrange(years, month + 1)[1])
    )


def period_start(instant: int, period: CalendarPeriod, zone: ZoneInfo) -> int:
    """The first instant of the calendar period that holds `instant`. Weeks are ISO weeks."""
    return _bounds(local_day(instant, zone), period, zone)[0]


def period_end(instant: int, period: CalendarPeriod, zone: ZoneInfo) -> int:
    """The first instant after the calendar period that holds `instant`."""
    return _bounds(local_day(instant, zone), period, zone)[1]


@lru_cache(maxsize=_CACHED)
def round_up(instant: int, period: CalendarPeriod, zone: ZoneInfo) -> int:
    """The end of the period: the first instant after it. An instant that is one already stays."""
    start, end = _bounds(local_day(instant, zone), period, zone)
    return instant if instant == start else end


@lru_cache(maxsize=_CACHED)
def period_key(instant: int, period: CalendarPeriod, zone: ZoneInfo) -> int:
    """The calendar period that holds `instant` as a number that counters can be kept under.

    day 20261124, ISO week 202648, month 202611, quarter 20264, year 2026. Keys of different kinds
    of period may coincide.
    """
    return _key(local_day(instant, zone), period)


def local_day(instant: int, zone: ZoneInfo) -> int:
    """The local date as the number of days since 1 January 1970."""
    return (instant + _offset(instant, zone)) // _DAY


def local_date(day: int) -> date:
    """The date that `local_day` numbers."""
    return date.fromordinal(_EPOCH + day)


def _midnight(day: int) -> datetime:
    return datetime.fromordinal(_EPOCH + day)


def _offset(instant: int, zone: ZoneInfo) -> int:
    """How far the local clock is ahead of UTC, in seconds."""
    steady = _steady_offset(instant // _DAY, zone)
    return steady if steady is not None else _exact_offset(instant, zone)


def _exact_offset(instant: int, zone: ZoneInfo) -> int:
    ahead = datetime.fromtimestamp(instant, zone).utcoffset()
    assert ahead is not None, "a zone tells its offset"
    return ahead // _SECOND


@lru_cache(maxsize=_CACHED)
def _steady_offset(utc_day: int, zone: ZoneInfo) -> int | None:
    """The offset that holds all through a day of UTC, None where clocks change within it."""
    start = utc_day * _DAY
    offsets = {_exact_offset(start + second, zone) for second in (*range(0, _DAY, 3600), _DAY - 1)}
    return offsets.pop() if len(offsets) == 1 else None


@lru_cache(maxsize=_CACHED)
def _shift(day: int, offset: int, period: Period, zone: ZoneInfo) -> int | None:
    """How many seconds adding the period moves any instant of a local day that has this offset.

    None where clocks change on the day it leads to: there it depends on the time of day.
    """
    local = _midnight(day)
    shifted = _add_months(local, period.months) + timedelta(days=period.days)
    midnight = (shifted.toordinal() - _EPOCH) * _DAY
    start = to_instant(shifted, zone)
    for utc_day in (start // _DAY, (start + _DAY - 1) // _DAY):
        if _steady_offset(utc_day, zone) != midnight - start:
            return None
    return start - (day * _DAY - offset) + period.seconds


@lru_cache(maxsize=_CACHED)
def _key(day: int, period: CalendarPeriod) -> int:
    local = local_date(day)
    match period:
        case "day":
            return local.year * 10_000 + local.month * 100 + local.day
        case "week":
            year, week, _ = local.isocalendar()
            return year * 100 + week
        case "month":
            return local.year * 100 + local.month
        case "quarter":
            return local.year * 10 + (local.month + 2) // 3
        case "year":
            return local.year


@lru_cache(maxsize=_CACHED)
def _bounds(day: int, period: CalendarPeriod, zone: ZoneInfo) -> tuple[int, int]:
    """First instant of the period around a local day, and of the next one."""
    local = _midnight(day)
    match period:
        case "day":
            start, end = local, local + timedelta(days=1)
        case "week":
            start = local - timedelta(days=local.weekday())
            end = start + timedelta(days=7)
        case "month":
            start = local.replace(day=1)
            end = _add_months(start, 1)
        case "quarter":
            start = local.replace(month=(local.month - 1) // 3 * 3 + 1, day=1)
            end = _add_months(start, 3)
        case "year":
            start = local.replace(month=1, day=1)
            end = _add_months(start, 12)
    return to_instant(start, zone), to_instant(end, zone)


class Windows:
    """The open times of an RFC 5545 recurrence: each occurrence in local time, `duration` long.

    Occurrences are worked out as later instants are asked for, and remembered.
    """

    def __init__(self, rule: str, start: datetime, duration: Period, zone: ZoneInfo) -> None:
        """Raises `PeriodError` for a rule that is not one of RFC 5545, or that never occurs."""
        self._duration = duration
        self._zone = zone
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._occurrences: Iterator[datetime] = iter(_parse_rule(rule, start))
        self._advance()
        if not self._starts:
            raise PeriodError(f'the recurrence "{rule}" never occurs')

    def is_open(self, instant: int) -> bool:
        """Whether some occurrence began at or before `instant` and has not ended. Ends are open."""
        while self._starts[-1] <= instant and self._advance():
            pass
        index = bisect_right(self._starts, instant)
        return index > 0 and instant < self._ends[index - 1]

    def _advance(self) -> bool:
        if len(self._starts) >= MAX_OCCURRENCES:
            return False
        occurrence = next(self._occurrences, None)
        if occurrence is None:
            return False
        start = to_instant(occurrence, self._zone)
        self._starts.append(start)
        self._ends.append(add(start, self._duration, self._zone))
        return True


def _parse_rule(rule: str, start: datetime) -> rrule:
    text = rule.removeprefix("RRULE:")
    fields = dict(field.partition("=")[::2] for field in text.split(";"))
    if ":" in text or "\n" in text or fields.get("FREQ") not in _FREQUENCIES:
        raise PeriodError(
            f'"{rule}" is no recurrence; write an RFC 5545 rule of FREQ {", ".join(_FREQUENCIES)}, '
            'such as "FREQ=WEEKLY;BYDAY=SA,SU"'
        )
    if fields.get("UNTIL", "").endswith("Z"):
        raise PeriodError("UNTIL is local time in the program's zone; write it without Z")
    try:
        parsed = rrulestr(text, dtstart=start)
    except (ValueError, TypeError, KeyError) as error:
        raise PeriodError(f'"{rule}" is no RFC 5545 recurrence: {error}') from error
    assert isinstance(parsed, rrule)  # one line without RDATE or EXDATE is never a set
    return parsed


def local_text(instant: int) -> str:
    """The instant in UTC for people, to the second."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
