"""What other engines get wrong in earning: fractions of a point, and repeated events."""

import pytest

from connectors.chargebee.translate import translate
from schemas.codec import POINTS
from schemas.facts import AnyFact
from schemas.points import FactIgnored, PointsEarned
from streams.account.storing import encode_account
from tests.support import chargebee as cb
from tests.support.story import (
    DAY,
    ONE_PER_DOLLAR,
    T0,
    Story,
    cancelled,
    changed,
    created,
    earned,
    happened,
    kinds,
    of,
    only,
    paid,
    refunded,
    renewed,
    story,
    subscription,
)

TINY = '- {id: tiny, on: payment_succeeded, points: "double(payment.amount_minor) * 0.01"}'
CARRIED = "{carry_remainder: true}"


def test_9_a_formula_that_yields_four_tenths_gives_nothing_and_says_so() -> None:
    events = story(TINY).paid("t1", 40)
    assert kinds(events) == ["FactIgnored"]
    ignored = only(events, FactIgnored)
    assert (ignored.reason, ignored.detail) == (
        "rounds_to_nothing",
        "tiny: 0.4 makes no whole point",
    )


def test_9_it_is_said_even_where_another_rule_earned() -> None:
    events = story(TINY, "- {id: flat, on: payment_succeeded, points: 5}").paid("t1", 40)
    assert kinds(events) == ["PointsEarned", "FactIgnored"]
    assert only(events, FactIgnored).detail == "tiny: 0.4 makes no whole point"


@pytest.mark.parametrize(("rounding", "points"), [("floor", 0), ("half_up", 0), ("ceil", 1)])
def test_9_four_tenths_are_rounded_as_the_program_says(rounding: str, points: int) -> None:
    told = story(TINY, points=f"{{rounding: {rounding}}}")
    told.paid("t1", 40)
    assert told.balance == points


def test_9_four_tenths_that_are_carried_become_a_point_with_the_third_payment() -> None:
    told = story(TINY, points=CARRIED)
    given = [earned(told.paid(f"t{place}", 40)) for place in range(3)]
    assert given == [[], [], [("tiny", 1)]]
    assert told.events[-1] == only(told.events, PointsEarned)
    assert only(told.events, PointsEarned).carried == "0.8"


def a_year(told: Story) -> Story:
    for month in range(12):
        told.paid(f"t{month}", 999, at=T0 + month * 30 * DAY)
    return told


def test_9_twelve_monthly_payments_are_worth_one_yearly_payment_where_remainders_are_carried() -> (
    None
):
    """Twelve times 9.99 USD beside 119.88 USD once, at one point per dollar."""
    monthly, yearly, without = a_year(story(points=CARRIED)), story(points=CARRIED), a_year(story())
    yearly.paid("t", 12 * 999)
    assert (monthly.lifetime, yearly.lifetime, without.lifetime) == (119, 119, 108)


def test_9_the_events_of_the_year_explain_every_point() -> None:
    carried = of(a_year(story(points=CARRIED)).events, PointsEarned)
    assert [(each.points, each.carried, each.unrounded) for each in carried][:2] == [
        (9, "", "9.99"),
        (10, "0.99", "10.98"),
    ]
    assert (carried[-1].carried, carried[-1].unrounded) == ("0.89", "10.88")
    yearly = only(story(points=CARRIED).paid("t", 12 * 999), PointsEarned)
    assert (yearly.points, yearly.unrounded) == (119, "119.88")


RULES = (
    ONE_PER_DOLLAR,
    "- {id: third, on: payment_succeeded, points: 30, every: 3}",
    "- {id: run, on: on_time_payment, points: 50, streak: 2}",
    "- {id: climb, on: plan_upgraded, points: 100, clawback_within: P30D}",
    "- {id: visit, on: custom, event: visit, points: 7, nth: 2, cap: {points: 20, per: month}}",
    "- {id: year, on: annual_renewal, points: 500, limit: {count: 1}}",
)
HISTORY: tuple[AnyFact, ...] = (
    created(subscription(1)),
    paid("t1", 999, on_time=True),
    happened("visit", T0 + 10),
    changed(subscription(2, amount_minor=2_000), T0 + DAY),
    paid("t2", 999, T0 + DAY, on_time=True),
    happened("visit", T0 + DAY),
    refunded("r1", "t1", 999, T0 + 2 * DAY),
    paid("t3", 999, T0 + 3 * DAY),
    paid("t4", 999, T0 + 4 * DAY),
    changed(subscription(3, amount_minor=1_000), T0 + 5 * DAY),
    renewed(subscription(4, period_unit="year", term_start=T0 + 31 * DAY), T0 + 31 * DAY),
    cancelled(subscription(5, status="cancelled"), T0 + 40 * DAY),
)


def test_5_the_same_events_delivered_five_times_change_nothing() -> None:
    once, five_times = (story(*RULES, points=CARRIED) for _ in range(2))
    for fact in HISTORY:
        once.tell(fact)
    for offset, fact in enumerate(HISTORY):
        five_times.offset = offset - 1
        five_times.tell(fact)
        for _ in range(2):
            assert five_times.tell(fact) == []
    for fact in (*HISTORY, *reversed(HISTORY)):
        assert five_times.tell(fact) == []
    assert [POINTS.encode(each) for each in five_times.events] == [
        POINTS.encode(each) for each in once.events
    ]
    assert encode_account(five_times.account) == encode_account(once.account)


def test_5_the_same_payment_delivered_five_times_under_five_event_ids_is_one_payment() -> None:
    told = story('- {id: pay, on: payment_succeeded, points: {per: {EUR: "1.00"}}}')
    deliveries = [
        fact
        for number in range(5)
        for fact in translate(
            cb.body({**cb.payment_succeeded(), "id": f"ev_{number}"}), "acme-test"
        ).facts
    ]
    assert [kinds(told.tell(fact)) for fact in deliveries] == [["PointsEarned"], [], [], [], []]
    assert (told.balance, told.account.ledger.sequence) == (10, 1)
