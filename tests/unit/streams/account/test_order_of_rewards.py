"""Rewards when facts come late: which firing is which, its outcome, and what pays for it."""

from collections.abc import Callable

import pytest

from schemas import facts
from schemas.points import (
    CorrectionApplied,
    RewardEarned,
    RewardRevoked,
)
from schemas.rewards import Feature
from tests.support.story import (
    DAY,
    HOUR,
    T0,
    cancelled,
    changed,
    created,
    delivered,
    failed,
    happened,
    kinds,
    of,
    only,
    paid,
    refunded,
    story,
    subscription,
    told_in_order,
)

FREE = "free_days: 1"
VISIT = "- {id: visit, on: custom, event: visit, points: 10}"
LEVELS = "levels: [{id: low}, {id: high, at: 100, multiplier: '2'}]"


def test_a_reward_that_is_due_is_earned_once_and_paid_from_the_lots_of_its_place() -> None:
    told = story(
        expiry="{after: P10D}", rewards=f"[{{id: free, when: {{balance: 100}}, cost: 100, {FREE}}}]"
    )
    told.paid("t2", 6_000, at=T0 + DAY)
    events = told.paid("t1", 5_000, at=T0)
    assert kinds(events) == ["PointsEarned", "RewardEarned", "CorrectionApplied"]
    assert only(events, RewardEarned).occurred_at == T0 + DAY, "it is due now, not then"
    [payment] = only(events, CorrectionApplied).rewards
    assert [(piece.lot, piece.points) for piece in payment.lots] == [
        (told.lot("t1"), 50),
        (told.lot("t2"), 50),
    ]
    told.failed(only(events, RewardEarned), at=T0 + 2 * DAY)
    assert told.balance == 110, "what paid for it comes back"


def test_a_reward_that_another_fact_fires_in_order_is_not_given_again() -> None:
    told = story(
        VISIT,
        rewards=f"[{{id: guest, when: {{on: custom, event: visit, when: 'account.balance == 0', "
        f"limit: {{count: 1}}}}, {FREE}}}]",
    )
    told.happened("visit", T0 + DAY)
    assert told.account.ledger.fired == {"guest": 1}
    events = told.happened("visit", T0)
    assert kinds(events)[0] == "PointsEarned"
    assert not of(events, RewardRevoked), "the one firing stands, whichever fact fires it"
    assert not of(events, RewardEarned)
    assert told.account.ledger.fired == {"guest": 1}


def test_a_tier_that_was_not_reached_is_taken_back_with_what_it_gave() -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, points: 60, limit: {cooldown: P1D}}",
        VISIT,
        tiers=f"{{window: lifetime, {LEVELS}}}",
        rewards="[{id: beta, when: {tier: high}, feature: {id: beta, while_in_tier: true}}]",
    )
    told.paid("t1", 100, at=T0)
    told.paid("t3", 100, at=T0 + DAY + 2 * HOUR)
    assert told.tier == "high"
    events = told.paid("t2", 100, at=T0 + DAY)
    assert told.tier == "high", "t2 earns, and t3 does not"
    assert kinds(events) == ["PointsEarned", "CorrectionApplied"]
    assert only(events, CorrectionApplied).tier_since == T0 + DAY


def test_a_downgrade_in_between_is_seen_when_its_fact_comes_late() -> None:
    told = story(
        "- {id: climb, on: plan_upgraded, points: 100}",
        rewards=f"[{{id: free, when: {{balance: 100}}, cost: 40, {FREE}}}]",
    )
    told.tell(created(subscription(1, amount_minor=2_000), T0))
    told.tell(changed(subscription(3, amount_minor=3_000), T0 + 2 * DAY))
    assert told.balance == 60
    events = told.tell(changed(subscription(2, amount_minor=4_000), T0 + DAY))
    assert kinds(events) == ["PointsEarned", "CorrectionApplied"]
    assert told.balance == 60, "up to 40 a day before, then down to 30"
    assert told.account.ledger.fired == {"free": 1}


