"""Rewards by threshold, tier and action: when they fire, what they cost, how they end."""

import msgspec
import pytest

from schemas.points import (
    AnyPointsEvent,
    FactIgnored,
    PointsExpired,
    PointsRedeemed,
    PointsRestored,
    RewardDelivered,
    RewardEarned,
    RewardFailed,
    TierChanged,
)
from schemas.rewards import Allowance
from tests.support.story import (
    DAY,
    ONE_PER_DOLLAR,
    T0,
    created,
    delivered,
    earned,
    failed,
    kinds,
    of,
    only,
    reactivated,
    reasons,
    story,
    subscription,
)

CREDIT = 'discount: {via: promotional_credit, amount: {USD: "5.00"}}'
PER_HUNDRED = f"[{{id: five-off, when: {{balance: 100, repeat: every}}, cost: 100, {CREDIT}}}]"
LATER_PAY = '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, activate_after: P14D}'


def fired(events: list[AnyPointsEvent]) -> list[str]:
    return [each.reward_id.removeprefix("acme-test:ann:") for each in of(events, RewardEarned)]


def spent(events: list[AnyPointsEvent]) -> list[list[tuple[str, int]]]:
    return [
        [(each.lot, each.points) for each in event.lots] for event in of(events, PointsRedeemed)
    ]


def test_every_hundred_points_buy_a_reward_and_the_rest_stays() -> None:
    told = story(rewards=PER_HUNDRED)
    events = told.paid("t1", 25_000)
    assert kinds(events) == [
        "PointsEarned",
        "RewardEarned",
        "RewardEarned",
        "PointsRedeemed",
        "PointsRedeemed",
    ]
    assert fired(events) == ["five-off:1", "five-off:2"]
    assert told.balance == 50


def test_a_threshold_once_fires_once_however_often_it_is_crossed() -> None:
    told = story(rewards=f"[{{id: five-off, when: {{balance: 100}}, cost: 100, {CREDIT}}}]")
    assert fired(told.paid("t1", 10_000)) == ["five-off:1"]
    assert fired(told.paid("t2", 90_000)) == []
    assert told.balance == 900


def test_every_without_a_cost_stands_at_multiples_of_the_threshold() -> None:
    told = story(rewards=f"[{{id: tree, when: {{lifetime: 100, repeat: every}}, {CREDIT}}}]")
    assert fired(told.paid("t1", 25_000)) == ["tree:1", "tree:2"]
    assert fired(told.paid("t2", 4_900)) == []
    assert fired(told.paid("t3", 100)) == ["tree:3"]


def test_undone_points_do_not_fire_a_lifetime_reward_again() -> None:
    told = story(rewards=f"[{{id: tree, when: {{lifetime: 100, repeat: every}}, {CREDIT}}}]")
    told.paid("t1", 10_000)
    told.refunded("r1", "t1", 10_000)
    assert fired(told.paid("t2", 10_000, at=T0 + 2 * DAY)) == []
    assert fired(told.paid("t3", 10_000, at=T0 + 2 * DAY)) == ["tree:2"]


def test_a_cost_below_the_threshold_leaves_the_difference() -> None:
    told = story(
        rewards=f"[{{id: half, when: {{balance: 100, repeat: every}}, cost: 50, {CREDIT}}}]"
    )
    told.paid("t1", 20_000)
    assert (len(of(told.events, RewardEarned)), told.balance) == (3, 50)


def test_two_rewards_at_one_balance_both_fire_where_it_pays_for_both() -> None:
    told = story(
        rewards=f"[{{id: a, when: {{balance: 100}}, cost: 40, {CREDIT}}}, "
        f"{{id: b, when: {{balance: 100}}, cost: 60, {CREDIT}}}, "
        f"{{id: c, when: {{balance: 100}}, cost: 10, {CREDIT}}}]"
    )
    assert fired(told.paid("t1", 10_000)) == ["a:1", "b:1"]
    assert told.balance == 0


