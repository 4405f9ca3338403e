"""Rewards with `on_refund: revoke`: what they rest on, and what comes back when it is undone."""

import pytest

from schemas.points import (
    AnyPointsEvent,
    PointsExpired,
    PointsRestored,
    PointsReversed,
    RewardEarned,
    RewardRevoked,
    TierChanged,
)
from streams.account.evolve import evolve
from streams.account.state import Account, Ledger, OpenReward
from tests.support.story import (
    DAY,
    ONE_PER_DOLLAR,
    T0,
    YEAR,
    created,
    kinds,
    of,
    only,
    program_text,
    reasons,
    story,
    subscription,
)
from tests.support.year import program_of

LATER_PAY = '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, activate_after: P14D}'
LEVELS = "{levels: [{id: low}, {id: mid, at: 100}, {id: high, at: 300}]}"


def revocable(when: str, more: str = "") -> str:
    return f"[{{id: gift, when: {{{when}}}, {more}on_refund: revoke, free_days: 7}}]"


def ids_of(events: list[AnyPointsEvent], kind: type[RewardEarned | RewardRevoked]) -> list[str]:
    return [each.reward_id.removeprefix("acme-test:ann:") for each in of(events, kind)]


def fired(events: list[AnyPointsEvent]) -> list[str]:
    return ids_of(events, RewardEarned)


def revoked(events: list[AnyPointsEvent]) -> list[str]:
    return ids_of(events, RewardRevoked)


@pytest.mark.parametrize("when", ["on: payment_succeeded", "balance: 100", "lifetime: 100"])
def test_a_reward_is_kept_unless_the_program_says_otherwise(when: str) -> None:
    told = story(rewards=f"[{{id: gift, when: {{{when}}}, free_days: 7}}]")
    told.delivered(only(told.paid("t1", 10_000), RewardEarned))
    assert kinds(told.refunded("r1", "t1", 10_000)) == ["PointsReversed"]
    assert told.account.ledger.settled == ()


@pytest.mark.parametrize("when", ["on: payment_succeeded", "balance: 100"])
@pytest.mark.parametrize("is_delivered", [False, True])
def test_the_reward_of_a_payment_goes_when_the_payment_is_given_back_whole(
    when: str, is_delivered: bool
) -> None:
    told = story(rewards=revocable(when))
    earned = only(told.paid("t1", 10_000), RewardEarned)
    assert earned.rests_on == "payment:t1:inv_t1"
    if is_delivered:
        told.delivered(earned)
    assert kinds(told.refunded("r1", "t1", 9_999)) == ["PointsReversed"]
    events = told.refunded("r2", "t1", 1, at=T0 + 2 * DAY)
    gone = only(events, RewardRevoked)
    assert (gone.reason, gone.cause.trigger, gone.reward_id) == (
        "refunded",
        "payment_refunded",
        earned.reward_id,
    )
    ledger = told.account.ledger
    assert (ledger.settled, ledger.open_rewards) == ((), [])


def test_another_payments_refund_leaves_the_reward() -> None:
    told = story(rewards=revocable("balance: 100"))
    told.paid("t1", 5_000)
    told.paid("t2", 5_000, at=T0 + DAY)
    assert revoked(told.refunded("r1", "t1", 5_000, at=T0 + 2 * DAY)) == []
    assert revoked(told.refunded("r2", "t2", 5_000, at=T0 + 3 * DAY)) == ["gift:1"]


def test_a_payment_that_earned_nothing_still_takes_its_reward_along() -> None:
    told = story(rewards=revocable("on: payment_succeeded"))
    told.paid("t1", 50)
    events = told.refunded("r1", "t1", 50)
    assert (kinds(events), revoked(events)) == (["RewardRevoked"], ["gift:1"])


