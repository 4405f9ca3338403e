"""Dates of lots by the calendar of the program's zone, as the fold gives them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from schemas.points import PointsActivated, PointsEarned, PointsExpiringSoon
from tests.support.story import ONE_PER_DOLLAR, earned, only, story

BERLIN = "Europe/Berlin"
SYDNEY = "Australia/Sydney"


def at(text: str) -> int:
    """Unix seconds of a local time that says its offset."""
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo is not None, "an offset leaves no doubt"
    return int(moment.timestamp())


def wall(instant: int | None, zone: str) -> str:
    assert instant is not None
    return datetime.fromtimestamp(instant, ZoneInfo(zone)).isoformat()


ADDED = [
    # Month ends: a day that the month lacks becomes its last.
    (BERLIN, "2027-01-31T10:00+01:00", "P1M", "2027-02-28T10:00:00+01:00"),
    (BERLIN, "2028-01-31T10:00+01:00", "P1M", "2028-02-29T10:00:00+01:00"),
    (BERLIN, "2027-01-31T10:00+01:00", "P2M", "2027-03-31T10:00:00+02:00"),
    (BERLIN, "2027-08-31T10:00+02:00", "P6M", "2028-02-29T10:00:00+01:00"),
    (BERLIN, "2027-03-31T10:00+02:00", "P1M", "2027-04-30T10:00:00+02:00"),
    (BERLIN, "2027-02-28T10:00+01:00", "P1M", "2027-03-28T10:00:00+02:00"),
    (BERLIN, "2027-12-31T23:59:59+01:00", "P2M", "2028-02-29T23:59:59+01:00"),
    # Leap days.
    (BERLIN, "2028-02-29T10:00+01:00", "P1Y", "2029-02-28T10:00:00+01:00"),
    (BERLIN, "2028-02-29T10:00+01:00", "P12M", "2029-02-28T10:00:00+01:00"),
    (BERLIN, "2028-02-29T10:00+01:00", "P4Y", "2032-02-29T10:00:00+01:00"),
    (BERLIN, "2027-02-28T10:00+01:00", "P1Y", "2028-02-28T10:00:00+01:00"),
    (BERLIN, "2028-02-28T10:00+01:00", "P1D", "2028-02-29T10:00:00+01:00"),
    (BERLIN, "2028-02-28T10:00+01:00", "P365D", "2029-02-27T10:00:00+01:00"),
    # The clock goes forward on 28 March 2027 at 2:00 and back on 31 October at 3:00.
    (BERLIN, "2027-03-27T12:00+01:00", "P1D", "2027-03-28T12:00:00+02:00"),
    (BERLIN, "2027-03-27T12:00+01:00", "PT24H", "2027-03-28T13:00:00+02:00"),
    (BERLIN, "2027-03-27T02:30+01:00", "P1D", "2027-03-28T03:30:00+02:00"),
    (BERLIN, "2027-02-28T02:30+01:00", "P1M", "2027-03-28T03:30:00+02:00"),
    (BERLIN, "2027-10-30T12:00+02:00", "P1D", "2027-10-31T12:00:00+01:00"),
    (BERLIN, "2027-10-30T12:00+02:00", "PT24H", "2027-10-31T11:00:00+01:00"),
    (BERLIN, "2027-10-30T02:30+02:00", "P1D", "2027-10-31T02:30:00+02:00"),
    (BERLIN, "2027-10-31T02:30+01:00", "P1D", "2027-11-01T02:30:00+01:00"),
    (BERLIN, "2027-10-31T02:30+01:00", "PT1H", "2027-10-31T03:30:00+01:00"),
    (SYDNEY, "2027-04-03T12:00+11:00", "P1D", "2027-04-04T12:00:00+10:00"),
    # Weeks are seven days of the calendar, whatever the length of the year.
    (BERLIN, "2026-12-31T10:00+01:00", "P1W", "2027-01-07T10:00:00+01:00"),
    (BERLIN, "2027-03-24T10:00+01:00", "P1W", "2027-03-31T10:00:00+02:00"),
    # Parts of a duration are added from the largest to the smallest.
    (BERLIN, "2027-01-31T10:00+01:00", "P1M1D", "2027-03-01T10:00:00+01:00"),
    (BERLIN, "2027-03-26T12:00+01:00", "P1DT24H", "2027-03-28T13:00:00+02:00"),
    # The zone decides which day it is.
    ("UTC", "2027-01-31T23:30+00:00", "P1M", "2027-02-28T23:30:00+00:00"),
    (BERLIN, "2027-01-31T23:30+00:00", "P1M", "2027-03-01T00:30:00+01:00"),
    (SYDNEY, "2027-01-31T23:30+00:00", "P1M", "2027-03-01T10:30:00+11:00"),
]
by_duration = pytest.mark.parametrize(("zone", "start", "after", "end"), ADDED)


@by_duration
def test_points_expire_a_duration_later(zone: str, start: str, after: str, end: str) -> None:
    told = story(timezone=zone, expiry=f"{{after: {after}}}")
    event = only(told.paid("t1", 100, at=at(start)), PointsEarned)
    assert wall(event.expires_at, zone) == end


@by_duration
def test_points_become_spendable_a_duration_later(
    zone: str, start: str, after: str, end: str
) -> None:
    told = story(ONE_PER_DOLLAR.replace("}}}", f"}}}}, activate_after: {after}}}"), timezone=zone)
    event = only(told.paid("t1", 100, at=at(start)), PointsEarned)
    assert wall(event.available_at, zone) == end
    activated = only(told.lives_until(at("2040-01-01T00:00+00:00")), PointsActivated)
    assert activated.occurred_at == event.available_at


@by_duration
def test_points_wait_for_an_activity_a_duration_long(
    zone: str, start: str, after: str, end: str
) -> None:
    rule = f"}}}}, activate_on: {{on: custom, event: confirmed, within: {after}}}}}"
    told = story(ONE_PER_DOLLAR.replace("}}}", rule), timezone=zone)
    event = only(told.paid("t1", 100, at=at(start)), PointsEarned)
    assert wall(event.available_at, zone) == end


@pytest.mark.parametrize(
    ("zone", "start", "unit", "end"),
    [
        # The tenth of a month, plus a month.
        (BERLIN, "2027-01-10T10:00+01:00", "month", "2027-03-01T00:00:00+01:00"),
        (BERLIN, "2027-01-10T10:00+01:00", "quarter", "2027-04-01T00:00:00+02:00"),
        (BERLIN, "2027-01-10T10:00+01:00", "year", "2028-01-01T00:00:00+01:00"),
        # A last day of a month, clamped first and rounded then.
        (BERLIN, "2028-01-31T10:00+01:00", "month", "2028-03-01T00:00:00+01:00"),
        (BERLIN, "2027-11-30T23:59:59+01:00", "year", "2028-01-01T00:00:00+01:00"),
        # What ends a period already stays, a second later is the next one's.
        (BERLIN, "2027-02-01T00:00+01:00", "month", "2027-03-01T00:00:00+01:00"),
        (BERLIN, "2027-02-01T00:00:01+01:00", "month", "2027-04-01T00:00:00+02:00"),
        (BERLIN, "2027-03-01T00:00+01:00", "quarter", "2027-04-01T00:00:00+02:00"),
        (BERLIN, "2027-03-01T00:00:01+01:00", "quarter", "2027-07-01T00:00:00+02:00"),
        (BERLIN, "2027-12-01T00:00+01:00", "year", "2028-01-01T00:00:00+01:00"),
        (BERLIN, "2027-12-01T00:00:01+01:00", "year", "2029-01-01T00:00:00+01:00"),
        # The end of a period is midnight in the zone.
        ("UTC", "2026-12-31T23:30+00:00", "month", "2027-02-01T00:00:00+00:00"),
        (BERLIN, "2026-12-31T23:30+00:00", "month", "2027-03-01T00:00:00+01:00"),
        (SYDNEY, "2027-03-10T10:00+11:00", "month", "2027-05-01T00:00:00+10:00"),
    ],
)
def test_an_expiry_is_rounded_up(zone: str, start: str, unit: str, end: str) -> None:
    told = story(timezone=zone, expiry=f"{{after: P1M, round_up_to: {unit}}}")
    event = only(told.paid("t1", 100, at=at(start)), PointsEarned)
    assert wall(event.expires_at, zone) == end


@pytest.mark.parametrize(
    ("start", "remind", "told_at"),
    [
        # Points of 31 December 2026 expire on 31 March 2027 at noon.
        ("2026-12-31T12:00+01:00", "P1M", "2027-02-28T12:00:00+01:00"),
        ("2026-12-31T12:00+01:00", "P1W", "2027-03-24T12:00:00+01:00"),
        ("2026-12-31T12:00+01:00", "P3D", "2027-03-28T12:00:00+02:00"),
        ("2026-12-31T12:00+01:00", "PT96H", "2027-03-27T11:00:00+01:00"),
        # Points of 29 November 2027 expire on 29 February 2028.
        ("2027-11-29T12:00+01:00", "P1M", "2028-01-29T12:00:00+01:00"),
    ],
)
def test_a_reminder_is_a_duration_before(start: str, remind: str, told_at: str) -> None:
    told = story(timezone=BERLIN, expiry=f"{{after: P3M, remind: {remind}}}")
    told.paid("t1", 100, at=at(start))
    event = only(told.lives_until(at("2030-01-01T00:00+00:00")), PointsExpiringSoon)
    assert wall(event.occurred_at, BERLIN) == told_at


@pytest.mark.parametrize(
    ("per", "last", "first"),
    [
        ("day", "2027-03-28T23:59:59+02:00", "2027-03-29T00:00:00+02:00"),
        ("week", "2027-01-03T23:59:59+01:00", "2027-01-04T00:00:00+01:00"),
        ("month", "2027-02-28T23:59:59+01:00", "2027-03-01T00:00:00+01:00"),
        ("quarter", "2027-06-30T23:59:59+02:00", "2027-07-01T00:00:00+02:00"),
        ("year", "2027-12-31T23:59:59+01:00", "2028-01-01T00:00:00+01:00"),
    ],
)
def test_a_cap_begins_anew_with_the_local_period(per: str, last: str, first: str) -> None:
    told = story(
        f"- {{id: visit, on: custom, event: visit, points: 5, cap: {{points: 5, per: {per}}}}}",
        timezone=BERLIN,
    )
    assert earned(told.happened("visit", at(last) - 1)) == [("visit", 5)]
    assert earned(told.happened("visit", at(last))) == []
    assert earned(told.happened("visit", at(first))) == [("visit", 5)]
