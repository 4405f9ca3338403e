"""The calendar on the wall, the plain way: local date and time, moved, and read as an instant.

A local time that a clock change skips is that much later, one that it repeats is the first.
"""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from dateutil.rrule import rrulestr

from schemas.program.rules import Recurrence

CalendarPeriod = Literal["day", "week", "month", "quarter", "year"]

_PART = re.compile(r"(\d+)([YMWDHS])")


@lru_cache
def _read(duration: str) -> tuple[relativedelta, int]:
    """The calendar part of an ISO 8601 duration, and its exact seconds."""
    date, _, time = duration.removeprefix("P").partition("T")
    days = {unit: int(number) for number, unit in _PART.findall(date)}
    seconds = {unit: int(number) for number, unit in _PART.findall(time)}
    calendar = relativedelta(
        years=days.get("Y", 0),
        months=days.get("M", 0),
        weeks=days.get("W", 0),
        days=days.get("D", 0),
    )
    exact = seconds.get("H", 0) * 3_600 + seconds.get("M", 0) * 60 + seconds.get("S", 0)
    return calendar, exact


def local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at, zone).replace(tzinfo=None, fold=0)


def instant(wall: datetime, zone: ZoneInfo) -> int:
    return int(wall.replace(tzinfo=zone, fold=0).timestamp())


def later(at: int, duration: str, zone: ZoneInfo) -> int:
    calendar, exact = _read(duration)
    return (instant(local(at, zone) + calendar, zone) if calendar else at) + exact


def earlier(at: int, duration: str, zone: ZoneInfo) -> int:
    calendar, exact = _read(duration)
    return (instant(local(at, zone) - calendar, zone) if calendar else at) - exact


def years_after(at: int, years: int, zone: ZoneInfo) -> int:
    return instant(local(at, zone) + relativedelta(years=years), zone)


def whole_years(start: int, end: int, zone: ZoneInfo) -> int:
    """How many anniversaries of the local date `start` lie on or before the local date `end`."""
    years = 0
    while local(years_after(start, years + 1, zone), zone).date() <= local(end, zone).date():
        years += 1
    return years


def first_of(at: int, period: CalendarPeriod, zone: ZoneInfo) -> datetime:
    """Local midnight of the first day of the calendar period."""
    day = local(at, zone).replace(hour=0, minute=0, second=0)
    match period:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(day=1, month={0: 1, 1: 4, 2: 7, 3: 10}[(day.month - 1) // 3])
        case "year":
            return day.replace(day=1, month=1)


def end_of(at: int, period: CalendarPeriod, zone: ZoneInfo) -> int:
    """The first instant of the next calendar period."""
    length = {
        "day": relativedelta(days=1),
        "week": relativedelta(weeks=1),
        "month": relativedelta(months=1),
        "quarter": relativedelta(months=3),
        "year": relativedelta(years=1),
    }
    return instant(first_of(at, period, zone) + length[period], zone)


def round_up(at: int, period: CalendarPeriod, zone: ZoneInfo) -> int:
    """The end of the period, unless the instant is the beginning of one."""
    return at if at == instant(first_of(at, period, zone), zone) else end_of(at, period, zone)


def occurs(recurrence: Recurrence, at: int, zone: ZoneInfo) -> bool:
    """Whether an occurrence began at or before the instant and is not over."""
    for begins in rrulestr(recurrence.rule, dtstart=recurrence.start):
        start = instant(begins, zone)
        if begins > local(at, zone) + timedelta(days=2):
            return False
        if start <= at < later(start, recurrence.duration, zone):
            return True
    return False
