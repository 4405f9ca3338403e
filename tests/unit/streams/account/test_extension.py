"""Sliding expiry: an activity counts the life of spendable points anew, and never shortens it."""

import pytest

from schemas.facts import AnyFact
from schemas.points import (
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsExtended,
    PointsRestored,
    RewardEarned,
)
from tests.support.story import (
    DAY,
    ONE_PER_DOLLAR,
    T0,
    Story,
    adjusted,
    cancelled,
    changed,
    created,
    kinds,
    of,
    only,
    reactivated,
    reasons,
    renewed,
    story,
    subscription,
)

BY_VISIT = "{after: P10D, extended_by: {events: [visit]}}"


def extended(told: Story, at: int) -> PointsExtended:
    return only(told.happened("visit", at), PointsExtended)


def test_an_activity_moves_every_spendable_lot_in_one_event() -> None:
    told = story(expiry=BY_VISIT)
    told.paid("t1", 1_000)
    told.paid("t2", 2_000, at=T0 + DAY)
    event = extended(told, T0 + 5 * DAY)
    assert event.expires_at == T0 + 15 * DAY
    assert [(each.lot, each.points) for each in event.lots] == [
        (told.lot("t1"), 10),
        (told.lot("t2"), 20),
    ]
    assert (event.cause.trigger, event.balance) == ("custom", 30)
    expired = only(told.lives_until(T0 + 60 * DAY), PointsExpired)
    assert (expired.occurred_at, expired.points) == (T0 + 15 * DAY, 30)


def test_it_comes_before_what_the_fact_earns() -> None:
    told = story(
        ONE_PER_DOLLAR,
        "- {id: first, on: first_payment, points: 3}",
        "- {id: prompt, on: on_time_payment, points: 2}",
        expiry="{after: P10D, extended_by: {on: [on_time_payment, first_payment]}}",
    )
    told.adjusted("gift", 7)
    events = told.paid("t1", 1_000, at=T0 + DAY, on_time=True)
    assert kinds(events) == ["PointsExtended", *["PointsEarned"] * 3]
    assert events[0].cause.trigger == "first_payment"
    assert events[0].balance == 7


def test_an_activity_that_earns_nothing_extends_and_is_not_ignored() -> None:
    told = story(expiry=BY_VISIT)
    told.paid("t1", 1_000)
    assert kinds(told.happened("visit", T0 + DAY)) == ["PointsExtended"]


def test_other_facts_extend_nothing() -> None:
    told = story(expiry=BY_VISIT)
    told.paid("t1", 1_000)
    told.tell(adjusted("gift", 5, at=T0 + DAY))
    assert reasons(told.happened("other", T0 + 2 * DAY)) == ["no_rule"]
    assert kinds(told.paid("t2", 1_000, at=T0 + 3 * DAY)) == ["PointsEarned"]
    assert only(told.time(T0 + 10 * DAY), PointsExpired).points == 10


def test_where_nothing_moves_nothing_is_said() -> None:
    told = story(expiry=BY_VISIT)
    told.paid("t1", 1_000)
    assert reasons(told.happened("visit", T0)) == ["no_rule"]
    empty = story(expiry=BY_VISIT)
    assert reasons(empty.happened("visit", T0)) == ["no_rule"]


def test_a_lot_is_gone_at_its_expiry_and_an_activity_then_is_too_late() -> None:
    told = story(expiry=BY_VISIT)
    told.paid("t1", 1_000)
    assert kinds(told.happened("visit", T0 + 10 * DAY)) == ["PointsExpired", "FactIgnored"]


def test_pending_points_are_left_alone_for_they_count_from_activation() -> None:
    told = story(ONE_PER_DOLLAR.replace("}}}", "}}, activate_after: P5D}"), expiry=BY_VISIT)
    told.paid("t1", 1_000)
    assert reasons(told.happened("visit", T0 + 4 * DAY)) == ["no_rule"]
    told.time(T0 + 5 * DAY)
    assert extended(told, T0 + 6 * DAY).expires_at == T0 + 16 * DAY


def test_points_that_never_expire_go_on_doing_so() -> None:
    """Earned before the program had an expiry."""
    told = story()
    told.paid("t1", 1_000)
    told.programs = story(expiry=BY_VISIT).programs
    told.paid("t2", 500, at=T0 + DAY)
    event = extended(told, T0 + 2 * DAY)
    assert [each.lot for each in event.lots] == [told.lot("t2")]
    told.lives_until(T0 + 90 * DAY)
    assert told.balance == 10


def test_the_new_date_is_rounded_up_and_often_the_old_one() -> None:
    told = story(expiry="{after: P1M, round_up_to: quarter, extended_by: {events: [visit]}}")
    event = only(told.paid("t1", 1_000), PointsEarned)
    assert event.expires_at == T0 + 31 * DAY  # 1 January, which ends a quarter already
    assert extended(told, T0 + DAY).expires_at == T0 + 121 * DAY  # 1 April
    assert reasons(told.happened("visit", T0 + 60 * DAY)) == ["no_rule"]