def test_a_tier_and_a_reward_at_the_same_figure_both_happen() -> None:
    """Golden: a reward at 100 with a tier at 100 earned."""
    told = story(
        tiers="{levels: [{id: seedling}, {id: saguaro, at: 100}]}",
        rewards=PER_HUNDRED,
    )
    events = told.paid("t1", 10_000)
    assert only(events, TierChanged).to_tier == "saguaro"
    assert fired(events) == ["five-off:1"]
    assert (told.tier, told.balance) == ("saguaro", 0)


def test_pending_points_fire_a_balance_reward_when_they_become_spendable() -> None:
    told = story(LATER_PAY, rewards=PER_HUNDRED)
    assert fired(told.paid("t1", 10_000)) == []
    assert fired(told.lives_until(T0 + 14 * DAY)) == ["five-off:1"]


def test_costs_are_taken_from_the_lot_that_expires_first() -> None:
    told = story(expiry="{after: P30D}", rewards=PER_HUNDRED)
    told.paid("t2", 6_000, at=T0 + 5 * DAY)
    events = told.paid("t1", 5_000, at=T0)  # too late for its place, and the first to expire
    assert spent(events) == [[(told.lot("t1"), 50), (told.lot("t2"), 50)]]


def test_a_reward_without_a_cost_fires_although_points_are_owed() -> None:
    told = story(
        tiers="{levels: [{id: low}, {id: high, at: 100}]}",
        rewards=f"[{{id: tree, when: {{lifetime: 100}}, {CREDIT}}}, "
        f"{{id: hello, when: {{tier: high}}, {CREDIT}}}, "
        f"{{id: thanks, when: {{on: payment_succeeded}}, {CREDIT}}}]",
    )
    told.adjusted("debt", -500)
    assert fired(told.paid("t1", 10_000)) == ["tree:1", "hello:1", "thanks:1"]
    assert told.deficit == 400


def test_an_action_with_a_condition_and_a_limit() -> None:
    told = story(
        rewards="[{id: back, when: {on: subscription_reactivated, "
        f'when: subscription.plan == "pro", limit: {{count: 1, per: year}}}}, {CREDIT}}}]'
    )
    assert fired(told.tell(reactivated(subscription(1), T0))) == ["back:1"]
    assert reasons(told.tell(reactivated(subscription(2), T0 + DAY))) == ["limit_reached"]
    basic = subscription(3, plan="basic")
    assert reasons(told.tell(reactivated(basic, T0 + 60 * DAY))) == ["condition_not_met"]
    assert fired(told.tell(reactivated(subscription(4), T0 + 61 * DAY))) == ["back:2"]


def test_an_action_fires_for_its_own_custom_event_only() -> None:
    told = story(
        "- {id: visit, on: custom, event: visit, points: 1}",
        rewards=f"[{{id: gift, when: {{on: custom, event: survey}}, {CREDIT}}}]",
    )
    assert fired(told.happened("visit")) == []
    assert fired(told.happened("survey")) == ["gift:1"]


def test_an_action_that_the_balance_does_not_pay_for_says_so() -> None:
    told = story(
        rewards=f"[{{id: gift, when: {{on: payment_succeeded}}, cost: 50, {CREDIT}}}]",
    )
    events = told.paid("t1", 1_000)
    assert (earned(events), reasons(events)) == ([("pay", 10)], ["cost_not_covered"])
    assert fired(told.paid("t2", 4_000)) == ["gift:1"]
    assert told.balance == 0


def test_an_action_fires_once_for_a_late_fact_whose_points_are_already_due() -> None:
    told = story(
        LATER_PAY,
        rewards=f"[{{id: thanks, when: {{on: payment_succeeded}}, {CREDIT}}}]",
    )
    told.paid("t1", 1_000, at=T0 + 100 * DAY)
    events = told.paid("t2", 1_000, at=T0)
    assert kinds(events) == ["PointsEarned", "PointsActivated", "RewardEarned"]


