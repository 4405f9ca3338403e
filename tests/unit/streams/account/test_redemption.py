"""The catalogue: asking for a reward, being refused for a reason, and taking a request back."""

import pytest

from schemas.points import (
    AnyPointsEvent,
    FactIgnored,
    PointsRedeemed,
    PointsRestored,
    RewardEarned,
    RewardRevoked,
)
from streams.account.programs import Programs
from tests.support.story import (
    DAY,
    ONE_PER_DOLLAR,
    T0,
    Story,
    created,
    kinds,
    of,
    only,
    reasons,
    story,
    subscription,
)

MUG = "{id: mug, when: {request: true}, cost: 60, custom: {webhook: shop}}"
DAYS = "{id: days, when: {request: true, limit: {count: 1, per: month}}, cost: 10, free_days: 1}"
PRO = """{id: pro, when: {request: true, when: 'subscription.plan == "pro"'}, free_days: 3}"""
TREE = "{id: tree, when: {lifetime: 1000}, free_days: 1}"
CATALOGUE = f"[{MUG}, {DAYS}, {PRO}, {TREE}]"


def customer_with(points: int, **sections: str) -> Story:
    told = story(rewards=CATALOGUE, **sections)
    told.paid("t1", points * 100)
    return told


def refused(events: list[AnyPointsEvent]) -> tuple[str, str]:
    event = only(events, FactIgnored)
    return event.reason, event.detail


def test_a_request_is_granted_and_paid_for() -> None:
    told = customer_with(100)
    events = told.requested("cart-1", "mug")
    assert kinds(events) == ["RewardEarned", "PointsRedeemed"]
    granted = only(events, RewardEarned)
    assert (granted.request, granted.reward_id) == ("cart-1", "acme-test:ann:mug:1")
    assert granted.cause.trigger == "redemption_requested"
    assert only(events, PointsRedeemed).points == 60
    assert told.balance == 40


def test_a_request_is_granted_once_however_often_it_is_delivered() -> None:
    told = customer_with(200)
    told.requested("cart-1", "mug")
    assert told.requested("cart-1", "mug") == []
    assert told.requested("cart-1", "mug", at=T0 + 2 * DAY) == []
    assert told.balance == 140


def test_a_reward_of_the_catalogue_is_never_fired_by_anything_else() -> None:
    told = customer_with(900)
    told.tell(created(subscription(1)))
    told.happened("visit")
    told.lives_until(T0 + 90 * DAY)
    assert of(told.events, RewardEarned) == []


def test_what_is_refused_says_why() -> None:
    told = customer_with(50)
    assert refused(told.requested("r1", "boat")) == (
        "unknown_reward",
        "the program has no reward boat",
    )
    assert refused(told.requested("r2", "tree")) == (
        "not_redeemable",
        "tree: it is earned, not asked for",
    )
    assert refused(told.requested("r3", "mug")) == (
        "not_enough_points",
        "mug: costs 60 points, and the balance is 50",
    )
    assert kinds(told.requested("r4", "days")) == ["RewardEarned", "PointsRedeemed"]
    assert refused(told.requested("r5", "days")) == (
        "limit_reached",
        "days: at most 1 per month",
    )
    assert told.balance == 40


def test_a_condition_is_read_over_the_subscription_heard_of_last() -> None:
    told = customer_with(50)
    reason, detail = refused(told.requested("r1", "pro"))
    assert reason == "condition_not_met"
    assert "subscription.plan is not known" in detail
    told.tell(created(subscription(1, plan="basic")))
    assert refused(told.requested("r2", "pro"))[0] == "condition_not_met"
    told.tell(created(subscription(1, name="sub_2", plan="pro")))
    granted = only(told.requested("r3", "pro"), RewardEarned)
    assert (granted.cost, granted.subscription) == (0, "sub_2")


def test_a_condition_is_looked_at_before_the_limit_and_the_limit_before_the_points() -> None:
    told = story(
        rewards="[{id: all, when: {request: true, when: account.lifetime > 10, limit: {count: 1}}, "
        "cost: 5, free_days: 1}]"
    )
    assert reasons(told.requested("r1", "all")) == ["condition_not_met"]
    told.paid("t1", 1_100)
    assert kinds(told.requested("r2", "all")) == ["RewardEarned", "PointsRedeemed"]
    told.adjusted("spend", -6)
    assert reasons(told.requested("r3", "all")) == ["limit_reached"]


def test_pending_points_pay_for_nothing() -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, points: 100, activate_after: P14D}", rewards=CATALOGUE
    )
    told.paid("t1", 100)
    assert reasons(told.requested("r1", "mug")) == ["not_enough_points"]
    assert kinds(told.requested("r2", "mug", at=T0 + 14 * DAY)) == [
        "PointsActivated",
        "RewardEarned",
        "PointsRedeemed",
    ]


def test_who_owes_points_may_have_what_costs_nothing() -> None:
    told = story(rewards="[{id: hello, when: {request: true}, free_days: 1}]")
    told.adjusted("debt", -5)
    assert kinds(told.requested("r1", "hello")) == ["RewardEarned"]


