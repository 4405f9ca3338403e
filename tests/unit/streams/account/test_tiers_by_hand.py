"""Tiers that a person assigns: held, raised by the basis meanwhile, reviewed when the hold ends."""

import pytest

from schemas.codec import POINTS
from schemas.points import RewardEarned, RewardRevoked, TierChanged
from streams.account.programs import Programs
from tests.support.story import (
    DAY,
    T0,
    YEAR,
    Story,
    assigned,
    deleted,
    kinds,
    of,
    only,
    reasons,
    story,
)

LEVELS = "levels: [{id: low}, {id: mid, at: 100}, {id: high, at: 200}]"
BETA = """
  - {id: beta, when: {tier: mid}, feature: {id: beta, while_in_tier: true}}
  - {id: cap, when: {tier: high}, free_days: 3}"""


def with_tiers(more: str = "", **sections: str) -> Story:
    return story(tiers=f"{{{more}{LEVELS}}}", **sections)


def test_a_person_puts_the_customer_in_a_tier_and_the_event_says_who_why_and_how_long() -> None:
    told = with_tiers()
    event = only(told.tell(assigned("a1", "high", until=T0 + 30 * DAY)), TierChanged)
    assert (event.from_tier, event.to_tier, event.basis) == ("", "high", 0)
    assert (event.actor, event.assigned_reason) == ("ada", "a partner")
    assert event.until == T0 + 30 * DAY
    assert event.cause.trigger == "fact"


@pytest.mark.parametrize("window", ["lifetime", "P12M", "calendar_year", "membership_year"])
@pytest.mark.parametrize("downgrade", ["to_basis", "one_down", "never"])
def test_at_the_end_the_tier_is_what_the_basis_supports(window: str, downgrade: str) -> None:
    told = with_tiers(f"window: {window}, downgrade: {downgrade}, minimum_stay: P1Y, ")
    told.tell(assigned("a1", "high", until=T0 + 20 * DAY))
    assert told.due_at == T0 + 20 * DAY
    told.lives_until(T0 + 20 * DAY)
    assert told.tier == "low"
    assert told.due_at is None


def test_at_the_end_a_tier_that_was_earned_meanwhile_stays_and_is_reviewed_in_its_time() -> None:
    told = with_tiers("window: P12M, ")
    told.tell(assigned("a1", "mid", until=T0 + 30 * DAY))
    told.paid("t1", 10_000, at=T0 + DAY)
    assert reasons(told.time(T0 + 30 * DAY)) == ["tier_kept"]
    assert told.tier == "mid"
    told.lives_until(T0 + 2 * YEAR)
    assert told.tier == "low"


def test_without_an_end_it_is_held_for_good() -> None:
    told = with_tiers("window: P30D, ")
    told.tell(assigned("a1", "mid"))
    assert told.due_at is None
    told.paid("t1", 1_000, at=T0 + 5 * YEAR)
    assert told.tier == "mid"


def test_upgrades_by_the_basis_still_happen_and_time_leads_down_to_what_is_held() -> None:
    told = with_tiers("window: P30D, ")
    told.tell(assigned("a1", "mid"))
    told.paid("t1", 20_000, at=T0 + DAY)
    assert told.tier == "high"
    told.lives_until(T0 + YEAR)
    assert told.tier == "mid"
    assert told.due_at is None


def test_the_end_of_a_hold_below_the_present_tier_changes_nothing_until_the_review() -> None:
    told = with_tiers("window: P30D, ")
    told.tell(assigned("a1", "mid", until=T0 + 10 * DAY))
    told.paid("t1", 20_000, at=T0 + DAY)
    told.lives_until(T0 + 30 * DAY)
    assert told.tier == "high"
    told.lives_until(T0 + 31 * DAY)
    assert told.tier == "low"


def test_a_refund_does_not_lead_below_what_is_held() -> None:
    told = with_tiers()
    told.tell(assigned("a1", "mid"))
    told.paid("t1", 20_000, at=T0 + DAY)
    told.refunded("r1", "t1", 20_000, at=T0 + 2 * DAY)
    assert told.tier == "mid"


def test_a_lower_tier_by_hand_goes_at_once_until_the_basis_raises_it_again() -> None:
    told = with_tiers("minimum_stay: P1Y, ")
    told.paid("t1", 20_000)
    told.tell(assigned("a1", "low"))
    assert told.tier == "low"
    told.paid("t2", 100, at=T0 + DAY)
    assert told.tier == "high"


def test_the_next_assignment_takes_the_place_of_the_one_before() -> None:
    told = with_tiers()
    told.tell(assigned("a1", "high"))
    told.tell(assigned("a2", "mid", until=T0 + 9 * DAY))
    assert told.tier == "mid"
    told.lives_until(T0 + YEAR)
    assert told.tier == "low"


def test_the_same_tier_again_only_changes_how_long_it_is_held() -> None:
    told = with_tiers(rewards=BETA)
    told.tell(assigned("a1", "mid", until=T0 + 9 * DAY))
    events = told.tell(assigned("a2", "mid", at=T0 + DAY, until=T0 + 20 * DAY))
    assert kinds(events) == ["TierChanged"]
    assert told.account.ledger.tier_since == T0
    assert told.due_at == T0 + 20 * DAY


def test_a_tier_above_the_present_fires_its_rewards_and_one_that_is_left_withdraws_them() -> None:
    told = with_tiers(rewards=BETA)
    up = told.tell(assigned("a1", "mid"))
    assert kinds(up) == ["TierChanged", "RewardEarned"]
    higher = told.tell(assigned("a2", "high"))
    assert kinds(higher) == ["TierChanged", "RewardRevoked", "RewardEarned"]
    assert only(higher, RewardRevoked).reason == "tier_left"
    down = told.tell(assigned("a3", "mid"))
    assert [each.reward for each in of(down, RewardEarned)] == ["beta"]


def test_the_same_assignment_again_does_nothing() -> None:
    told = with_tiers()
    told.tell(assigned("a1", "mid"))
    assert told.tell(assigned("a1", "high")) == []


def test_an_assignment_that_cannot_be_carried_out_is_ignored_and_says_why() -> None:
    none = Story(Programs())
    assert reasons(none.tell(assigned("a1", "mid"))) == ["no_program"]
    assert reasons(story().tell(assigned("a1", "mid"))) == ["no_tiers"]
    told = with_tiers()
    [ignored] = told.tell(assigned("a1", "gold"))
    assert b'"detail":"there is no tier gold; known are low, mid, high"' in POINTS.encode(ignored)
    assert reasons(told.tell(assigned("a2", "mid", until=T0))) == ["until_is_past"]
    told.tell(deleted())
    assert reasons(told.tell(assigned("a3", "mid"))) == ["account_erased"]
