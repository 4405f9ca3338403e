"""Points that wait for an activity: confirmed by it, void without it, and what refunds find."""

import pytest

from schemas.points import PointsActivated, PointsEarned, PointsExpired, PointsReversed
from tests.support.story import (
    DAY,
    ONE_PER_DOLLAR,
    T0,
    Story,
    created,
    happened,
    kinds,
    only,
    paid,
    program_text,
    reasons,
    story,
    subscription,
)
from tests.support.year import program_of

CONFIRMED = (
    '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, '
    "activate_on: {on: custom, event: confirmed, within: P10D}}"
)
BY_PAYMENT = (
    "- {id: invite, on: custom, event: invite, points: 40, "
    "activate_on: {on: payment_succeeded, within: P10D}}"
)


def test_points_wait_and_say_for_what_and_until_when() -> None:
    told = story(CONFIRMED, expiry="{after: P30D}")
    event = only(told.paid("t1", 5_000), PointsEarned)
    assert (event.activates_on, event.available_at, event.expires_at) == (
        "confirmed",
        T0 + 10 * DAY,
        None,
    )
    assert (told.balance, told.pending, told.lifetime) == (0, 50, 50)
    assert told.due_at == T0 + 10 * DAY


def test_the_activity_makes_them_spendable_and_their_expiry_counts_from_it() -> None:
    told = story(CONFIRMED, expiry="{after: P30D}")
    told.paid("t1", 5_000)
    event = only(told.happened("confirmed", T0 + 4 * DAY), PointsActivated)
    assert (event.cause.trigger, event.cause.fact) == ("custom", f"custom:confirmed-{T0 + 4 * DAY}")
    assert (event.occurred_at, event.points, event.expires_at) == (T0 + 4 * DAY, 50, T0 + 34 * DAY)
    assert (told.balance, told.pending, told.due_at) == (50, 0, T0 + 34 * DAY)


def test_points_that_never_expire_are_confirmed_too() -> None:
    told = story(CONFIRMED)
    told.paid("t1", 5_000)
    assert only(told.happened("confirmed", T0 + DAY), PointsActivated).expires_at is None
    assert (told.balance, told.due_at) == (50, None)


def test_what_is_not_confirmed_by_the_deadline_is_void_at_that_instant() -> None:
    told = story(CONFIRMED)
    told.paid("t1", 5_000)
    events = told.happened("confirmed", T0 + 10 * DAY)
    assert kinds(events) == ["PointsExpired", "FactIgnored"]
    void = only(events, PointsExpired)
    assert (void.reason, void.points, void.cause.trigger) == ("voided", 50, "time")
    assert (told.balance, told.pending, told.lifetime) == (0, 0, 50)


def test_an_activity_a_second_before_the_deadline_is_in_time() -> None:
    told = story(CONFIRMED)
    told.paid("t1", 5_000)
    told.happened("confirmed", T0 + 10 * DAY - 1)
    assert told.lives_until(T0 + 30 * DAY) == []
    assert told.balance == 50


def test_any_fact_that_pulls_the_trigger_confirms_every_lot_that_waits_for_it() -> None:
    told = story(BY_PAYMENT, ONE_PER_DOLLAR)
    told.happened("invite", T0)
    told.happened("invite", T0 + DAY)
    events = told.paid("t1", 700, at=T0 + 2 * DAY)
    assert kinds(events) == ["PointsActivated", "PointsActivated", "PointsEarned"]
    assert told.balance == 87


def test_another_activity_confirms_nothing() -> None:
    told = story(CONFIRMED)
    told.paid("t1", 5_000)
    assert reasons(told.happened("visited", T0 + DAY)) == ["no_rule"]
    assert kinds(told.paid("t2", 100, at=T0 + DAY)) == ["PointsEarned"]
    assert told.pending == 51


def test_a_payment_does_not_confirm_what_it_earns_itself() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, '
        "activate_on: {on: payment_succeeded, within: P1Y}}",
        "- {id: first, on: first_payment, points: 5, "
        "activate_on: {on: on_time_payment, within: P1Y}}",
    )
    told.paid("t1", 1_000, on_time=True)
    assert (told.balance, told.pending) == (0, 15)
    told.paid("t2", 2_000, at=T0 + DAY, on_time=True)
    assert (told.balance, told.pending) == (15, 20)


def test_an_anniversary_confirms_as_any_trigger_does() -> None:
    told = story(
        "- {id: hello, on: subscription_created, points: 9, "
        "activate_on: {on: subscription_anniversary, within: P13M}}"
    )
    told.tell(created(subscription(1)))
    events = told.lives_until(T0 + 400 * DAY)
    assert kinds(events) == ["PointsActivated"]
    assert events[0].occurred_at == T0 + 365 * DAY


def test_conditions_of_the_confirming_fact_see_the_account_before_it() -> None:
    told = story(
        CONFIRMED,
        "- {id: seen, on: custom, event: confirmed, points: 1, when: account.pending == 50}",
    )
    told.paid("t1", 5_000)
    assert kinds(told.happened("confirmed", T0 + DAY)) == ["PointsActivated", "PointsEarned"]


