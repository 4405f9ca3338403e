"""Reviews of tiers: membership years, grace, the minimum stay, and what is put off to when."""

from datetime import UTC, datetime

import pytest

from schemas.points import TierChanged
from tests.support.story import DAY, T0, YEAR, Story, of, reasons, story

LEVELS = "levels: [{id: low}, {id: mid, at: 100}, {id: high, at: 200}]"
STAY = "minimum_stay: P60D, "


def with_tiers(more: str, **sections: str) -> Story:
    return story(tiers=f"{{{more}{LEVELS}}}", **sections)


def moves(told: Story) -> list[tuple[int, str]]:
    """Days since the beginning, and the tier that was entered."""
    return [((each.occurred_at - T0) // DAY, each.to_tier) for each in of(told.events, TierChanged)]


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_a_year_of_membership_ends_with_the_day_on_which_the_account_joined() -> None:
    told = with_tiers("window: membership_year, ", timezone="Europe/Berlin")
    told.happened("hello", at=utc("2025-03-10T15:00:00"))
    told.paid("t1", 20_000, at=utc("2025-12-01T00:00:00"))
    anniversary = utc("2026-03-09T23:00:00")  # 10 March, midnight in Berlin
    assert told.due_at == anniversary
    told.time(anniversary)
    assert told.tier == "high"  # the year that ended supports it
    told.paid("t2", 10_000, at=anniversary)  # counts in the year that begins
    told.lives_until(anniversary + YEAR)
    assert told.tier == "mid"
    told.lives_until(utc("2028-03-09T23:00:00"))
    assert told.tier == "low"


def test_what_was_paid_in_the_last_year_of_membership_does_not_count_in_this_one() -> None:
    told = with_tiers("window: membership_year, ")
    told.paid("t1", 9_900, at=T0)
    told.paid("t2", 9_900, at=T0 + YEAR)
    assert told.tier == "low"
    told.paid("t3", 100, at=T0 + YEAR + DAY)
    assert told.tier == "mid"


def test_who_joined_on_a_leap_day_has_the_anniversary_on_28_february() -> None:
    told = with_tiers("window: membership_year, ")
    told.paid("t1", 10_000, at=utc("2024-02-29T12:00:00"))
    assert told.due_at == utc("2025-02-28T00:00:00")
    told.lives_until(utc("2025-02-28T00:00:00"))
    told.paid("t2", 10_000, at=utc("2025-03-01T00:00:00"))
    assert told.due_at == utc("2026-02-28T00:00:00")


def test_an_older_fact_that_arrives_late_moves_the_year_of_membership() -> None:
    told = with_tiers("window: membership_year, ")
    told.paid("t1", 10_000, at=T0 + 3 * DAY)
    assert told.due_at == T0 + 3 * DAY + YEAR
    told.happened("before", at=T0 + DAY)
    assert told.due_at == T0 + DAY + YEAR


def test_grace_puts_the_drop_off_and_says_so() -> None:
    told = with_tiers("window: P12M, grace: P30D, ")
    told.paid("t1", 20_000)
    assert reasons(told.time(T0 + YEAR)) == ["drop_put_off"]
    assert told.tier == "high"
    assert told.due_at == T0 + YEAR + 30 * DAY
    told.lives_until(T0 + YEAR + 30 * DAY)
    assert moves(told) == [(0, "high"), (395, "low")]


def test_what_is_earned_within_grace_saves_the_tier_for_another_window() -> None:
    told = with_tiers("window: P12M, grace: P30D, ")
    told.paid("t1", 20_000)
    told.lives_until(T0 + YEAR)
    told.paid("t2", 20_000, at=T0 + YEAR + 29 * DAY)
    assert reasons(told.time(T0 + YEAR + 30 * DAY)) == ["tier_kept"]
    assert told.tier == "high"
    assert told.due_at == T0 + 2 * YEAR + 30 * DAY
    # Grace is given anew to the next review that fails.
    told.lives_until(T0 + 2 * YEAR + 30 * DAY)
    assert told.tier == "high"
    told.lives_until(T0 + 2 * YEAR + 60 * DAY)
    assert told.tier == "low"


def test_grace_gives_a_calendar_year_more_time_to_be_reached() -> None:
    told = with_tiers("window: calendar_year, grace: P1M, ")
    told.paid("t1", 10_000, at=utc("2025-06-01T00:00:00"))
    told.paid("t2", 6_000, at=utc("2026-06-01T00:00:00"))
    told.lives_until(utc("2027-01-01T00:00:00"))
    assert told.tier == "mid"
    told.paid("t3", 4_000, at=utc("2027-01-20T00:00:00"))  # 60 of last year, and 40
    told.lives_until(utc("2027-02-01T00:00:00"))
    assert told.tier == "mid"
    assert told.due_at == utc("2028-01-01T00:00:00")


def test_a_new_level_reached_within_grace_ends_it() -> None:
    told = with_tiers("window: P12M, grace: P30D, ")
    told.paid("t1", 10_000)
    told.lives_until(T0 + YEAR)
    told.paid("t2", 20_000, at=T0 + YEAR + DAY)
    assert told.tier == "high"
    assert told.due_at == T0 + 2 * YEAR + DAY


def test_a_refund_within_grace_takes_nothing_that_was_only_kept_by_grace() -> None:
    told = with_tiers("window: P12M, grace: P30D, ")
    told.paid("t1", 20_000)
    told.lives_until(T0 + YEAR)
    told.paid("t2", 1_000, at=T0 + YEAR + DAY)
    told.refunded("r2", "t2", 1_000, at=T0 + YEAR + 2 * DAY)
    assert told.tier == "high"


def test_a_drop_by_review_waits_for_the_end_of_the_minimum_stay() -> None:
    told = with_tiers("window: P30D, minimum_stay: P3M, ")
    told.paid("t1", 10_000)
    told.lives_until(T0 + 89 * DAY)
    assert told.tier == "mid"
    told.lives_until(T0 + 90 * DAY)  # 1 March
    assert moves(told) == [(0, "mid"), (90, "low")]


@pytest.mark.parametrize("window", ["lifetime", "P12M", "calendar_year"])
@pytest.mark.parametrize("downgrade", ["to_basis", "never"])
def test_a_drop_by_refund_waits_for_the_end_of_the_minimum_stay(
    window: str, downgrade: str
) -> None:
    told = with_tiers(f"window: {window}, downgrade: {downgrade}, {STAY}")
    told.paid("t1", 10_000, at=T0 + 40 * DAY)  # in the calendar year that lasts
    told.refunded("r1", "t1", 10_000, at=T0 + 41 * DAY)
    assert told.tier == "mid"
    assert told.due_at == T0 + 100 * DAY
    told.lives_until(T0 + 100 * DAY)
    assert moves(told) == [(40, "mid"), (100, "low")]


@pytest.mark.parametrize(
    ("downgrade", "left"), [("to_basis", "low"), ("one_down", "mid"), ("never", "low")]
)
def test_a_drop_by_refund_that_was_put_off_goes_as_deep_as_the_program_says(
    downgrade: str, left: str
) -> None:
    told = with_tiers(f"window: P12M, downgrade: {downgrade}, {STAY}")
    told.paid("t1", 20_000)
    told.refunded("r1", "t1", 20_000)
    told.lives_until(T0 + 60 * DAY)
    assert moves(told) == [(0, "high"), (60, left)]


def test_what_a_refund_undid_may_be_earned_again_within_the_minimum_stay() -> None:
    told = with_tiers(STAY)
    told.paid("t1", 10_000)
    told.refunded("r1", "t1", 10_000)
    told.paid("t2", 10_000, at=T0 + 2 * DAY)
    told.lives_until(T0 + YEAR)
    assert moves(told) == [(0, "mid")]
    assert told.due_at is None


def test_after_the_minimum_stay_a_refund_takes_the_tier_at_once() -> None:
    told = with_tiers(STAY)
    told.paid("t1", 10_000)
    told.refunded("r1", "t1", 10_000, at=T0 + 60 * DAY)
    assert moves(told) == [(0, "mid"), (60, "low")]


def test_grace_comes_after_the_minimum_stay() -> None:
    told = with_tiers("window: P30D, minimum_stay: P60D, grace: P10D, ")
    told.paid("t1", 10_000)
    told.lives_until(T0 + YEAR)
    assert moves(told) == [(0, "mid"), (70, "low")]


def test_one_level_down_at_each_review_stays_a_minimum_time_in_each() -> None:
    told = with_tiers("window: P30D, downgrade: one_down, minimum_stay: P60D, ")
    told.paid("t1", 20_000)
    told.lives_until(T0 + YEAR)
    assert moves(told) == [(0, "high"), (60, "mid"), (120, "low")]


def test_an_older_fact_too_late_for_its_place_moves_the_year_of_membership_too() -> None:
    told = with_tiers("window: membership_year, ")
    told.paid("t1", 10_000, at=T0 + 20 * DAY)
    assert told.due_at == T0 + 20 * DAY + YEAR
    told.happened("before", at=T0 + DAY)
    assert told.due_at == T0 + DAY + YEAR


def test_an_older_fact_moves_neither_a_grace_nor_a_minimum_stay() -> None:
    graced = with_tiers("window: membership_year, grace: P30D, ")
    graced.paid("t1", 10_000, at=T0 + 20 * DAY)
    graced.lives_until(T0 + 20 * DAY + 2 * YEAR)
    stays = with_tiers("window: membership_year, minimum_stay: P60D, ")
    stays.paid("t1", 10_000, at=T0 + 20 * DAY)
    stays.refunded("r1", "t1", 10_000, at=T0 + 21 * DAY)
    for told, ends_at in ((graced, T0 + 50 * DAY + 2 * YEAR), (stays, T0 + 80 * DAY)):
        assert told.due_at == ends_at
        told.happened("before", at=T0 + DAY)
        assert told.due_at == ends_at
        told.lives_until(ends_at)
        assert told.tier == "low"


@pytest.mark.parametrize("window", ["P12M", "calendar_year", "membership_year"])
def test_the_tier_that_a_review_leaves_is_lost_with_what_it_rests_on(window: str) -> None:
    told = with_tiers(f"window: {window}, ")
    told.paid("t0", 100, at=T0)
    told.paid("t1", 10_000, at=T0 + 40 * DAY)
    told.paid("t2", 10_000, at=T0 + 200 * DAY)
    told.lives_until(T0 + YEAR + 45 * DAY)
    told.refunded("r1", "t1", 10_000, at=T0 + YEAR + 46 * DAY)
    assert told.tier == "mid", "that rests on the other payment"
    told.refunded("r2", "t2", 10_000, at=T0 + YEAR + 47 * DAY)
    assert told.tier == "low"


@pytest.mark.parametrize("window", ["P12M", "calendar_year", "membership_year"])
def test_a_refund_of_what_counts_no_more_takes_no_tier(window: str) -> None:
    told = with_tiers(f"window: {window}, ")
    told.paid("t1", 10_000, at=T0)
    told.paid("t2", 10_000, at=T0 + YEAR - DAY)
    told.lives_until(T0 + YEAR + 45 * DAY)
    told.paid("t3", 10_000, at=T0 + YEAR + 46 * DAY)
    told.lives_until(T0 + 2 * YEAR + 44 * DAY)
    tier = told.tier
    assert tier != "low"
    told.refunded("r1", "t1", 10_000, at=T0 + 2 * YEAR + 44 * DAY)
    assert told.tier == tier