def test_a_cancellation_that_was_late_takes_an_upgrade_back_and_its_reward() -> None:
    told = story(
        "- {id: climb, on: plan_upgraded, points: 100}",
        "- {id: bye, on: subscription_cancelled, points: 1}",
        rewards=f"[{{id: free, when: {{balance: 100}}, cost: 40, {FREE}}}]",
    )
    told.tell(created(subscription(1, amount_minor=2_000), T0))
    told.tell(changed(subscription(2, amount_minor=3_000), T0 + 2 * DAY))
    late = subscription(1, amount_minor=3_000, status="cancelled")
    events = told.tell(cancelled(late, T0 + DAY))
    assert kinds(events) == ["PointsEarned", "RewardRevoked", "CorrectionApplied"]
    revoked = only(events, RewardRevoked)
    assert (revoked.reward, revoked.reason, revoked.cause.trigger) == (
        "free",
        "corrected",
        "correction",
    )
    assert (told.balance, told.lifetime) == (1, 1)
    assert not told.account.ledger.open_rewards


def test_a_reward_that_was_revoked_and_is_due_again_has_a_new_ordinal() -> None:
    told = story(
        "- {id: climb, on: plan_upgraded, points: 100}",
        rewards=f"[{{id: free, when: {{balance: 100}}, {FREE}}}]",
    )
    told.tell(created(subscription(1, amount_minor=2_000), T0))
    told.tell(changed(subscription(2, amount_minor=3_000), T0 + 2 * DAY))
    told.tell(cancelled(subscription(1, amount_minor=3_000, status="cancelled"), T0 + DAY))
    events = told.tell(changed(subscription(3, amount_minor=5_000), T0 + 3 * DAY))
    assert only(events, RewardEarned).reward_id.endswith(":free:2")
    ledger = told.account.ledger
    assert (ledger.fired, ledger.revoked) == ({"free": 2}, {"free": 1})
    told.delivered(only(events, RewardEarned), at=T0 + 3 * DAY)
    assert kinds(told.happened("other", T0 + HOUR)) == ["FactIgnored"]
    assert told.account.ledger.fired == {"free": 2}, "a re-fold keeps what rewards are called"
    assert not told.account.ledger.open_rewards


def test_a_re_fold_leaves_outcomes_with_the_rewards_that_had_them() -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, points: 15}",
        rewards=f"[{{id: free, when: {{on: payment_succeeded}}, cost: 5, on_refund: revoke, "
        f"{FREE}}}]",
    )
    first = only(told.paid("t1", 100, at=T0), RewardEarned)
    told.failed(first, at=T0 + HOUR)
    assert told.balance == 15, "what paid for it came back"
    told.paid("t2", 100, at=T0 + HOUR)
    told.refunded("r1", "t2", 100, at=T0 + HOUR)
    assert told.balance == 15
    for second in (2, 1):
        told.happened("other", at=T0 + HOUR + second)
    assert told.balance == 15, "the reward of t2 went with it, and that of t1 had failed"


def test_a_re_fold_leaves_outcomes_where_a_reward_came_and_went_before_it_was_told_of() -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, points: 56}",
        rewards="[{id: life, when: {lifetime: 52, repeat: every}, cost: 25, on_refund: revoke, "
        f"{FREE}}}]",
    )
    told.paid("t1", 100, at=T0)
    told.refunded("r1", "t2", 100, at=T0 + DAY)
    assert not of(told.paid("t2", 100, at=T0 + DAY), RewardEarned), "it went with the refund"
    second = only(told.paid("t3", 100, at=T0 + DAY + HOUR), RewardEarned)
    told.failed(second, at=T0 + DAY + HOUR)
    assert told.balance == 31 + 56
    told.paid("t4", 100, at=T0 + DAY + HOUR)
    assert told.balance == 31 + 56 + 31


@pytest.mark.parametrize(("tell", "is_earned_again"), [(failed, True), (delivered, False)])
def test_a_reward_that_another_fact_fires_after_all_is_given_unless_the_customer_has_it(
    tell: Callable[[str, int], facts.AnyFact], *, is_earned_again: bool
) -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, points: 60}",
        VISIT,
        rewards=f"[{{id: free, when: {{balance: 50}}, cost: 5, on_refund: revoke, {FREE}}}]",
    )
    first = only(told.paid("t1", 100, at=T0), RewardEarned)
    told.paid("t2", 100, at=T0 + HOUR)
    told.tell(tell(first.reward_id, T0 + 2 * DAY))
    told.happened("visit", T0 + 2 * DAY)
    events = told.refunded("r1", "t1", 100, at=T0 + DAY)
    assert bool(of(events, RewardEarned)) is is_earned_again
    assert told.account.ledger.standing("free") == 1
    assert told.balance == 65, "the visit fired it"