def test_confirmed_points_can_fire_a_reward() -> None:
    told = story(CONFIRMED, rewards="[{id: days, when: {balance: 50}, cost: 50, free_days: 3}]")
    told.paid("t1", 5_000)
    assert kinds(told.happened("confirmed", T0 + DAY)) == [
        "PointsActivated",
        "RewardEarned",
        "PointsRedeemed",
    ]


def test_confirmed_points_fill_the_deficit_oldest_first() -> None:
    told = story(CONFIRMED, expiry="{after: P30D}")
    told.paid("t1", 3_000)
    told.paid("t2", 3_000, at=T0 + DAY)
    told.adjusted("take", -40, at=T0 + 2 * DAY)
    first, second = told.happened("confirmed", T0 + 3 * DAY)
    assert isinstance(first, PointsActivated)
    assert isinstance(second, PointsActivated)
    assert (first.lot, first.absorbed, first.deficit) == (told.lot("t1"), 30, 10)
    assert (second.lot, second.absorbed, second.balance) == (told.lot("t2"), 10, 20)


def test_a_late_activity_confirms_what_waited_at_its_own_time() -> None:
    told = story(CONFIRMED, expiry="{after: P30D}")
    told.paid("t1", 1_000)
    told.paid("t2", 2_000, at=T0 + 5 * DAY)
    event = only(told.happened("confirmed", T0 + 3 * DAY), PointsActivated)
    assert (event.lot, event.occurred_at, event.expires_at) == (
        told.lot("t1"),
        T0 + 3 * DAY,
        T0 + 33 * DAY,
    )
    assert told.pending == 20


def test_late_confirmed_points_that_are_long_gone_expire_at_once() -> None:
    told = story(CONFIRMED.replace("P10D", "P90D"), expiry="{after: P5D}")
    told.paid("t1", 1_000)
    told.happened("other", T0 + 20 * DAY)
    events = told.happened("confirmed", T0 + 3 * DAY)
    assert kinds(events) == ["PointsActivated", "PointsExpired"]
    assert only(events, PointsExpired).occurred_at == T0 + 8 * DAY
    assert told.balance == 0


def test_a_refund_before_the_activity_voids_its_share() -> None:
    told = story(CONFIRMED)
    told.paid("t1", 10_000)
    told.refunded("r1", "t1", 2_500, at=T0 + DAY)
    assert (told.balance, told.pending, told.lifetime) == (0, 75, 75)
    assert only(told.happened("confirmed", T0 + 2 * DAY), PointsActivated).points == 75
    told.refunded("r2", "t1", 7_500, at=T0 + 3 * DAY)
    assert (told.balance, told.deficit, told.lifetime) == (0, 0, 0)


@pytest.mark.parametrize("negative", ["allow", "pending_first", "clamp"])
def test_a_refund_of_void_points_takes_no_others(negative: str) -> None:
    told = story(CONFIRMED, refunds=f"{{negative: {negative}}}")
    told.paid("t1", 10_000)
    told.adjusted("gift", 500, at=T0 + DAY)
    told.refunded("r1", "t1", 4_000, at=T0 + 2 * DAY)
    told.lives_until(T0 + 10 * DAY)
    event = only(told.refunded("r2", "t1", 6_000, at=T0 + 11 * DAY), PointsReversed)
    assert (event.points, event.expired, event.lots, event.overdrawn) == (60, 60, (), 0)
    assert (told.balance, told.lifetime) == (500, 0)


def test_a_later_version_breaks_no_promise_to_points_that_wait() -> None:
    told = story(CONFIRMED)
    told.paid("t1", 5_000)
    changed(told, ONE_PER_DOLLAR)
    assert kinds(told.paid("t2", 100, at=T0 + 2 * DAY)) == ["PointsEarned"]
    assert only(told.happened("confirmed", T0 + 3 * DAY), PointsActivated).points == 50


def test_a_later_version_confirms_nothing_that_became_spendable_by_time() -> None:
    told = story(ONE_PER_DOLLAR.replace("}}}", "}}, activate_after: P10D}"))
    told.paid("t1", 5_000)
    changed(told, CONFIRMED)
    assert reasons(told.happened("confirmed", T0 + 3 * DAY)) == ["no_rule"]
    assert told.pending == 50


def test_an_event_may_be_called_like_a_trigger() -> None:
    told = story(CONFIRMED.replace("event: confirmed", "event: payment_succeeded"))
    told.paid("t1", 5_000)
    told.paid("t2", 100, at=T0 + DAY)
    assert told.balance == 0
    told.tell(happened("payment_succeeded", T0 + 2 * DAY))
    assert told.balance == 51


def test_the_same_activity_twice_confirms_once() -> None:
    told = story(CONFIRMED)
    told.tell(paid("t1", 5_000))
    told.tell(happened("confirmed", T0 + DAY))
    assert told.tell(happened("confirmed", T0 + DAY)) == []
    assert reasons(told.happened("confirmed", T0 + 2 * DAY)) == ["no_rule"]


def changed(told: Story, *rules: str) -> None:
    """A second version of the story's program, in force a day after the beginning."""
    later = program_text(*rules).replace("2000-01-01", "2025-12-02")
    document = program_of(later)._documents[0].replace(b'"version":1', b'"version":2')
    told.programs = type(told.programs)((*told.programs._documents, document))
