"""Laws of the calendar and of the one rounding."""

from calendar import monthrange
from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.program.amounts import exact_text, parse_exact, points_for, round_points
from schemas.program.periods import (
    CalendarPeriod,
    Period,
    add,
    period_end,
    period_key,
    period_start,
    round_up,
    subtract,
    to_local,
)

ZONES = st.sampled_from(
    [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia",
                                 "Australia/Lord_Howe", "Asia/Kathmandu")]
)  # fmt: skip
INSTANTS = st.integers(min_value=1_230_768_000, max_value=4_102_444_800)  # 2009 to 2100
PERIODS = st.builds(
    Period,
    months=st.integers(0, 240),
    days=st.integers(0, 4000),
    seconds=st.integers(0, 10**7),
)
CALENDAR: st.SearchStrategy[CalendarPeriod] = st.sampled_from(
    ["day", "week", "month", "quarter", "year"]
)
RATIONALS = st.fractions(min_value=-(10**9), max_value=10**9)


CLOCKS = st.sampled_from(
    [ZoneInfo(name) for name in ("Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Tehran",
                                 "Australia/Lord_Howe", "Atlantic/Madeira", "America/Santiago")]
)  # fmt: skip


@given(
    st.integers(0, 2_000_000_000),
    st.integers(-100_000, 100_000) | st.integers(-2, 2),
    PERIODS,
    st.booleans(),
    CLOCKS,
)
@example(500_000_000, 81_217, Period(months=12), True, ZoneInfo("Atlantic/Madeira"))
def test_around_a_clock_change_adding_is_still_what_the_clock_on_the_wall_says(
    before: int, away: int, period: Period, leads_there: bool, zone: ZoneInfo
) -> None:
    changes_at = _next_clock_change(before, zone)
    instant = max(0, (subtract(changes_at, period, zone) if leads_there else changes_at) + away)

    local = to_local(instant, zone).replace(tzinfo=None, fold=0)
    year, month = divmod(local.year * 12 + local.month - 1 + period.months, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    moved = local.replace(year=year, month=month + 1, day=day) + timedelta(days=period.days)
    plain = moved if period.months or period.days else None

    expected = int(plain.replace(tzinfo=zone).timestamp()) if plain is not None else instant
    assert add(instant, period, zone) == expected + period.seconds
    assert period_key(instant, "day", zone) == int(to_local(instant, zone).strftime("%Y%m%d"))


def _next_clock_change(instant: int, zone: ZoneInfo) -> int:
    """The first change within a year or so, or that much later where there is none."""

    def offset(at: int) -> timedelta | None:
        return datetime.fromtimestamp(at, zone).utcoffset()

    days = (instant + day * 86_400 for day in range(400))
    last = next((at for at in days if offset(at + 86_400) != offset(instant)), instant)
    first, after = last, last + 86_400
    while after - first > 1:
        middle = (first + after) // 2
        first, after = (middle, after) if offset(middle) == offset(instant) else (first, middle)
    return after


@given(INSTANTS, INSTANTS, PERIODS, ZONES)
def test_adding_a_period_keeps_the_order(
    one: int, other: int, period: Period, zone: ZoneInfo
) -> None:
    """But for the hours a clock change repeats or skips (a whole day in Apia, 2011)."""
    early, late = sorted((one, other))
    assert add(early, period, zone) <= add(late, period, zone) + 24 * 3600


@given(INSTANTS, PERIODS, ZONES)
def test_adding_never_goes_back(instant: int, period: Period, zone: ZoneInfo) -> None:
    # The second pass through a repeated hour counts as the first: at most that hour is lost.
    assert add(instant, period, zone) >= instant - 3600


@given(INSTANTS, st.integers(1, 240), ZONES.filter(lambda zone: zone.key != "Pacific/Apia"))
def test_months_land_on_the_same_day_or_the_last_of_the_month(
    instant: int, months: int, zone: ZoneInfo
) -> None:
    before = to_local(instant, zone)
    after = to_local(add(instant, Period(months=months), zone), zone)

    year, month = divmod(before.year * 12 + before.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    assert (after.year, after.month, after.day) == (year, month + 1, min(before.day, last))


@given(INSTANTS, st.integers(0, 4000), ZONES)
def test_days_keep_the_time_on_the_wall(instant: int, days: int, zone: ZoneInfo) -> None:
    before = to_local(instant, zone)
    after = to_local(add(instant, Period(days=days), zone), zone)

    shift = abs((after.replace(tzinfo=None) - before.replace(tzinfo=None)) - timedelta(days=days))
    assert shift <= timedelta(days=1 if zone.key == "Pacific/Apia" else 0, hours=1)


@given(INSTANTS, st.integers(0, 10**8), ZONES)
def test_seconds_are_exact_both_ways(instant: int, seconds: int, zone: ZoneInfo) -> None:
    period = Period(seconds=seconds)
    assert add(instant, period, zone) == instant + seconds
    assert subtract(instant + seconds, period, zone) == instant


@given(INSTANTS, CALENDAR, ZONES)
def test_every_instant_lies_in_exactly_its_period(
    instant: int, period: CalendarPeriod, zone: ZoneInfo
) -> None:
    start, end = period_start(instant, period, zone), period_end(instant, period, zone)

    assert start <= instant < end
    key = period_key(instant, period, zone)
    assert period_key(start, period, zone) == key == period_key(end - 1, period, zone)
    assert period_key(end, period, zone) > key
    assert period_key(start - 1, period, zone) < key


@given(INSTANTS, CALENDAR, ZONES)
def test_rounding_up_a_period_twice_changes_nothing(
    instant: int, period: CalendarPeriod, zone: ZoneInfo
) -> None:
    once = round_up(instant, period, zone)

    assert once >= instant
    assert round_up(once, period, zone) == once
    assert once - instant < 367 * 24 * 3600


@given(RATIONALS)
def test_rounding_moves_by_less_than_a_point(exact: Fraction) -> None:
    assert exact - 1 < round_points(exact, "floor") <= exact
    assert exact <= round_points(exact, "ceil") < exact + 1
    assert abs(round_points(exact, "half_up") - exact) <= Fraction(1, 2)


@given(RATIONALS)
def test_a_debit_rounds_as_the_mirror_of_its_credit(exact: Fraction) -> None:
    assert round_points(-exact, "half_up") == -round_points(exact, "half_up")
    assert round_points(-exact, "floor") == -round_points(exact, "ceil")


@given(RATIONALS)
def test_exact_text_loses_nothing(exact: Fraction) -> None:
    assert parse_exact(exact_text(exact)) == exact


@given(st.lists(st.integers(0, 10**9), max_size=20), st.integers(1, 10**6), st.integers(1, 1000))
def test_points_before_rounding_do_not_depend_on_how_money_is_split(
    amounts: list[int], per: int, award: int
) -> None:
    parts = sum((points_for(amount, per, award) for amount in amounts), Fraction(0))
    assert parts == points_for(sum(amounts), per, award)
