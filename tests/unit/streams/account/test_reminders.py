"""Reminders: what expires soon is told once for each date, some time before, if any is left."""

from schemas.points import PointsEarned, PointsExpiringSoon, RewardEarned
from tests.support.story import (
    DAY,
    HOUR,
    ONE_PER_DOLLAR,
    T0,
    Story,
    deleted,
    kinds,
    of,
    only,
    reasons,
    story,
)

EXPIRY = "{after: P30D, remind: P7D}"


def reminders(told: Story) -> list[tuple[int, int, int]]:
    """The day it was told, the points, and the day they expire."""
    return [
        ((each.occurred_at - T0) // DAY, each.points, (each.expires_at - T0) // DAY)
        for each in of(told.events, PointsExpiringSoon)
    ]


def test_points_are_told_of_before_they_expire() -> None:
    told = story(expiry=EXPIRY)
    told.paid("t1", 1_000)
    assert told.due_at == T0 + 23 * DAY
    event = only(told.time(T0 + 23 * DAY), PointsExpiringSoon)
    assert (event.points, event.expires_at, event.cause.trigger) == (10, T0 + 30 * DAY, "time")
    assert [(each.lot, each.points) for each in event.lots] == [(told.lot("t1"), 10)]
    assert told.due_at == T0 + 30 * DAY
    assert kinds(told.lives_until(T0 + 90 * DAY)) == ["PointsExpired"]
    assert told.account.memory.reminders == {}


def test_one_reminder_tells_of_all_lots_of_a_date() -> None:
    told = story(expiry="{after: P1M, round_up_to: month, remind: P7D}")
    for day in range(3):
        told.paid(f"t{day}", 1_000, at=T0 + DAY + day * DAY)
    told.lives_until(T0 + 100 * DAY)
    assert reminders(told) == [(55, 30, 62)]


def test_every_date_has_its_own_reminder() -> None:
    told = story(expiry=EXPIRY)
    told.paid("t1", 1_000)
    told.paid("t2", 2_000, at=T0 + 3 * DAY)
    told.lives_until(T0 + 100 * DAY)
    assert reminders(told) == [(23, 10, 30), (26, 20, 33)]


def test_spent_points_are_not_told_of() -> None:
    told = story(expiry=EXPIRY)
    told.paid("t1", 1_000)
    told.adjusted("take", -4, at=T0 + DAY)
    told.paid("t2", 500, at=T0 + 2 * DAY)
    told.adjusted("rest", -6, at=T0 + 3 * DAY)
    assert told.due_at == T0 + 25 * DAY
    told.lives_until(T0 + 100 * DAY)
    assert reminders(told) == [(25, 5, 32)]


def test_pending_points_are_told_of_once_they_are_spendable() -> None:
    told = story(ONE_PER_DOLLAR.replace("}}}", "}}, activate_after: P10D}"), expiry=EXPIRY)
    told.paid("t1", 1_000)
    told.lives_until(T0 + 100 * DAY)
    assert reminders(told) == [(33, 10, 40)]


def test_what_should_have_been_told_before_is_told_at_once_and_after_the_costs() -> None:
    told = story(
        expiry="{after: P3D, remind: P7D}",
        rewards="[{id: days, when: {balance: 10}, cost: 8, free_days: 3}]",
    )
    events = told.paid("t1", 1_000)
    assert kinds(events) == ["PointsEarned", "RewardEarned", "PointsRedeemed", "PointsExpiringSoon"]
    assert reminders(told) == [(0, 2, 3)]
    assert told.due_at == T0 + 3 * DAY


def test_at_the_instant_of_activation_a_short_life_is_told_of_at_once() -> None:
    told = story(
        ONE_PER_DOLLAR.replace("}}}", "}}, activate_after: P10D}"),
        expiry="{after: P3D, remind: P7D}",
    )
    told.paid("t1", 1_000)
    assert kinds(told.time(T0 + 10 * DAY)) == ["PointsActivated", "PointsExpiringSoon"]


def test_an_extension_makes_a_new_date_and_so_a_new_reminder() -> None:
    told = story(expiry="{after: P30D, remind: P7D, extended_by: {events: [visit]}}")
    told.paid("t1", 1_000)
    told.happened("visit", T0 + 10 * DAY)
    assert told.due_at == T0 + 33 * DAY
    told.lives_until(T0 + 35 * DAY)
    told.happened("visit", T0 + 35 * DAY)
    told.lives_until(T0 + 100 * DAY)
    assert reminders(told) == [(33, 10, 40), (58, 10, 65)]


def test_a_date_is_told_of_once_whatever_comes_back_to_it() -> None:
    told = story(
        expiry=EXPIRY,
        rewards="[{id: days, when: {on: custom, event: gift}, cost: 10, free_days: 3}]",
    )
    told.paid("t1", 1_000)
    told.time(T0 + 23 * DAY)
    reward = only(told.happened("gift", T0 + 24 * DAY), RewardEarned)
    told.failed(reward, at=T0 + 25 * DAY)
    told.lives_until(T0 + 100 * DAY)
    assert reminders(told) == [(23, 10, 30)]


def test_points_that_came_back_before_the_reminder_are_told_of() -> None:
    told = story(
        expiry=EXPIRY,
        rewards="[{id: days, when: {on: custom, event: gift}, cost: 10, free_days: 3}]",
    )
    told.paid("t1", 1_000)
    reward = only(told.happened("gift", T0 + DAY), RewardEarned)
    assert told.due_at is None
    told.failed(reward, at=T0 + 2 * DAY)
    told.lives_until(T0 + 100 * DAY)
    assert reminders(told) == [(23, 10, 30)]


def test_a_reminder_is_told_before_a_fact_of_the_same_instant_spends_the_points() -> None:
    told = story(expiry=EXPIRY)
    told.paid("t1", 1_000)
    events = told.adjusted("take", -10, at=T0 + 23 * DAY)
    assert kinds(events) == ["PointsExpiringSoon", "PointsAdjusted"]


def test_a_late_payment_is_told_of_at_once_where_its_time_has_come() -> None:
    told = story(expiry=EXPIRY)
    told.paid("t1", 1_000, at=T0 + 25 * DAY)
    events = told.paid("t2", 500, at=T0)
    assert kinds(events) == ["PointsEarned", "PointsExpiringSoon"]
    assert events[1].occurred_at == T0 + 25 * DAY


def test_a_late_payment_whose_points_are_gone_is_not_told_of() -> None:
    told = story(expiry=EXPIRY)
    told.paid("t1", 1_000, at=T0 + 40 * DAY)
    assert kinds(told.paid("t2", 500, at=T0)) == ["PointsEarned", "PointsExpired"]


def test_the_calendar_of_the_zone_says_when() -> None:
    told = story(timezone="Europe/Berlin", expiry="{after: P1M, round_up_to: month, remind: P1M}")
    event = only(told.paid("t1", 1_000, at=1_774_692_000), PointsEarned)  # 28 March 2026
    assert event.expires_at == 1_777_586_400  # 1 May, midnight in Berlin
    assert told.due_at == 1_774_994_400  # 1 April, midnight in Berlin, and no multiple of a day


def test_a_version_that_begins_to_remind_plans_with_the_next_fact_which_keeps_its_outcome() -> None:
    told = story(expiry="{after: P30D}")
    told.paid("t1", 1_000)
    told.programs = story(expiry=EXPIRY).programs
    events = told.happened("other", T0 + 25 * DAY)
    assert kinds(events) == ["PointsExpiringSoon", "FactIgnored"]
    assert reasons(events) == ["no_rule"]


def test_a_version_that_reminds_no_more_tells_nothing() -> None:
    told = story(expiry=EXPIRY)
    told.paid("t1", 1_000)
    told.programs = story(expiry="{after: P30D}").programs
    assert reasons(told.time(T0 + 23 * DAY)) == ["nothing_due"]
    assert told.account.memory.reminders == {}


def test_an_erased_account_is_told_nothing() -> None:
    told = story(expiry=EXPIRY)
    told.paid("t1", 1_000)
    told.tell(deleted(T0 + HOUR))
    assert told.due_at is None