def test_the_outcome_of_a_reward_that_was_taken_away_is_not_that_of_one_due_instead() -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, points: 15}",
        rewards=f"[{{id: welcome, when: {{on: first_payment}}, cost: 5, on_refund: revoke, "
        f"{FREE}}}]",
    )
    welcome = only(told.paid("t2", 100, at=T0 + DAY), RewardEarned)
    told.failed(welcome, at=T0 + 3 * DAY)
    told.refunded("r1", "t2", 100, at=T0 + DAY)
    assert told.account.ledger.standing("welcome") == 0
    again = only(told.paid("t1", 100, at=T0), RewardEarned)
    [waiting] = told.account.ledger.open_rewards
    assert again.reward_id.endswith(f":welcome:{waiting.ordinal}")
    assert (told.balance, [each.points for each in waiting.taken]) == (10, [5]), "it is paid for"


def test_a_feature_that_was_not_due_gives_nothing_back_when_it_fails() -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, points: 110, when: account.lifetime == 0}",
        VISIT,
        tiers=f"{{window: lifetime, {LEVELS}}}",
        rewards="[{id: beta, when: {tier: high}, cost: 5, "
        "feature: {id: beta, while_in_tier: true}}]",
    )
    beta = only(told.paid("t1", 100, at=T0 + DAY), RewardEarned)
    told.refunded("r1", "t1", 100, at=T0 + 2 * DAY)
    told.happened("visit", T0)
    assert told.balance == 10, "with the visit before it the payment earned nothing"
    told.failed(beta, at=T0 + 3 * DAY)
    assert told.balance == 10, "what it cost came back with the correction"


def test_a_feature_that_comes_again_in_order_is_paid_from_the_lots_of_its_place() -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, points: 100}",
        VISIT,
        "- {id: gift, on: custom, event: gift, points: 20, priority: promotional}",
        tiers=f"{{window: lifetime, {LEVELS}}}",
        rewards="[{id: beta, when: {tier: low}, cost: 5, "
        "feature: {id: beta, while_in_tier: true}}]",
    )
    told.happened("visit", T0)
    told.happened("gift", T0 + HOUR)
    told.refunded("r1", "t1", 100, at=T0 + 2 * DAY)
    told.paid("t1", 100, at=T0 + DAY)
    [beta] = told.account.ledger.open_rewards
    in_order = told_in_order(
        told,
        happened("visit", T0),
        happened("gift", T0 + HOUR),
        paid("t1", 100, at=T0 + DAY),
        refunded("r1", "t1", 100, at=T0 + 2 * DAY),
    )
    left, come_again = in_order.account.ledger.open_rewards
    assert left.taken != come_again.taken == beta.taken


def test_a_feature_that_was_withdrawn_and_should_not_have_been_comes_back() -> None:
    told = story(
        tiers=f"{{window: lifetime, {LEVELS}}}",
        rewards="[{id: alpha, when: {lifetime: 999}, free_days: 9}, "
        "{id: beta, when: {tier: high}, feature: {id: beta, while_in_tier: true}}]",
    )
    told.paid("t1", 10_000, at=T0)
    told.happened("other", T0 + 10 * DAY)
    told.refunded("r1", "t1", 10_000, at=T0 + 12 * DAY)
    assert (told.tier, told.account.ledger.held) == ("low", ())
    events = told.paid("t2", 10_000, at=T0 + 11 * DAY)
    assert kinds(events)[:3] == ["PointsEarned", "TierChanged", "RewardEarned"]
    assert only(events, RewardEarned).reward_id.endswith(":beta:2")
    assert only(events, RewardEarned).grant == Feature(id="beta", while_in_tier=True)
    [held] = told.account.ledger.held
    assert (told.tier, held.ordinal, told.balance) == ("high", 2, 200)
    events = told.refunded("r2", "t2", 10_000, at=T0 + 13 * DAY)
    assert only(events, RewardRevoked).reward_id.endswith(":beta:2")