def test_a_reward_fired_by_an_activation_rests_on_the_payment_that_was_activated() -> None:
    told = story(LATER_PAY, rewards=revocable("balance: 100"))
    told.paid("t1", 10_000)
    told.paid("t2", 100, at=T0 + 14 * DAY)  # its arrival moves the time, and pays for nothing
    earned = only(told.events, RewardEarned)
    assert earned.rests_on == "payment:t1:inv_t1"
    assert revoked(told.refunded("r1", "t1", 10_000, at=T0 + 15 * DAY)) == ["gift:1"]


def test_a_reward_that_no_payment_fired_rests_on_nothing() -> None:
    told = story(
        "- {id: visit, on: custom, event: visit, points: 100}", rewards=revocable("balance: 100")
    )
    assert only(told.happened("visit"), RewardEarned).rests_on == ""


def test_a_reward_that_other_points_fired_as_a_payments_were_activated_rests_on_nothing() -> None:
    told = story(
        LATER_PAY,
        "- {id: visit, on: custom, event: visit, points: 50}",
        rewards=revocable("balance: 100"),
    )
    told.paid("t1", 6_000)
    events = told.happened("visit", at=T0 + 14 * DAY)
    assert kinds(events) == ["PointsActivated", "PointsEarned", "RewardEarned"]
    assert only(events, RewardEarned).rests_on == ""


def test_the_cost_comes_back_to_the_same_lots_before_the_refund_takes_them() -> None:
    told = story(rewards=revocable("balance: 100", "cost: 100, "), expiry="{after: P30D}")
    told.paid("t1", 4_000)
    told.delivered(only(told.paid("t2", 6_000, at=T0 + DAY), RewardEarned), at=T0 + 2 * DAY)
    events = told.refunded("r1", "t2", 6_000, at=T0 + 3 * DAY)
    assert kinds(events) == ["RewardRevoked", "PointsRestored", "PointsReversed"]
    assert [(each.lot, each.points) for each in only(events, PointsRestored).lots] == [
        (told.lot("t1"), 40),
        (told.lot("t2"), 60),
    ]
    undone = only(events, PointsReversed)
    assert [(each.lot, each.points) for each in undone.lots] == [(told.lot("t2"), 60)]
    assert (told.balance, told.deficit) == (40, 0)
    gone = only(told.lives_until(T0 + 99 * DAY), PointsExpired)
    assert (gone.occurred_at, gone.points) == (T0 + 30 * DAY, 40)


@pytest.mark.parametrize("negative", ["allow", "pending_first", "clamp"])
@pytest.mark.parametrize(
    "when", ["balance: 100", "lifetime: 100", "tier: mid", "on: payment_succeeded"]
)
def test_a_refunded_payment_and_its_revoked_reward_leave_nothing_whatever_the_policy(
    negative: str, when: str
) -> None:
    told = story(
        tiers=LEVELS,
        refunds=f"{{negative: {negative}}}",
        rewards=revocable(when, "cost: 70, "),
    )
    told.delivered(only(told.paid("t1", 10_000), RewardEarned))
    told.refunded("r1", "t1", 10_000)
    assert (told.balance, told.deficit, told.lifetime) == (0, 0, 0)


def test_a_cost_whose_lot_expired_meanwhile_comes_back_as_expired_and_is_not_owed() -> None:
    told = story(rewards=revocable("balance: 100", "cost: 100, "), expiry="{after: P30D}")
    told.delivered(only(told.paid("t1", 10_000), RewardEarned))
    told.paid("t2", 5_000, at=T0 + 20 * DAY)
    events = told.refunded("r1", "t1", 10_000, at=T0 + 31 * DAY)
    assert only(events, PointsRestored).expired == 100
    undone = only(events, PointsReversed)
    assert (undone.expired, undone.lots, undone.overdrawn) == (100, (), 0)
    assert told.balance == 50


def test_a_cost_that_comes_back_fills_a_deficit_first() -> None:
    told = story(rewards=revocable("on: payment_succeeded", "cost: 50, "))
    told.paid("t1", 5_000)
    told.adjusted("debt", -20)
    events = told.refunded("r1", "t1", 5_000)
    restored = only(events, PointsRestored)
    assert (restored.absorbed, restored.balance, restored.deficit) == (20, 30, 0)
    assert told.balance == -20