def test_one_fact_fires_a_hundred_rewards_at_most_and_the_next_fact_the_rest() -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, points: 25000}",
        rewards=f"[{{id: five-off, when: {{balance: 100, repeat: every}}, cost: 100, {CREDIT}}}, "
        f"{{id: note, when: {{on: custom, event: visit}}, {CREDIT}}}]",
    )
    assert len(fired(told.paid("t1", 1))) == 100
    second = fired(told.happened("visit"))
    assert (len(second), second.count("note:1")) == (101, 1)
    assert len(fired(told.time(T0))) == 50
    assert told.balance == 0


def test_more_rewards_than_one_fact_fires_wait_also_behind_others() -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, points: 25000}",
        rewards=f"[{{id: one, when: {{balance: 100, repeat: every}}, cost: 100, {CREDIT}}}, "
        f"{{id: thanks, when: {{on: payment_succeeded}}, {CREDIT}}}, "
        f"{{id: two, when: {{lifetime: 10, repeat: every}}, {CREDIT}}}]",
    )
    names = [each.partition(":")[0] for each in fired(told.paid("t1", 1))]
    assert (names.count("one"), names.count("thanks"), names.count("two")) == (100, 1, 0)


def test_who_comes_down_into_a_tier_is_not_rewarded_for_it_but_has_what_lasts_there() -> None:
    told = story(
        tiers="{window: P30D, downgrade: one_down, levels: [{id: low}, {id: mid, at: 10}, "
        "{id: high, at: 20}]}",
        rewards=f"[{{id: hello, when: {{tier: mid}}, {CREDIT}}}, "
        "{id: beta, when: {tier: mid}, feature: {id: beta, while_in_tier: true}}]",
    )
    assert fired(told.paid("t1", 2_000)) == []
    assert fired(told.lives_until(T0 + 30 * DAY)) == ["beta:1"]
    assert told.tier == "mid"


def test_a_reward_lands_on_the_facts_subscription_or_the_one_heard_of_last() -> None:
    told = story(rewards=f"[{{id: thanks, when: {{on: payment_succeeded}}, {CREDIT}}}]")
    own = only(told.paid("t1", 1, subscription=subscription(1)), RewardEarned)
    assert (own.subscription, own.currency) == ("sub_1", "USD")
    told.tell(created(subscription(1, name="sub_2", currency="EUR"), T0 + 1))
    assert only(told.paid("t2", 1, T0 + 1), RewardEarned).subscription == "sub_2"
    told.tell(reactivated(subscription(2), T0 + 2))
    assert only(told.paid("t3", 1, T0 + 2), RewardEarned).subscription == "sub_1"
    told.tell(created(subscription(1, name="sub_3", status="cancelled"), T0))
    assert only(told.paid("t4", 1), RewardEarned).subscription == "sub_1"


def test_a_failed_reward_gives_its_points_back_to_the_same_lots_with_the_same_dates() -> None:
    told = story(expiry="{after: P30D}", rewards=PER_HUNDRED)
    told.paid("t1", 4_000)
    before = told.paid("t2", 7_000, at=T0 + DAY)
    events = told.failed(only(before, RewardEarned), at=T0 + 2 * DAY)
    assert kinds(events) == ["RewardFailed", "PointsRestored"]
    restored = only(events, PointsRestored)
    assert [(each.lot, each.points) for each in restored.lots] == [
        (told.lot("t1"), 40),
        (told.lot("t2"), 60),
    ]
    assert told.balance == 110
    assert [
        (each.occurred_at, each.points)
        for each in of(told.lives_until(T0 + 99 * DAY), PointsExpired)
    ] == [(T0 + 30 * DAY, 40), (T0 + 31 * DAY, 70)]


