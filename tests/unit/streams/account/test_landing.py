"""Which subscription a reward is for, and until when it may wait for one."""

import pytest

from schemas.points import RewardEarned
from schemas.rewards import Discount
from tests.support.story import DAY, T0, Story, cancelled, created, only, story, subscription

COUPON = 'discount: {via: coupon, percent: "10"}'


def told(given: str) -> Story:
    return story(rewards=f"[{{id: r, when: {{on: payment_succeeded}}, {given}}}]")


def with_three(given: str) -> Story:
    """A cheap one that is old, a dear one paid by the year, and a new one of another currency."""
    own = told(given)
    for seen in (
        subscription(1, name="old", amount_minor=900, started_at=T0),
        subscription(1, name="dear", amount_minor=20_000, period_unit="year", started_at=T0 + DAY),
        subscription(1, name="euro", amount_minor=9_000, currency="EUR", started_at=T0 + 2 * DAY),
    ):
        own.tell(created(seen))
    return own


@pytest.mark.parametrize(
    ("written", "lands"),
    [
        ("", "old"),
        (", lands_on: fact", "old"),
        (", lands_on: oldest", "old"),
        (", lands_on: newest", "euro"),
        (", lands_on: most_valuable", "dear"),
    ],
)
def test_the_program_says_which_subscription_is_meant(written: str, lands: str) -> None:
    paid_by_old = subscription(2, name="old", amount_minor=900, started_at=T0)
    own = with_three(COUPON + written)
    assert only(own.paid("t1", 1, subscription=paid_by_old), RewardEarned).subscription == lands


def test_values_in_two_currencies_are_not_compared() -> None:
    """Nothing tells what the customer thinks in but the newest subscription."""
    own = with_three(f"{COUPON}, lands_on: most_valuable")
    event = only(own.paid("t1", 1), RewardEarned)
    assert (event.subscription, event.currency) == ("euro", "EUR")


def test_a_cancelled_subscription_is_never_meant() -> None:
    own = with_three(f"{COUPON}, lands_on: newest")
    own.tell(cancelled(subscription(2, name="euro", status="cancelled"), T0 + 3 * DAY))
    event = only(own.paid("t1", 1, T0 + 4 * DAY), RewardEarned)
    assert (event.subscription, event.lands_on) == ("dear", "newest")


@pytest.mark.parametrize(
    ("given", "days"),
    [
        (COUPON, 30),
        (f"{COUPON}, when_none: wait, wait_for: P7D", 7),
        (f"{COUPON}, when_none: fail", None),
        ("free_days: 7", 30),
        ("feature: {id: beta}, wait_for: P1D", 1),
        ('discount: {via: promotional_credit, amount: {USD: "1.00"}}', None),
        ("charity: {webhook: trees}", None),
    ],
)
def test_what_needs_a_subscription_waits_for_one_until_an_instant(
    given: str, days: int | None
) -> None:
    event = only(told(given).paid("t1", 1), RewardEarned)
    assert event.wait_until == (None if days is None else T0 + days * DAY)


def test_periods_and_codes_travel_with_the_reward() -> None:
    given = 'discount: {via: coupon, percent: "10", periods: 3, codes: single_use}'
    event = only(told(given).paid("t1", 1), RewardEarned)
    assert event.grant == Discount(via="coupon", percent="10", periods=3, single_use=True)