def test_lifetime_firings_go_newest_first_as_their_multiples_are_lost() -> None:
    told = story(rewards=revocable("lifetime: 100, repeat: every"))
    told.paid("t1", 15_000)
    told.paid("t2", 20_000)
    assert fired(told.events) == ["gift:1", "gift:2", "gift:3"]
    assert revoked(told.refunded("r1", "t1", 5_000)) == []  # 300 are left
    assert revoked(told.refunded("r2", "t2", 100)) == ["gift:3"]  # 299
    assert revoked(told.refunded("r3", "t2", 19_900)) == ["gift:2"]  # 100
    assert revoked(told.refunded("r4", "t1", 10_000)) == ["gift:1"]


def test_a_lost_threshold_fires_again_under_the_next_ordinal_when_it_is_reached_again() -> None:
    for repeat in ("once", "every"):
        told = story(rewards=revocable(f"lifetime: 100, repeat: {repeat}"))
        told.paid("t1", 10_000)
        assert fired(told.paid("t2", 1_000)) == []
        assert revoked(told.refunded("r1", "t1", 10_000)) == ["gift:1"]
        assert fired(told.paid("t3", 8_900, at=T0 + 2 * DAY)) == []
        assert fired(told.paid("t4", 100, at=T0 + 2 * DAY)) == ["gift:2"]
        assert fired(told.paid("t5", 5_000, at=T0 + 3 * DAY)) == []
        assert revoked(told.refunded("r2", "t3", 8_900, at=T0 + 4 * DAY)) == ["gift:2"], repeat


def test_a_once_balance_reward_fires_again_after_it_was_revoked() -> None:
    told = story(rewards=revocable("balance: 100"))
    told.paid("t1", 10_000)
    told.refunded("r1", "t1", 10_000)
    assert fired(told.paid("t2", 10_000, at=T0 + 2 * DAY)) == ["gift:2"]
    assert fired(told.paid("t3", 10_000, at=T0 + 3 * DAY)) == []


def test_a_failed_firing_is_counted_by_its_threshold_and_costs_nothing_twice() -> None:
    told = story(rewards=revocable("lifetime: 100, repeat: every", "cost: 10, "))
    told.paid("t1", 10_000)
    told.failed(only(told.paid("t2", 10_000), RewardEarned))
    assert told.balance == 190
    events = told.refunded("r2", "t2", 10_000, at=T0 + 2 * DAY)
    assert kinds(events) == ["RewardRevoked", "PointsReversed"]
    assert revoked(events) == ["gift:2"]
    assert told.balance == 90


def test_a_failed_reward_of_a_payment_has_nothing_to_take_back() -> None:
    told = story(rewards=revocable("on: payment_succeeded", "cost: 10, "))
    told.failed(only(told.paid("t1", 10_000), RewardEarned))
    assert kinds(told.refunded("r1", "t1", 10_000, at=T0 + 2 * DAY)) == ["PointsReversed"]
    assert told.account.ledger.settled == ()


def test_an_outcome_after_the_revocation_finds_nothing_open() -> None:
    told = story(rewards=revocable("balance: 100", "cost: 100, "))
    earned = only(told.paid("t1", 10_000), RewardEarned)
    told.refunded("r1", "t1", 10_000)
    assert reasons(told.failed(earned, at=T0 + 2 * DAY)) == ["reward_not_open"]
    assert told.balance == 0


def test_a_tiers_reward_goes_with_the_tier_that_a_refund_takes_away() -> None:
    told = story(tiers=LEVELS, rewards=revocable("tier: mid"))
    told.delivered(only(told.paid("t1", 10_000), RewardEarned))
    told.paid("t2", 20_000, at=T0 + DAY)
    assert told.tier == "high"
    assert revoked(told.refunded("r2", "t2", 10_000, at=T0 + 2 * DAY)) == []  # still mid
    events = told.refunded("r1", "t1", 10_000, at=T0 + 3 * DAY)
    assert told.tier == "mid"
    assert revoked(events) == []
    events = told.refunded("r3", "t2", 100, at=T0 + 4 * DAY)
    assert kinds(events) == ["RewardRevoked", "PointsReversed", "TierChanged"]
    assert fired(told.paid("t3", 10_000, at=T0 + 5 * DAY)) == ["gift:2"]