@pytest.mark.parametrize("outcome", ["none", "delivered"])
def test_what_pays_for_a_reward_comes_back_with_the_later_date(outcome: str) -> None:
    """Even where its lot was spent to the end meanwhile."""
    told = story(
        expiry=BY_VISIT,
        rewards="[{id: mug, when: {on: payment_succeeded}, cost: 60, on_refund: revoke, "
        "free_days: 1}]",
    )
    mug = only(told.paid("t1", 10_000), RewardEarned)
    if outcome == "delivered":
        told.delivered(mug, at=T0)
    extended(told, T0 + 5 * DAY)
    told.adjusted("a1", -40, at=T0 + 6 * DAY)
    if outcome == "delivered":
        restored = only(told.refunded("r1", "t1", 10_000, at=T0 + 12 * DAY), PointsRestored)
    else:
        restored = only(told.failed(mug, at=T0 + 12 * DAY), PointsRestored)
    assert (restored.expired, [each.points for each in restored.lots]) == (0, [60])


def test_a_shorter_life_in_a_later_version_shortens_nothing() -> None:
    told = story(expiry="{after: P60D}")
    told.paid("t1", 1_000)
    told.programs = story(expiry=BY_VISIT).programs
    assert reasons(told.happened("visit", T0 + DAY)) == ["no_rule"]
    assert extended(told, T0 + 55 * DAY).expires_at == T0 + 65 * DAY


def test_lots_that_now_expire_together_are_spent_oldest_first() -> None:
    told = story(
        ONE_PER_DOLLAR,
        "- {id: slow, on: custom, event: slow, points: 5, activate_after: P5D}",
        expiry=BY_VISIT,
    )
    slow = only(told.happened("slow", T0), PointsEarned)
    told.paid("t1", 1_000, at=T0 + DAY)
    before = only(told.adjusted("before", -1, at=T0 + 6 * DAY), PointsAdjusted)
    extended(told, T0 + 7 * DAY)
    after = only(told.adjusted("after", -1, at=T0 + 7 * DAY), PointsAdjusted)
    assert [each.lots[0].lot for each in (before, after)] == [told.lot("t1"), slow.lot]


def test_a_late_activity_extends_from_its_own_time() -> None:
    told = story(expiry=BY_VISIT)
    told.paid("t1", 1_000)
    told.paid("t2", 2_000, at=T0 + 9 * DAY)
    event = extended(told, T0 + 4 * DAY)
    assert (event.occurred_at, event.expires_at) == (T0 + 4 * DAY, T0 + 14 * DAY)
    assert [each.lot for each in event.lots] == [told.lot("t1")]


def test_a_late_activity_does_not_reach_points_that_were_pending_then() -> None:
    told = story(ONE_PER_DOLLAR.replace("}}}", "}}, activate_after: P2D}"), expiry="{after: P30D}")
    told.paid("t1", 1_000, at=T0 + DAY)
    told.time(T0 + 7 * DAY)
    told.programs = story(expiry=BY_VISIT).programs
    assert reasons(told.happened("visit", T0 + 2 * DAY)) == ["no_rule"]


def test_a_reward_that_fails_gives_back_points_with_the_date_their_lot_has_now() -> None:
    told = story(
        expiry=BY_VISIT, rewards="[{id: days, when: {balance: 30}, cost: 10, free_days: 3}]"
    )
    reward = only(told.paid("t1", 3_000), RewardEarned)
    extended(told, T0 + 9 * DAY)
    restored = only(told.failed(reward, at=T0 + 12 * DAY), PointsRestored)
    assert (restored.expired, restored.balance) == (0, 30)
    assert only(told.lives_until(T0 + 60 * DAY), PointsExpired).occurred_at == T0 + 19 * DAY


def test_refunds_find_points_that_were_extended() -> None:
    told = story(expiry=BY_VISIT)
    told.paid("t1", 1_000)
    extended(told, T0 + 9 * DAY)
    told.refunded("r1", "t1", 1_000, at=T0 + 15 * DAY)
    assert (told.balance, told.deficit, told.due_at) == (0, 0, None)


SUBSCRIBED = subscription(1, amount_minor=1_000)


@pytest.mark.parametrize(
    ("trigger", "fact"),
    [
        ("subscription_created", created(subscription(2, name="sub_2"), T0 + DAY)),
        ("plan_upgraded", changed(subscription(2, amount_minor=2_000), T0 + DAY)),
        ("plan_downgraded", changed(subscription(2, amount_minor=500), T0 + DAY)),
        ("plan_upgraded", renewed(subscription(2, amount_minor=2_000), T0 + DAY)),
        ("subscription_renewed", renewed(subscription(2), T0 + DAY)),
        ("annual_renewal", renewed(subscription(2, term_start=T0 + 365 * DAY), T0 + DAY)),
        ("subscription_cancelled", cancelled(subscription(2), T0 + DAY)),
        ("subscription_reactivated", reactivated(subscription(2), T0 + DAY)),
    ],
)
def test_every_trigger_can_be_the_activity(trigger: str, fact: AnyFact) -> None:
    told = story(expiry=f"{{after: P10D, extended_by: {{on: [{trigger}]}}}}")
    told.tell(created(SUBSCRIBED))
    told.paid("t1", 1_000)
    event = only(told.tell(fact), PointsExtended)
    assert (event.cause.trigger, event.expires_at) == (trigger, T0 + 11 * DAY)


def test_an_anniversary_extends_before_the_day_ends_a_life() -> None:
    told = story(expiry="{after: P13M, extended_by: {on: [subscription_anniversary]}}")
    told.tell(created(SUBSCRIBED))
    told.paid("t1", 1_000)
    [event] = of(told.lives_until(T0 + 366 * DAY), PointsExtended)
    assert event.occurred_at == T0 + 365 * DAY
