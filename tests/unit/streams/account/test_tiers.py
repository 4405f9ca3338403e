"""Tiers: up at once, down at a review or when a refund takes away what they rested on."""

import pytest

from schemas.points import PointsEarned, RewardEarned, RewardRevoked, TierChanged
from streams.account.programs import Programs
from tests.support.story import (
    DAY,
    ONE_PER_DOLLAR,
    T0,
    YEAR,
    Story,
    changed,
    created,
    earned,
    kinds,
    of,
    only,
    program_text,
    story,
    subscription,
)
from tests.support.year import program_of

LEVELS = 'levels: [{id: low}, {id: mid, at: 100, multiplier: "1.5"}, {id: high, at: 200}]'


def moves(told: Story) -> list[tuple[str, str, int]]:
    return [(each.from_tier, each.to_tier, each.basis) for each in of(told.events, TierChanged)]


def with_tiers(more: str = "", **sections: str) -> Story:
    return story(tiers=f"{{{more}{LEVELS}}}", **sections)


def test_a_tier_is_reached_at_once_and_at_most_once() -> None:
    told = with_tiers()
    told.paid("t1", 9_900)
    told.paid("t2", 100)
    told.paid("t3", 100)
    assert moves(told) == [("", "low", 99), ("low", "mid", 100)]


def test_a_jump_over_a_level_is_one_change() -> None:
    told = with_tiers()
    told.paid("t1", 20_000)
    assert moves(told) == [("", "high", 200)]


def test_the_tiers_multiplier_counts_from_the_next_fact_on() -> None:
    told = with_tiers()
    assert earned(told.paid("t1", 10_000)) == [("pay", 100)]
    event = only(told.paid("t2", 1_000), PointsEarned)
    assert (event.points, [each.id for each in event.multipliers]) == (15, ["mid"])


def test_the_tiers_multiplier_competes_with_the_others_where_only_the_best_counts() -> None:
    told = with_tiers(stack="best", multipliers='[{id: low-one, factor: "1.2"}]')
    told.paid("t1", 10_000)
    event = only(told.paid("t2", 1_000), PointsEarned)
    assert (event.points, [each.id for each in event.multipliers]) == (15, ["mid"])


def test_pending_points_count_and_spending_does_not_demote() -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, points: 100, activate_after: P14D}",
        tiers=f"{{{LEVELS}}}",
    )
    told.paid("t1", 1)
    assert told.tier == "mid"
    told.lives_until(T0 + 14 * DAY)
    told.adjusted("spend", -100, at=T0 + 15 * DAY)
    assert told.tier == "mid"


def test_adjustments_move_no_tier() -> None:
    told = with_tiers()
    told.adjusted("gift", 1_000)
    assert told.tier == ""


@pytest.mark.parametrize("window", ["lifetime", "P12M", "calendar_year"])
def test_a_refund_takes_a_tier_away_that_only_its_payment_supported(window: str) -> None:
    told = with_tiers(f"window: {window}, ")
    told.paid("t1", 10_000)
    told.paid("t2", 1_000)
    assert told.tier == "mid"
    told.refunded("r1", "t1", 1_000)
    assert told.tier == "mid"  # 90 + 15
    told.refunded("r2", "t1", 1_000)
    assert told.tier == "low"
    told.paid("t3", 1_000, at=T0 + 2 * DAY)
    assert told.tier == "mid"


@pytest.mark.parametrize("window", ["lifetime", "P12M"])
def test_a_refund_of_a_later_payment_leaves_the_tier(window: str) -> None:
    told = with_tiers(f"window: {window}, ")
    told.paid("t1", 10_000)
    told.paid("t2", 1_000, at=T0 + DAY)
    told.refunded("r1", "t2", 1_000, at=T0 + 2 * DAY)
    assert told.tier == "mid"


def test_a_rolling_window_is_reviewed_when_what_carried_the_tier_has_left_it() -> None:
    told = with_tiers("window: P12M, ")
    told.paid("t1", 20_000)
    told.paid("t2", 10_000, at=T0 + 200 * DAY)
    events = told.lives_until(T0 + YEAR)
    assert kinds(events) == ["TierChanged"]
    assert moves(told)[-1] == ("high", "mid", 100)
    told.lives_until(T0 + 3 * YEAR)
    assert moves(told)[-1] == ("mid", "low", 0)
    assert told.due_at is None


def test_going_down_one_level_at_a_time() -> None:
    told = with_tiers("window: P12M, downgrade: one_down, ")
    told.paid("t1", 20_000)
    told.lives_until(T0 + YEAR)
    assert told.tier == "mid"
    told.lives_until(T0 + 2 * YEAR)
    assert told.tier == "low"


def test_a_tier_that_is_never_taken_away() -> None:
    told = with_tiers("window: P12M, downgrade: never, ")
    told.paid("t1", 20_000)
    assert told.due_at is None
    told.paid("t2", 100, at=T0 + 5 * YEAR)
    assert told.tier == "high"


def test_a_small_refund_does_not_take_a_level_that_was_left_by_grace() -> None:
    told = with_tiers("window: P12M, downgrade: one_down, ")
    told.paid("t1", 20_000)
    told.lives_until(T0 + YEAR)
    assert told.tier == "mid"
    told.paid("t2", 1_000, at=T0 + YEAR + DAY)
    told.refunded("r2", "t2", 1_000, at=T0 + YEAR + 2 * DAY)
    assert told.tier == "mid"


def test_a_year_by_the_calendar_ends_in_the_programs_zone() -> None:
    told = with_tiers("window: calendar_year, ", timezone="Europe/Berlin")
    told.paid("t1", 20_000)
    new_year = 1_767_222_000  # 31 December 2025, 23:00 UTC
    assert told.due_at == new_year
    told.lives_until(new_year)
    assert told.tier == "high"  # the year that ended supports it
    told.lives_until(new_year + 2 * YEAR)
    assert told.tier == "low"


