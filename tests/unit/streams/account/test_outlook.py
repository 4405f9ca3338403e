"""What an account's view says of its tier: what raises it, what keeps it, and until when."""

import pytest

from streams.account.outlook import AccountView, TierOutlook, view
from tests.support.story import DAY, T0, YEAR, Story, assigned, program_text, story
from tests.support.year import SITE, program_of

LEVELS = "levels: [{id: low}, {id: mid, at: 100}, {id: high, at: 200}]"


def with_tiers(more: str = "") -> Story:
    return story(tiers=f"{{{more}{LEVELS}}}")


def seen(told: Story) -> AccountView:
    now = told.account.memory.clock
    return view(told.account, told.programs.effective(SITE, now), now)


def outlook(told: Story) -> TierOutlook:
    tier = seen(told).tier
    assert tier is not None
    return tier


def test_the_figures_and_what_expires_when() -> None:
    told = story(
        "- {id: visit, on: custom, event: visit, points: 5}",
        "- {id: pay, on: payment_succeeded, points: 7, activate_after: P14D}",
        expiry="{after: P30D}",
    )
    told.happened("visit", key="a")
    told.happened("visit", key="b")
    told.happened("visit", at=T0 + DAY)
    told.paid("t1", 100, at=T0 + DAY)
    account = seen(told)
    assert (account.balance, account.pending, account.lifetime, account.deficit) == (15, 7, 22, 0)
    assert account.expiring == ((T0 + 30 * DAY, 10), (T0 + 31 * DAY, 5))
    assert account.tier is None


def test_what_is_missing_to_the_next_tier() -> None:
    told = with_tiers()
    told.paid("t1", 15_000)
    now = outlook(told)
    assert (now.tier, now.since, now.basis) == ("mid", T0, 150)
    assert (now.next_tier, now.missing) == ("high", 50)
    assert (now.needed_to_keep, now.review_at) == (None, None)
    told.paid("t2", 5_000)
    assert (outlook(told).next_tier, outlook(told).missing) == ("", None)


def test_what_must_still_be_earned_before_a_review_of_a_rolling_window() -> None:
    told = with_tiers("window: P12M, ")
    told.paid("t1", 10_000)
    told.paid("t2", 3_000, at=T0 + 9 * DAY)
    now = outlook(told)
    assert (now.basis, now.needed_to_keep, now.review_at) == (130, 70, T0 + YEAR)
    told.paid("t3", 7_000, at=T0 + 10 * DAY)  # now it is high, which rests on all three
    assert (outlook(told).needed_to_keep, outlook(told).review_at) == (200, T0 + YEAR + 10 * DAY)


def test_a_year_by_the_calendar_counts_itself_at_its_end() -> None:
    told = with_tiers("window: calendar_year, ")
    told.paid("t1", 10_000)
    assert outlook(told).needed_to_keep == 0
    told.lives_until(T0 + 31 * DAY)
    told.paid("t2", 4_000, at=T0 + 40 * DAY)
    now = outlook(told)
    assert (now.basis, now.needed_to_keep, now.missing) == (40, 60, 160)


def test_what_saves_the_tier_within_grace() -> None:
    told = with_tiers("window: P12M, grace: P30D, ")
    told.paid("t1", 10_000)
    told.lives_until(T0 + YEAR)
    now = outlook(told)
    assert (now.needed_to_keep, now.grace_until) == (100, T0 + YEAR + 30 * DAY)
    assert now.review_at == now.grace_until
    told.paid("t2", 9_900, at=T0 + YEAR + DAY)
    assert outlook(told).needed_to_keep == 1
    told.paid("t3", 100, at=T0 + YEAR + DAY)
    assert outlook(told).needed_to_keep == 0


def test_what_leaves_a_rolling_window_before_grace_ends_saves_nothing() -> None:
    told = with_tiers("window: P12M, grace: P30D, ")
    told.paid("t1", 10_000)
    told.paid("t2", 4_000, at=T0 + 20 * DAY)
    told.lives_until(T0 + YEAR)
    assert (outlook(told).basis, outlook(told).needed_to_keep) == (40, 100)


def test_what_a_refund_undid_within_the_minimum_stay() -> None:
    told = with_tiers("minimum_stay: P60D, ")
    told.paid("t1", 10_000)
    told.refunded("r1", "t1", 3_000)
    now = outlook(told)
    assert (now.tier, now.needed_to_keep, now.review_at) == ("mid", 30, T0 + 60 * DAY)
    told.paid("t2", 2_000, at=T0 + 2 * DAY)
    assert (outlook(told).basis, outlook(told).needed_to_keep) == (90, 10)
    told.paid("t3", 2_000, at=T0 + 2 * DAY)
    assert outlook(told).needed_to_keep == 0
    told.lives_until(T0 + 60 * DAY)
    assert told.tier == "mid"


def test_a_tier_that_is_held_by_hand() -> None:
    told = with_tiers("window: P12M, ")
    told.tell(assigned("a1", "mid", until=T0 + 9 * DAY))
    now = outlook(told)
    assert (now.held_tier, now.held_until, now.review_at) == ("mid", T0 + 9 * DAY, T0 + 9 * DAY)
    assert now.needed_to_keep == 100
    told.tell(assigned("a2", "mid"))
    now = outlook(told)
    assert (now.held_tier, now.held_until, now.needed_to_keep) == ("mid", None, None)


def test_the_end_of_a_hold_below_the_present_tier_is_no_review_of_it() -> None:
    told = with_tiers()
    told.tell(assigned("a1", "mid", until=T0 + 9 * DAY))
    told.paid("t1", 20_000, at=T0 + 1)
    now = outlook(told)
    assert (now.tier, now.held_tier, now.review_at) == ("high", "mid", None)
    rolling = with_tiers("window: P12M, ")
    rolling.tell(assigned("a1", "mid", until=T0 + 9 * DAY))
    rolling.paid("t1", 20_000, at=T0 + 1)
    assert outlook(rolling).review_at == T0 + 1 + YEAR


def test_an_account_that_earned_before_there_were_tiers_sees_the_one_it_will_be_in() -> None:
    told = story()
    told.paid("t1", 15_000)
    told.programs = program_of(program_text(tiers=f"{{{LEVELS}}}"))
    now = outlook(told)
    assert (now.tier, now.basis, now.next_tier, now.missing) == ("", 150, "mid", 0)


def test_an_account_that_no_payment_has_placed_yet_is_shown_where_it_will_be() -> None:
    told = with_tiers()
    told.happened("hello")
    now = outlook(told)
    assert (now.tier, now.since, now.next_tier, now.missing) == ("", None, "low", 0)


@pytest.mark.parametrize("sections", [{}, {"tiers": f"{{{LEVELS}}}", "retired": "true"}])
def test_without_living_tiers_the_tier_only_stands(sections: dict[str, str]) -> None:
    told = with_tiers()
    told.paid("t1", 10_000)
    told.programs = program_of(program_text(**sections))
    assert outlook(told) == TierOutlook(tier="mid", since=T0)