def test_points_whose_lot_expired_meanwhile_come_back_as_expired() -> None:
    """Golden: cancel a redemption whose lots have expired."""
    told = story(expiry="{after: P30D}", rewards=PER_HUNDRED)
    told.paid("t1", 4_000)
    reward = only(told.paid("t2", 6_000, at=T0 + 10 * DAY), RewardEarned)
    restored = only(told.failed(reward, at=T0 + 30 * DAY), PointsRestored)
    assert (restored.points, restored.expired, told.balance) == (100, 40, 60)
    assert [(each.lot, each.points) for each in restored.lots] == [(told.lot("t2"), 60)]


def test_points_that_come_back_fill_a_deficit_first() -> None:
    told = story(rewards=PER_HUNDRED)
    reward = only(told.paid("t1", 10_000), RewardEarned)
    told.adjusted("debt", -30)
    restored = only(told.failed(reward), PointsRestored)
    assert (restored.absorbed, restored.balance, restored.deficit) == (30, 70, 0)


def test_a_reward_that_failed_is_not_fired_again_by_its_own_points() -> None:
    told = story(rewards=PER_HUNDRED)
    reward = only(told.paid("t1", 10_000), RewardEarned)
    assert fired(told.failed(reward)) == []
    assert told.balance == 100
    assert fired(told.paid("t2", 100, at=T0 + 2 * DAY)) == ["five-off:2"]


def test_points_that_came_back_wait_for_the_next_credit() -> None:
    told = story(rewards=PER_HUNDRED)
    told.failed(only(told.paid("t1", 10_000), RewardEarned))
    assert kinds(told.happened("visit", at=T0 + 2 * DAY)) == ["FactIgnored"]
    assert kinds(told.paid("t2", 100, at=T0 + 3 * DAY)) == [
        "PointsEarned",
        "RewardEarned",
        "PointsRedeemed",
    ]


def test_a_delivered_reward_is_settled_and_cannot_fail_any_more() -> None:
    told = story(rewards=PER_HUNDRED)
    reward = only(told.paid("t1", 10_000), RewardEarned)
    assert only(told.delivered(reward), RewardDelivered).reference == "pc_1"
    assert told.failed(reward) == []  # one outcome per reward, whichever comes first
    late = msgspec.structs.replace(failed(reward.reward_id), id="outcome:other")
    assert reasons(told.tell(late)) == ["reward_not_open"]
    assert told.balance == 0


@pytest.mark.parametrize(
    "reward_id",
    [
        "acme-test:ann:five-off:7",
        "acme-test:bob:five-off:1",
        "acme-test:ann:five-off:one",
        "acme-test:ann:five-off:",
        "five-off:1",
        "five-off",
        "a:b:c:d",
    ],
)
def test_an_outcome_of_no_open_reward_is_ignored_for_a_reason(reward_id: str) -> None:
    told = story(rewards=PER_HUNDRED)
    told.paid("t1", 10_000)
    assert only(told.tell(delivered(reward_id)), FactIgnored).reason == "reward_not_open"


def test_a_free_reward_that_fails_moves_no_points() -> None:
    told = story(ONE_PER_DOLLAR, rewards=f"[{{id: tree, when: {{lifetime: 1}}, {CREDIT}}}]")
    reward = only(told.paid("t1", 100), RewardEarned)
    assert [type(each) for each in told.failed(reward)] == [RewardFailed]
    assert told.account.ledger.open_rewards == []


def test_a_reward_of_which_there_is_only_so_much_says_so() -> None:
    limited = f'{CREDIT}, stock: 9, budget: {{amount: {{USD: "90.00"}}, per: month}}'
    rewards = f"[{{id: few, when: {{balance: 100}}, {limited}}}, {PER_HUNDRED[1:]}"
    few, many = of(story(rewards=rewards).paid("t1", 10_000), RewardEarned)
    assert few.allowance == Allowance(stock=9, budget_minor={"USD": 9_000}, per="month", zone="UTC")
    assert many.allowance is None