def test_a_tier_that_time_takes_away_leaves_its_reward() -> None:
    told = story(
        tiers="{window: P12M, levels: [{id: low}, {id: mid, at: 100}]}",
        rewards=revocable("tier: mid"),
    )
    told.paid("t1", 10_000)
    told.lives_until(T0 + YEAR)
    assert (told.tier, revoked(told.events)) == ("low", [])
    told.paid("t2", 10_000, at=T0 + YEAR + DAY)
    assert (told.tier, fired(told.events)) == ("mid", ["gift:1"])


def test_a_feature_while_in_a_tier_gives_its_cost_back_only_where_a_refund_takes_the_tier() -> None:
    feature = (
        "[{id: beta, when: {tier: mid}, cost: 30, on_refund: revoke, "
        "feature: {id: beta, while_in_tier: true}}]"
    )
    lost = story(tiers=LEVELS, rewards=feature)
    lost.paid("t1", 10_000)
    events = lost.refunded("r1", "t1", 10_000)
    assert [each.reason for each in of(events, RewardRevoked)] == ["refunded"]
    assert lost.balance == 0
    left = story(tiers=LEVELS, rewards=feature)
    left.delivered(only(left.paid("t1", 10_000), RewardEarned))
    events = left.paid("t2", 20_000, at=T0 + 2 * DAY)
    assert [each.reason for each in of(events, RewardRevoked)] == ["tier_left"]
    assert of(left.refunded("r1", "t2", 20_000, at=T0 + 3 * DAY), RewardRevoked) == []
    assert left.account.ledger.held[0].ordinal == 2


def test_a_feature_whose_tier_was_left_still_gets_its_outcome() -> None:
    told = story(
        tiers=LEVELS,
        rewards="[{id: beta, when: {tier: mid}, cost: 30, on_refund: revoke, "
        "feature: {id: beta, while_in_tier: true}}]",
    )
    earned = only(told.paid("t1", 10_000), RewardEarned)
    told.paid("t2", 20_000)
    assert told.tier == "high"
    assert kinds(told.failed(earned)) == ["RewardFailed", "PointsRestored"]
    assert told.balance == 300


def test_a_tiers_reward_fires_once_while_it_stands() -> None:
    told = story(tiers=LEVELS, rewards="[{id: gift, when: {tier: mid}, free_days: 7}]")
    told.paid("t1", 10_000)
    told.refunded("r1", "t1", 10_000)
    told.paid("t2", 10_000, at=T0 + 2 * DAY)
    assert [each.to_tier for each in of(told.events, TierChanged)] == ["mid", "low", "mid"]
    assert fired(told.events) == ["gift:1"]


def test_a_new_version_takes_nothing_away_by_itself() -> None:
    told = story(rewards=revocable("lifetime: 100"))
    told.paid("t1", 15_000)
    told.programs = program_of(program_text(rewards=revocable("lifetime: 1000")))
    assert revoked(told.refunded("r1", "t1", 1_000)) == []
    assert revoked(told.refunded("r2", "t1", 5_000)) == ["gift:1"]
    gone = story(rewards=revocable("balance: 100"))
    gone.paid("t1", 10_000)
    gone.programs = program_of(program_text())
    assert revoked(gone.refunded("r1", "t1", 10_000)) == ["gift:1"]


def test_a_tier_that_a_new_version_has_no_more_takes_no_reward_along() -> None:
    gift = revocable("tier: mid")
    told = story(tiers=LEVELS, rewards=gift)
    told.paid("t1", 10_000)
    told.paid("t2", 20_000)
    left = "{levels: [{id: low}, {id: high, at: 300}]}"
    told.programs = program_of(program_text(tiers=left))
    assert kinds(told.refunded("r1", "t1", 10_000)) == ["PointsReversed", "TierChanged"]
    assert told.tier == "low"


