"""Acceptance tests that the field has failed, about lots and time (reference: loyalty, golden 1, 8
and 10): what expires after spending, edges of the calendar, and what a deficit swallows.
"""

from datetime import datetime

import pytest

from schemas.points import PointsActivated, PointsAdjusted, PointsEarned, PointsExpired
from tests.support.story import DAY, HOUR, ONE_PER_DOLLAR, T0, earned, kinds, of, only, story

AFTER_TWO_DAYS = ONE_PER_DOLLAR.replace("}}}", "}}, activate_after: P2D}")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def test_1_what_is_spent_comes_from_the_lot_that_expires_first() -> None:
    """Earn 100 (until day 10) and 50 (until day 20), spend 80: on day 10, 20 expire and 50 stay."""
    told = story(
        "- {id: short, on: custom, event: short, points: 100}",
        AFTER_TWO_DAYS,
        expiry="{after: P10D}",
    )
    short = only(told.happened("short", T0), PointsEarned)
    long = only(told.paid("long", 5_000, at=T0 + 8 * DAY), PointsEarned)
    assert (short.expires_at, long.expires_at) == (T0 + 10 * DAY, T0 + 20 * DAY)
    spent = only(told.adjusted("spend", -80, at=T0 + 9 * DAY), PointsAdjusted)
    assert [(each.lot, each.points) for each in spent.lots] == [(short.lot, 80)]
    activated, expired = told.lives_until(T0 + 10 * DAY)
    assert isinstance(activated, PointsActivated)
    assert isinstance(expired, PointsExpired)
    assert (expired.occurred_at, expired.points, expired.balance) == (T0 + 10 * DAY, 20, 50)
    assert [(each.lot, each.points) for each in expired.lots] == [(short.lot, 20)]
    assert only(told.lives_until(T0 + 20 * DAY), PointsExpired).points == 50


@pytest.mark.parametrize(
    ("start", "after", "end"),
    [
        ("2027-01-31T12:00+01:00", "P1M", "2027-02-28T12:00+01:00"),
        ("2028-01-31T12:00+01:00", "P1M", "2028-02-29T12:00+01:00"),
        ("2028-02-29T12:00+01:00", "P1Y", "2029-02-28T12:00+01:00"),
    ],
)
def test_8_a_month_from_31_january_and_a_year_from_29_february(
    start: str, after: str, end: str
) -> None:
    told = story(timezone="Europe/Berlin", expiry=f"{{after: {after}}}")
    told.paid("t1", 10_000, at=at(start))
    assert told.due_at == at(end)
    assert told.time(at(end) - 1)[0].balance == 100
    assert only(told.time(at(end)), PointsExpired).balance == 0


@pytest.mark.parametrize(
    ("moment", "points"),
    [
        ("2027-03-26T23:59:59+01:00", 100),
        ("2027-03-27T00:00:00+01:00", 200),
        ("2027-03-28T01:59:59+01:00", 200),
        ("2027-03-28T03:00:00+02:00", 200),
        ("2027-03-28T23:59:59+02:00", 200),
        ("2027-03-29T00:00:00+02:00", 100),
        ("2027-10-31T23:59:59+01:00", 200),
        ("2027-11-01T00:00:00+01:00", 100),
    ],
)
def test_8_a_weekends_window_ends_on_time_though_the_clock_changes(
    moment: str, points: int
) -> None:
    told = story(
        timezone="Europe/Berlin",
        multipliers=(
            '[{id: weekend, factor: "2", recurrence: '
            '{rule: "FREQ=WEEKLY;BYDAY=SA", start: 2027-01-02T00:00, duration: P2D}}]'
        ),
    )
    assert earned(told.paid("t1", 10_000, at=at(moment))) == [("pay", points)]


def test_8_week_53_goes_on_over_new_year() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, '
        "cap: {points: 150, per: week}}",
        timezone="Europe/Berlin",
    )
    days = ("2026-12-28T00:00+01:00", "2027-01-03T23:59:59+01:00", "2027-01-04T00:00+01:00")
    given = [told.paid(f"t{n}", 10_000, at=at(day)) for n, day in enumerate(days)]
    assert [earned(each) for each in given] == [[("pay", 100)], [("pay", 50)], [("pay", 100)]]


def test_10_a_deficit_is_filled_by_the_oldest_credit_first_and_only_what_is_left_expires() -> None:
    """30 points, 100 taken: 70 are owed. Credits of 50 and 60 fill it; 40 are left, and expire."""
    told = story(expiry="{after: P10D}")
    told.paid("t0", 3_000)
    taken = only(told.adjusted("take", -100), PointsAdjusted)
    assert (taken.overdrawn, taken.balance, taken.deficit) == (70, -70, 70)
    first = only(told.paid("t1", 5_000, at=T0 + DAY), PointsEarned)
    second = only(told.paid("t2", 6_000, at=T0 + 2 * DAY), PointsEarned)
    assert (first.absorbed, first.balance, first.deficit) == (50, -20, 20)
    assert (second.absorbed, second.balance, second.deficit) == (20, 40, 0)
    expired = told.lives_until(T0 + 30 * DAY)
    assert kinds(expired) == ["PointsExpired"]
    assert only(expired, PointsExpired).occurred_at == T0 + 12 * DAY
    assert [(each.lot, each.points) for each in only(expired, PointsExpired).lots] == [
        (second.lot, 40)
    ]
    assert (told.balance, told.deficit, told.lifetime) == (0, 0, 140)


def test_10_pending_credits_fill_the_deficit_when_they_become_spendable_oldest_first() -> None:
    told = story(AFTER_TWO_DAYS, expiry="{after: P10D}")
    told.adjusted("take", -70)
    told.paid("t1", 5_000, at=T0 + DAY)
    told.paid("t2", 6_000, at=T0 + DAY + HOUR)
    assert (told.balance, told.pending, told.deficit) == (-70, 110, 70)
    events = told.lives_until(T0 + 30 * DAY)
    assert [(each.lot, each.absorbed) for each in of(events, PointsActivated)] == [
        (told.lot("t1"), 50),
        (told.lot("t2"), 20),
    ]
    assert only(events, PointsExpired).points == 40
    assert (told.balance, told.deficit) == (0, 0)
