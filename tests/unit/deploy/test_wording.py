"""Words for points events."""

import typing

import msgspec
import pytest

from deploy.wording import HAPPENED, decided_by, instant, to_rise, to_stay
from schemas.points import AnyPointsEvent, Multiplier, TierChanged
from streams.account.outlook import TierOutlook
from tests.support.points import earned, story


def test_there_are_words_for_every_type_and_no_other() -> None:
    assert set(HAPPENED) == {each.__name__ for each in typing.get_args(AnyPointsEvent)}


def test_what_decided_is_the_rule_the_reward_or_the_reason() -> None:
    assert [decided_by(each) for each in story()] == [
        "pay",
        "pay",
        "— → saguaro",
        "five-off",
        "five-off",
        "five-off",
        "five-off: no coupon",
        "",
        "undoes payment:t1:i",
        "goodwill (ada)",
        "typo (ada)",
        "expired",
        "five-off",
        "five-off",
        "five-off",
        "five-off: refund",
        "No rule wants it.",
        "until 2027-01-05 12:00",
        "until 2027-01-05 12:00",
        "it came late",
        "",
    ]


def test_multipliers_stand_with_the_rule() -> None:
    both = (Multiplier(id="black-friday", factor="2"), Multiplier(id="golden", factor="1.5"))

    multiplied = earned(1, 9, (9, 0, 9, 0), multipliers=both)
    assert decided_by(multiplied) == "pay × 2 (black-friday) × 1.5 (golden)"


def test_points_that_wait_say_for_what() -> None:
    assert decided_by(earned(1, 9, (0, 9, 9, 0), activates_on="confirmed")) == (
        "pay, waits for confirmed"
    )


def test_an_instant_that_never_comes_is_a_dash() -> None:
    assert (instant(1_764_590_400), instant(None)) == ("2025-12-01 12:00", "—")


def test_a_tier_given_by_hand_says_who_gave_it_and_why() -> None:
    [changed] = [each for each in story() if isinstance(each, TierChanged)]
    by_hand = msgspec.structs.replace(changed, actor="ada", assigned_reason="a partner")
    assert decided_by(by_hand) == "— → saguaro: a partner (ada)"


NEW_YEAR = 1_798_761_600
OUTLOOKS = [
    (None, "", ""),
    (TierOutlook(tier="top", since=1), "", ""),
    (TierOutlook(tier="low", since=1, next_tier="mid", missing=1200), "1,200 to mid", ""),
    (
        TierOutlook(tier="low", since=1, currency="USD", next_tier="mid", missing=1250),
        "12.50 USD to mid",
        "",
    ),
    (
        TierOutlook(tier="mid", since=1, needed_to_keep=40, review_at=NEW_YEAR),
        "",
        "40 by 2027-01-01",
    ),
    (
        TierOutlook(
            tier="mid", since=1, needed_to_keep=40, review_at=NEW_YEAR, grace_until=NEW_YEAR
        ),
        "",
        "40 by 2027-01-01, when grace ends",
    ),
    (TierOutlook(tier="mid", since=1, held_tier="mid"), "", "held for good"),
    (
        TierOutlook(tier="mid", since=1, held_tier="mid", held_until=NEW_YEAR),
        "",
        "held until 2027-01-01",
    ),
]


@pytest.mark.parametrize(("outlook", "rise", "stay"), OUTLOOKS)
def test_what_a_tier_needs(outlook: TierOutlook | None, rise: str, stay: str) -> None:
    assert (to_rise(outlook), to_stay(outlook)) == (rise, stay)