def test_what_is_taken_back_names_the_version_that_did() -> None:
    told = story(rewards=revocable("on: payment_succeeded"))
    told.paid("t1", 1_000)
    event = only(told.refunded("r1", "t1", 1_000), RewardRevoked)
    assert (event.program, event.program_version, event.reward) == ("plain", 1, "gift")


def test_a_revoked_action_may_be_had_once_more_within_its_limit() -> None:
    told = story(rewards=revocable("on: payment_succeeded, limit: {count: 1}"))
    told.paid("t1", 100)
    assert fired(told.paid("t2", 100)) == []
    told.refunded("r1", "t1", 100)
    assert fired(told.paid("t3", 100, at=T0 + 2 * DAY)) == ["gift:2"]


def test_a_failed_action_is_uncounted_in_the_period_of_the_fact_that_fired_it() -> None:
    told = story(
        rewards="[{id: gift, when: {on: payment_succeeded, limit: {count: 1, per: month}}, "
        "free_days: 7}]"
    )
    told.tell(created(subscription(1), T0 + 31 * DAY))
    late = only(told.paid("t1", 100, at=T0 + 26 * DAY), RewardEarned)
    assert (late.occurred_at, late.counted_at) == (T0 + 31 * DAY, T0 + 26 * DAY)
    assert fired(told.paid("t2", 100, at=T0 + 31 * DAY + 1)) == ["gift:2"]
    told.failed(late, at=T0 + 32 * DAY)
    assert fired(told.paid("t3", 100, at=T0 + 32 * DAY)) == []
    assert fired(told.paid("t4", 100, at=T0 + 27 * DAY)) == ["gift:3"]


def test_what_can_be_taken_back_is_forgotten_when_its_payment_can_be_refunded_no_more() -> None:
    told = story(ONE_PER_DOLLAR, rewards=revocable("on: payment_succeeded", "cost: 10, "))
    told.delivered(only(told.paid("t1", 1_000), RewardEarned))
    assert [each.reward for each in told.account.ledger.settled] == ["gift"]
    told.paid("t2", 1_000, at=T0 + 3 * YEAR)
    assert told.account.ledger.settled == ()
    assert len(told.account.ledger.open_rewards) == 1


def test_of_more_than_can_be_kept_the_newest_four_hundred_can_be_taken_back() -> None:
    told = story(rewards=revocable("on: payment_succeeded"))
    event = only(told.paid("t1", 1_000), RewardEarned)
    account = Account(Ledger(sequence=event.sequence - 1))
    account.ledger.settled = tuple(OpenReward("gift", each, at=T0) for each in range(403))
    evolve(account, event)
    kept = [each.ordinal for each in account.ledger.settled]
    assert kept == list(range(3, 403))


def test_a_chargeback_takes_the_rewards_of_every_invoice_it_is_about() -> None:
    told = story(rewards=revocable("on: payment_succeeded"))
    told.paid("t1", 1_000, invoice="a")
    told.paid("t1", 2_000, invoice="b")
    events = told.refunded("c1", "t1", 1, reason="chargeback")
    assert revoked(events) == ["gift:1", "gift:2"]


def test_a_tier_that_is_lost_takes_its_own_reward_and_none_of_a_lower_one() -> None:
    levels = "[{id: low}, {id: mid, at: 10}, {id: high, at: 20}]"
    rewards = ", ".join(
        f"{{id: of-{tier}, when: {{tier: {tier}}}, on_refund: revoke, free_days: 1}}"
        for tier in ("low", "mid", "high")
    )
    told = story(tiers=f"{{levels: {levels}}}", rewards=f"[{rewards}]")
    for number in range(3):
        told.paid(f"t{number}", 900, at=T0 + number)
    assert told.tier == "high"
    assert revoked(told.refunded("r2", "t2", 900)) == ["of-high:1"]
    assert told.tier == "mid"