@pytest.mark.parametrize("window", ["lifetime", "P12M"])
def test_a_tier_by_spend_counts_money_of_its_currency_only(window: str) -> None:
    told = with_tiers(f"basis: spend, currency: USD, window: {window}, ")
    told.paid("t1", 150, currency="EUR")
    assert told.tier == "low"
    told.paid("t2", 100)
    assert told.tier == "mid"
    told.refunded("r2", "t2", 1)
    assert told.tier == "low"


def test_a_refund_takes_points_from_a_tier_by_points_and_money_from_one_by_spend() -> None:
    rule = "- {id: pay, on: payment_succeeded, points: 150}"
    by_points = story(rule, tiers=f"{{{LEVELS}}}")
    by_points.paid("t1", 90_000)
    by_points.refunded("r1", "t1", 30_000)  # 50 points, and 300 of money
    assert by_points.tier == "mid"
    by_spend = story(
        "- {id: pay, on: payment_succeeded, points: 9000}",
        tiers=f"{{basis: spend, currency: USD, {LEVELS}}}",
    )
    by_spend.paid("t1", 250)
    by_spend.refunded("r1", "t1", 100)  # 100 of money, and 3,600 points
    assert by_spend.tier == "mid"


def test_points_of_an_anniversary_are_no_spend() -> None:
    told = story(
        ONE_PER_DOLLAR,
        "- {id: jubilee, on: subscription_anniversary, points: 500}",
        tiers=f"{{basis: spend, currency: USD, window: P36M, {LEVELS}}}",
    )
    told.tell(created(subscription(1)))
    told.lives_until(T0 + YEAR)
    told.paid("t1", 50, at=T0 + YEAR + DAY)
    assert told.tier == "low"


def test_money_paid_before_the_program_is_no_spend_to_be_refunded() -> None:
    told = Story(Programs())
    told.paid("t0", 150)
    told.programs = program_of(program_text(tiers=f"{{basis: spend, currency: USD, {LEVELS}}}"))
    told.paid("t1", 150)
    assert told.tier == "mid"
    told.refunded("r0", "t0", 150)
    assert told.tier == "mid"


def test_a_payment_that_the_tier_never_rested_on_takes_nothing_of_it_away() -> None:
    """It earned nothing: no event stands between the tier and it."""
    told = story(
        "- {id: visit, on: custom, event: visit, points: 1}",
        tiers=f"{{basis: spend, currency: USD, window: P10D, downgrade: never, {LEVELS}}}",
    )
    told.paid("t1", 100)
    assert told.tier == "mid"
    told.paid("t2", 50, at=T0 + 20 * DAY)
    told.refunded("r2", "t2", 50, at=T0 + 21 * DAY)
    assert told.tier == "mid"


def test_each_refund_takes_away_what_is_left_of_what_the_tier_rested_on() -> None:
    told = with_tiers("window: P10D, downgrade: never, ")
    told.paid("t1", 10_000)
    told.paid("t2", 10_000, at=T0 + DAY)
    assert told.tier == "high"
    told.refunded("r2", "t2", 10_000, at=T0 + 20 * DAY)
    assert told.tier == "mid"
    told.refunded("r1", "t1", 10_000, at=T0 + 21 * DAY)
    assert told.tier == "low"


def test_a_higher_threshold_in_a_new_version_takes_nothing_away() -> None:
    """Golden: edit a tier's threshold; nobody loses anything, not even by a small refund."""
    told = with_tiers()
    told.paid("t1", 15_000)
    told.programs = program_of(
        program_text(tiers="{levels: [{id: low}, {id: mid, at: 190}, {id: high, at: 500}]}")
    )
    told.paid("t2", 1_000, at=T0 + DAY)
    told.refunded("r1", "t1", 100, at=T0 + 2 * DAY)
    assert told.tier == "mid"


def test_an_account_in_a_tier_that_is_gone_is_placed_anew() -> None:
    told = with_tiers()
    told.paid("t1", 15_000)
    told.programs = program_of(program_text(tiers="{levels: [{id: one}, {id: two, at: 100}]}"))
    told.paid("t2", 100, at=T0 + DAY)
    assert moves(told)[-1][:2] == ("mid", "two")


BETA = "[{id: beta, when: {tier: mid}, feature: {id: beta, while_in_tier: true}}]"


def test_a_feature_lasts_while_the_account_is_in_the_tier() -> None:
    told = with_tiers(rewards=BETA)
    assert kinds(told.paid("t1", 10_000)) == ["PointsEarned", "TierChanged", "RewardEarned"]
    events = told.refunded("r1", "t1", 5_000)
    assert kinds(events) == ["PointsReversed", "TierChanged", "RewardRevoked"]
    assert only(events, RewardRevoked).reward_id == "acme-test:ann:beta:1"
    again = told.paid("t2", 10_000, at=T0 + 2 * DAY)
    assert only(again, RewardEarned).reward_id == "acme-test:ann:beta:2"


def test_going_down_into_a_tier_gives_what_lasts_while_in_it() -> None:
    told = with_tiers("window: P12M, downgrade: one_down, ", rewards=BETA)
    told.paid("t1", 20_000)
    assert of(told.events, RewardEarned) == []
    assert kinds(told.lives_until(T0 + YEAR)) == ["TierChanged", "RewardEarned"]


def test_facts_that_earn_nothing_move_no_tier() -> None:
    told = with_tiers()
    told.tell(created(subscription(1)))
    told.tell(changed(subscription(2)))
    assert moves(told) == []