def test_a_refusal_is_told_whatever_else_the_request_made_due() -> None:
    told = story(expiry="{after: P30D}", rewards=CATALOGUE)
    told.paid("t1", 10_000)
    events = told.requested("r1", "mug", at=T0 + 30 * DAY)
    assert kinds(events) == ["PointsExpired", "FactIgnored"]
    assert reasons(events) == ["not_enough_points"]


@pytest.mark.parametrize(
    ("reward", "reason"), [("hat", "unknown_reward"), ("mark", "not_redeemable")]
)
def test_a_refusal_is_told_beside_rewards_that_were_left_over(reward: str, reason: str) -> None:
    told = story(rewards="[{id: mark, when: {lifetime: 1, repeat: every}, free_days: 1}]")
    told.paid("t1", 15_000)
    events = told.requested("r1", reward)
    assert (len(of(events, RewardEarned)), reasons(events)) == (50, [reason])


def test_without_a_program_nothing_can_be_had() -> None:
    told = Story(Programs())
    assert reasons(told.requested("r1", "mug")) == ["no_program"]


def test_a_cancelled_request_gives_back_points_dates_and_limit() -> None:
    told = story(expiry="{after: P30D}", rewards=CATALOGUE)
    told.paid("t1", 4_000)
    told.paid("t2", 4_000, at=T0 + DAY)
    before = [lot.piece(lot.points) for lot in told.account.ledger.lots]
    told.requested("cart-1", "mug", at=T0 + 2 * DAY)
    events = told.request_cancelled("cart-1", at=T0 + 3 * DAY)
    assert kinds(events) == ["RewardRevoked", "PointsRestored"]
    assert only(events, RewardRevoked).reason == "cancelled"
    assert told.account.ledger.lots == before
    assert told.account.ledger.open_rewards == []
    told.requested("cart-2", "days", at=T0 + 4 * DAY)
    assert reasons(told.requested("cart-3", "days", at=T0 + 5 * DAY)) == ["limit_reached"]
    told.request_cancelled("cart-2", at=T0 + 6 * DAY)
    again = told.requested("cart-4", "days", at=T0 + 7 * DAY)
    assert only(again, RewardEarned).reward_id == "acme-test:ann:days:2"


def test_a_request_that_reached_the_customer_or_failed_cannot_be_cancelled() -> None:
    told = customer_with(200)
    told.delivered(only(told.requested("cart-1", "mug"), RewardEarned), at=T0 + 2 * DAY)
    told.failed(only(told.requested("cart-2", "mug"), RewardEarned), at=T0 + 2 * DAY)
    for request in ("cart-1", "cart-2", "cart-3"):
        assert reasons(told.request_cancelled(request)) == ["reward_not_open"], request
    assert told.balance == 140


def test_a_reward_that_nobody_asked_for_is_not_cancelled_by_a_request_without_a_name() -> None:
    told = customer_with(1_000)
    assert [each.reward for each in told.account.ledger.open_rewards] == ["tree"]
    assert reasons(told.request_cancelled("")) == ["reward_not_open"]


def test_an_outcome_after_the_cancellation_finds_nothing_open() -> None:
    told = customer_with(100)
    granted = only(told.requested("cart-1", "mug"), RewardEarned)
    told.request_cancelled("cart-1")
    assert reasons(told.delivered(granted, at=T0 + 2 * DAY)) == ["reward_not_open"]
    assert told.balance == 100


@pytest.mark.parametrize("days", [0, 29, 31])
def test_a_cooldown_goes_back_to_the_time_before_the_cancelled_one(days: int) -> None:
    told = story(
        rewards="[{id: day, when: {request: true, limit: {cooldown: P30D}}, free_days: 1}]"
    )
    told.requested("r1", "day", at=T0)
    told.requested("r2", "day", at=T0 + 30 * DAY)
    told.request_cancelled("r2", at=T0 + 30 * DAY)
    granted = of(told.requested("r3", "day", at=T0 + (30 + days) * DAY), RewardEarned)
    assert len(granted) == 1
    assert reasons(told.requested("r4", "day", at=T0 + (59 + days) * DAY)) == ["limit_reached"]


def test_points_of_a_cancelled_request_fill_a_deficit_first() -> None:
    told = customer_with(60)
    told.requested("cart-1", "mug")
    told.adjusted("debt", -20)
    restored = only(told.request_cancelled("cart-1"), PointsRestored)
    assert (restored.absorbed, restored.balance, restored.deficit) == (20, 40, 0)


def test_a_request_uses_the_points_that_expire_first() -> None:
    told = story(ONE_PER_DOLLAR, expiry="{after: P30D}", rewards=CATALOGUE)
    told.paid("t1", 5_000)
    told.paid("t2", 5_000, at=T0 + DAY)
    redeemed = only(told.requested("cart-1", "mug"), PointsRedeemed)
    assert [(each.lot, each.points) for each in redeemed.lots] == [
        (told.lot("t1"), 50),
        (told.lot("t2"), 10),
    ]


@pytest.mark.parametrize(("balance", "reason"), [(0, "not_enough_points"), (1, None)])
def test_the_cheapest_reward_needs_a_point_too(balance: int, reason: str | None) -> None:
    told = story(rewards="[{id: pin, when: {request: true}, cost: 1, free_days: 1}]")
    told.paid("t1", 100 * balance)
    assert reasons(told.requested("q1", "pin")) == ([] if reason is None else [reason])
    assert told.balance == 0
