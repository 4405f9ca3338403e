"""The calendar: month ends, leap days, clock changes, ISO weeks, recurrences."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from schemas.program.periods import (
    CalendarPeriod,
    Period,
    PeriodError,
    Windows,
    add,
    parse_period,
    parse_zone,
    period_end,
    period_key,
    period_start,
    round_up,
    subtract,
    to_instant,
    to_local,
)

BERLIN = ZoneInfo("Europe/Berlin")
UTC = ZoneInfo("UTC")


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return to_instant(datetime.fromisoformat(text), zone)


def wall(instant: int, zone: ZoneInfo = BERLIN) -> str:
    return to_local(instant, zone).isoformat()


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("P12M", Period(months=12)),
        ("P1Y", Period(months=12)),
        ("P1Y6M", Period(months=18)),
        ("P14D", Period(days=14)),
        ("P2W", Period(days=14)),
        ("PT24H", Period(seconds=86_400)),
        ("PT1H30M5S", Period(seconds=5405)),
        ("P1DT12H", Period(days=1, seconds=43_200)),
    ],
)
def test_an_iso_duration_is_read(text: str, period: Period) -> None:
    assert parse_period(text) == period


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1", "12M", "P1H", "PT1D", "P-1D", "P1.5D", "p1d", " P1D", "P1D ", "12 months",
     "P1DT", "P1M1Y", "P\u0661D"],
)  # fmt: skip
def test_what_is_no_duration_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(PeriodError, match="P12M"):
        parse_period(text)


@pytest.mark.parametrize("text", ["P0D", "PT0S", "P0M"])
def test_no_time_at_all_is_no_period(text: str) -> None:
    with pytest.raises(PeriodError, match="leave the key out"):
        parse_period(text)


def test_a_period_beyond_a_century_is_refused() -> None:
    assert parse_period("P100Y") == Period(months=1200)
    with pytest.raises(PeriodError, match="100 years"):
        parse_period("P101Y")


def test_an_unknown_zone_is_told_what_a_zone_is() -> None:
    assert parse_zone("Europe/Berlin") == BERLIN
    for name in ("Europe/Berln", "", "../etc/passwd", "CEST+1"):
        with pytest.raises(PeriodError, match="IANA"):
            parse_zone(name)


@pytest.mark.parametrize(
    ("start", "period", "end"),
    [
        ("2027-01-31T10:00", "P1M", "2027-02-28T10:00:00+01:00"),
        ("2028-01-31T10:00", "P1M", "2028-02-29T10:00:00+01:00"),
        ("2028-02-29T10:00", "P1Y", "2029-02-28T10:00:00+01:00"),
        ("2028-02-29T10:00", "P4Y", "2032-02-29T10:00:00+01:00"),
        ("2026-12-31T10:00", "P2M", "2027-02-28T10:00:00+01:00"),
        ("2026-11-30T10:00", "P1M", "2026-12-30T10:00:00+01:00"),
        ("2026-03-28T12:00", "P1D", "2026-03-29T12:00:00+02:00"),
        ("2026-03-28T12:00", "PT24H", "2026-03-29T13:00:00+02:00"),
        ("2026-03-28T02:30", "P1D", "2026-03-29T03:30:00+02:00"),
        ("2026-10-24T02:30", "P1D", "2026-10-25T02:30:00+02:00"),
        ("2027-01-31T10:00", "P1M1D", "2027-03-01T10:00:00+01:00"),
    ],
)
def test_a_period_is_added_by_the_calendar(start: str, period: str, end: str) -> None:
    assert wall(add(at(start), parse_period(period), BERLIN)) == end


def test_the_zone_decides_which_month_it_is() -> None:
    instant = at("2027-01-31T23:30", UTC)
    month = parse_period("P1M")

    assert add(instant, month, UTC) == at("2027-02-28T23:30", UTC)
    assert add(instant, month, BERLIN) == at("2027-03-01T00:30", BERLIN)


def test_a_rolling_window_begins_a_period_before() -> None:
    assert wall(subtract(at("2027-03-31T10:00"), parse_period("P1M"), BERLIN)) == (
        "2027-02-28T10:00:00+01:00"
    )
    assert subtract(1000, parse_period("PT10S"), BERLIN) == 990


@pytest.mark.parametrize(
    ("unit", "end"),
    [
        ("day", "2026-11-25T00:00:00+01:00"),
        ("week", "2026-11-30T00:00:00+01:00"),
        ("month", "2026-12-01T00:00:00+01:00"),
        ("quarter", "2027-01-01T00:00:00+01:00"),
        ("year", "2027-01-01T00:00:00+01:00"),
    ],
)
def test_rounding_up_goes_to_the_end_of_the_period(unit: CalendarPeriod, end: str) -> None:
    assert wall(round_up(at("2026-11-24T12:00"), unit, BERLIN)) == end


@pytest.mark.parametrize("unit", ["month", "quarter", "year"])
def test_an_instant_that_ends_a_period_already_stays(unit: CalendarPeriod) -> None:
    new_year = at("2027-01-01T00:00")

    assert round_up(new_year, unit, BERLIN) == new_year
    assert round_up(new_year - 1, unit, BERLIN) == new_year
    assert period_end(new_year, unit, BERLIN) > new_year


@pytest.mark.parametrize(
    ("unit", "key"),
    [("day", 20261231), ("week", 202653), ("month", 202612), ("quarter", 20264), ("year", 2026)],
)
def test_a_period_has_a_number_to_count_under(unit: CalendarPeriod, key: int) -> None:
    assert period_key(at("2026-12-31T23:59"), unit, BERLIN) == key


def test_an_iso_week_belongs_to_the_year_that_holds_its_thursday() -> None:
    assert period_key(at("2027-01-03T23:59"), "week", BERLIN) == 202653
    assert period_key(at("2027-01-04T00:00"), "week", BERLIN) == 202701
    assert period_start(at("2027-01-03T12:00"), "week", BERLIN) == at("2026-12-28T00:00")


def test_a_day_of_a_clock_change_has_23_or_25_hours() -> None:
    spring, autumn = at("2026-03-29T12:00"), at("2026-10-25T12:00")

    for instant, hours in ((spring, 23), (autumn, 25)):
        length = period_end(instant, "day", BERLIN) - period_start(instant, "day", BERLIN)
        assert length == hours * 3600


def test_a_skipped_local_time_is_that_much_later_and_a_repeated_one_the_first() -> None:
    assert wall(at("2026-03-29T02:30")) == "2026-03-29T03:30:00+02:00"
    assert wall(at("2026-10-25T02:30")) == "2026-10-25T02:30:00+02:00"


def weekend(rule: str = "FREQ=WEEKLY;BYDAY=SA", duration: str = "P2D") -> Windows:
    return Windows(rule, datetime.fromisoformat("2026-01-03"), parse_period(duration), BERLIN)


def test_a_window_is_open_from_its_start_to_just_before_its_end() -> None:
    windows = weekend()

    for moment, is_open in (
        ("2026-01-02T23:59:59", False),
        ("2026-01-03T00:00:00", True),
        ("2026-01-04T23:59:59", True),
        ("2026-01-05T00:00:00", False),
        ("2026-11-29T12:00:00", True),
        ("2026-11-30T12:00:00", False),
    ):
        assert windows.is_open(at(moment)) is is_open, moment


def test_a_window_answers_in_any_order() -> None:
    windows = weekend()

    assert windows.is_open(at("2030-01-05T12:00"))
    assert windows.is_open(at("2026-01-03T12:00"))
    assert not windows.is_open(at("2025-01-04T12:00"))


def test_a_window_over_a_clock_change_lasts_two_calendar_days() -> None:
    windows = weekend()

    assert windows.is_open(at("2026-03-29T23:59:59"))
    assert not windows.is_open(at("2026-03-30T00:00:00"))


def test_a_window_that_a_clock_change_skips_opens_later() -> None:
    nightly = Windows(
        "FREQ=DAILY", datetime.fromisoformat("2026-03-20T02:30"), parse_period("PT15M"), BERLIN
    )

    assert nightly.is_open(at("2026-03-28T02:30"))
    assert nightly.is_open(at("2026-03-29T03:30"))
    assert not nightly.is_open(at("2026-03-29T03:45"))


def test_a_recurrence_ends_with_its_count_or_until() -> None:
    assert not weekend("FREQ=WEEKLY;BYDAY=SA;COUNT=2").is_open(at("2026-01-17T12:00"))
    assert weekend("FREQ=WEEKLY;BYDAY=SA;UNTIL=20260117T000000").is_open(at("2026-01-17T12:00"))
    assert not weekend("FREQ=WEEKLY;BYDAY=SA;UNTIL=20260117T000000").is_open(at("2026-01-24T12:00"))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("every saturday", "FREQ"),
        ("FREQ=HOURLY", "DAILY"),
        ("FREQ=WEEKLY;BYDAY=XX", "RFC 5545"),
        ("FREQ=WEEKLY;UNTIL=20260117T000000Z", "without Z"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "RFC 5545"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never occurs"),
    ],
)
def test_a_wrong_recurrence_is_told_what_is_wrong(rule: str, said: str) -> None:
    with pytest.raises(PeriodError, match=said):
        weekend(rule)
