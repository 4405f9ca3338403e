"""What a payment or an event earns: amounts, formulas, conditions, limits, caps, multipliers."""

from fractions import Fraction

import pytest

from schemas.facts import TimeReached
from schemas.points import FactIgnored, PointsEarned
from streams.account.programs import Programs
from tests.support.story import (
    DAY,
    HOUR,
    ONE_PER_DOLLAR,
    T0,
    Story,
    earned,
    happened,
    kinds,
    of,
    only,
    paid,
    reasons,
    refunded,
    renewed,
    story,
    subscription,
)

REVIEW = '- {id: review, on: custom, event: review, points: "event.stars * 50"}'
SATURDAY = 1_764_979_200  # 6 December 2025, midnight UTC


def test_a_payment_earns_whole_points_and_says_what_was_cut() -> None:
    event = only(story().paid("t1", 9_938), PointsEarned)
    assert (event.points, event.unrounded, event.balance) == (99, "99.38", 99)


@pytest.mark.parametrize(("mode", "points"), [("floor", 99), ("half_up", 100), ("ceil", 100)])
def test_a_program_chooses_how_it_rounds(mode: str, points: int) -> None:
    assert earned(story(points=f"{{rounding: {mode}}}").paid("t1", 9_950)) == [("pay", points)]


def test_a_redelivered_payment_changes_nothing_at_all() -> None:
    told = story()
    told.paid("t1", 9_938)
    before = told.account.ledger.sequence
    assert told.paid("t1", 9_938) == []
    assert told.tell(paid("t1", 1, at=T0 + DAY)) == []
    assert told.account.ledger.sequence == before


def test_each_currency_has_its_own_price_and_others_earn_nothing() -> None:
    told = story('- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00", JPY: "150"}}}')
    assert earned(told.paid("t1", 1_000)) == [("pay", 10)]
    assert earned(told.paid("t2", 1_500, currency="JPY")) == [("pay", 10)]
    assert reasons(told.paid("t3", 1_000, currency="CHF")) == ["currency_not_listed"]


def test_tax_is_left_out_where_the_rule_says_so() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}, tax: exclude, award: 2}}'
    )
    assert earned(told.paid("t1", 1_190, tax_minor=190)) == [("pay", 20)]
    assert earned(told.paid("t2", 1_190)) == [("pay", 23)]


def test_points_per_quantity_count_the_seats() -> None:
    told = story("- {id: seats, on: payment_succeeded, points: {per_quantity: 15}}")
    assert earned(told.paid("t1", 1_000, quantity=3)) == [("seats", 45)]


def test_a_formula_reads_the_event() -> None:
    told = story(REVIEW)
    assert earned(told.happened("review", properties={"stars": 4})) == [("review", 200)]
    assert reasons(told.happened("other")) == ["no_rule"]


@pytest.mark.parametrize(
    ("stars", "reason"),
    [
        (0, "rounds_to_nothing"),
        (-3, "wrong_result"),
        (True, "expression_failed"),
        ("five", "expression_failed"),
        (1e300, "expression_failed"),
        (2**63, "expression_failed"),
        (2**62, "expression_failed"),
    ],
)
def test_a_formula_that_gives_no_points_says_so(stars: float, reason: str) -> None:
    told = story(REVIEW)
    assert reasons(told.happened("review", properties={"stars": stars})) == [reason]


def test_a_formula_without_its_property_says_so() -> None:
    assert reasons(story(REVIEW).happened("review")) == ["property_missing"]


def test_four_tenths_of_a_point_are_nothing_and_said_aloud() -> None:
    told = story(ONE_PER_DOLLAR, "- {id: flat, on: payment_succeeded, points: 5}")
    events = told.paid("t1", 40)
    assert earned(events) == [("flat", 5)]
    assert only(events, FactIgnored).detail == "pay: 0.4 makes no whole point"


def test_a_condition_reads_the_account_as_it_stood_before_the_fact() -> None:
    told = story(
        ONE_PER_DOLLAR,
        "- {id: loyal, on: payment_succeeded, points: 7, when: account.lifetime >= 10}",
    )
    assert earned(told.paid("t1", 1_000)) == [("pay", 10)]
    assert earned(told.paid("t2", 1_000)) == [("pay", 10), ("loyal", 7)]


def test_a_condition_reads_the_subscription_of_the_fact() -> None:
    told = story(
        '- {id: pro, on: payment_succeeded, points: 7, when: subscription.plan == "pro"}',
    )
    assert earned(told.paid("t1", 1_000, subscription=subscription(1))) == [("pro", 7)]
    basic = subscription(2, plan="basic")
    assert reasons(told.paid("t2", 1_000, subscription=basic)) == ["condition_not_met"]


def test_a_fact_without_a_program_is_ignored_for_a_reason() -> None:
    assert reasons(Story(Programs()).paid("t1", 100)) == ["no_program"]


def test_a_limit_counts_once_ever_or_per_calendar_period() -> None:
    told = story(
        "- {id: once, on: custom, event: visit, points: 1, limit: {count: 1}}",
        "- {id: daily, on: custom, event: visit, points: 2, limit: {count: 2, per: day}}",
        timezone="Europe/Berlin",
    )
    given = [earned(told.happened("visit", T0 + hour * HOUR)) for hour in range(22)]
    assert given[:3] == [[("once", 1), ("daily", 2)], [("daily", 2)], []]
    assert not any(given[2:])
    # Midnight in Berlin is 23:00 UTC.
    assert earned(told.happened("visit", T0 + 23 * HOUR)) == [("daily", 2)]


def test_a_cooldown_keeps_two_of_them_apart() -> None:
    told = story("- {id: visit, on: custom, event: visit, points: 1, limit: {cooldown: P7D}}")
    assert earned(told.happened("visit", T0)) == [("visit", 1)]
    assert reasons(told.happened("visit", T0 + 7 * DAY - 1)) == ["limit_reached"]
    assert earned(told.happened("visit", T0 + 7 * DAY)) == [("visit", 1)]


def test_a_cooldown_counts_from_the_last_time_it_earned_and_by_the_calendar() -> None:
    told = story(
        "- {id: visit, on: custom, event: visit, points: 1, limit: {cooldown: P1M}}",
        timezone="Europe/Berlin",
    )
    end_of_january = 1_769_814_000  # 31 January 2026, midnight in Berlin
    assert earned(told.happened("visit", end_of_january)) == [("visit", 1)]
    assert reasons(told.happened("visit", end_of_january + 28 * DAY - 1)) == ["limit_reached"]
    assert earned(told.happened("visit", end_of_january + 28 * DAY)) == [("visit", 1)]


def test_a_cooldown_and_a_count_both_hold() -> None:
    told = story(
        "- {id: visit, on: custom, event: visit, points: 1, "
        "limit: {count: 2, per: month, cooldown: P2D}}"
    )
    given = [earned(told.happened("visit", T0 + day * DAY)) for day in (0, 1, 2, 4, 6, 31)]
    assert [bool(each) for each in given] == [True, False, True, False, False, True]


def test_a_refunded_payment_starts_no_cooldown() -> None:
    told = story("- {id: pay, on: payment_succeeded, points: 5, limit: {cooldown: P7D}}")
    told.paid("t1", 1_000)
    told.refunded("r1", "t1", 1_000, at=T0 + DAY)
    assert earned(told.paid("t2", 1_000, at=T0 + 2 * DAY)) == [("pay", 5)]


def test_points_per_quantity_are_capped_with_wanted_and_given() -> None:
    told = story(
        "- {id: seats, on: payment_succeeded, points: {per_quantity: 15}, "
        "cap: {points: 100, per: year}}"
    )
    event = only(told.paid("t1", 1_000, quantity=10), PointsEarned)
    assert (event.points, event.wanted, event.unrounded) == (100, 150, "150")
    assert reasons(told.paid("t2", 1_000, quantity=0)) == ["rounds_to_nothing"]


def test_points_per_quantity_follow_the_subscription_where_there_is_no_payment() -> None:
    told = story("- {id: seats, on: subscription_renewed, points: {per_quantity: 15}}")
    begins = renewed(subscription(1, quantity=3, term_start=T0), T0)
    assert earned(told.tell(begins)) == [("seats", 45)]


def test_a_formula_mixes_the_fact_the_subscription_and_the_account() -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, "
        "points: payment.amount_minor / 100 * subscription.quantity + account.lifetime / 10}"
    )
    seats = subscription(1, quantity=2)
    assert earned(told.paid("t1", 1_099, subscription=seats)) == [("pay", 20)]
    assert earned(told.paid("t2", 1_000, subscription=seats)) == [("pay", 22)]


def test_a_cap_clamps_and_says_wanted_and_given() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, '
        "cap: {points: 150, per: month}}"
    )
    told.paid("t1", 10_000)
    second = only(told.paid("t2", 10_000, at=T0 + DAY), PointsEarned)
    assert (second.points, second.wanted) == (50, 100)
    assert reasons(told.paid("t3", 10_000, at=T0 + 2 * DAY)) == ["cap_reached"]
    assert earned(told.paid("t4", 10_000, at=T0 + 31 * DAY)) == [("pay", 100)]


def test_a_cap_is_of_the_month_in_the_programs_zone() -> None:
    told = story(
        "- {id: pay, on: payment_succeeded, points: 100, cap: {points: 100, per: month}}",
        timezone="America/New_York",
    )
    assert earned(told.paid("t1", 1, at=T0)) == [("pay", 100)]  # still November there
    assert earned(told.paid("t2", 1, at=T0 + 5 * 3_600)) == [("pay", 100)]


def test_a_daily_cap_is_exact_for_eight_active_days_of_late_facts() -> None:
    told = story("- {id: visit, on: custom, event: visit, points: 5, cap: {points: 5, per: day}}")
    for day in range(8):
        told.happened("visit", at=T0 + day * DAY, key=f"day-{day}")
    assert reasons(told.happened("visit", at=T0 + 1, key="late")) == ["cap_reached"]


def test_a_refund_gives_room_under_the_cap_back() -> None:
    told = story("- {id: pay, on: payment_succeeded, points: 100, cap: {points: 100, per: month}}")
    told.paid("t1", 1_000)
    told.refunded("r1", "t1", 400)
    assert earned(told.paid("t2", 1_000, at=T0 + 2 * DAY)) == [("pay", 40)]


def test_the_carried_remainder_makes_twelve_small_payments_worth_one_large() -> None:
    monthly, yearly = (story(points="{carry_remainder: true}") for _ in range(2))
    for month in range(12):
        monthly.paid(f"t{month}", 999, at=T0 + month * 30 * DAY)
    yearly.paid("t", 12 * 999)
    assert monthly.lifetime == yearly.lifetime == 119
    without = story()
    for month in range(12):
        without.paid(f"t{month}", 999, at=T0 + month * 30 * DAY)
    assert without.lifetime == 108


def test_a_payment_of_nothing_changes_nothing_of_what_is_carried() -> None:
    """Rounding half a point up owes that half: it is neither forgiven nor rounded once more."""
    told = story(points="{rounding: half_up, carry_remainder: true}")
    assert earned(told.paid("t1", 50)) == [("pay", 1)]
    assert reasons(told.paid("t2", 0)) == ["rounds_to_nothing"]
    assert reasons(told.paid("t3", 50)) == ["rounds_to_nothing"]
    assert earned(told.paid("t4", 50)) == [("pay", 1)]
    assert told.lifetime == 2


def test_a_remainder_that_no_account_could_hold_is_kept_to_fifteen_decimals() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: "double(payment.amount_minor) / 300.0"}',
        points="{carry_remainder: true}",
        multipliers='[{id: a, factor: "0.3333"}, {id: b, factor: "0.3333"}]',
    )
    told.paid("t1", 1)
    event = only(told.paid("t2", 99_999), PointsEarned)
    carried = Fraction(event.unrounded) - Fraction("333.33") * Fraction("0.3333") ** 2
    assert carried == Fraction("0.000370296299999")  # 0.00333333333333 x 0.3333 ** 2, cut


def test_an_event_says_which_remainder_came_in() -> None:
    told = story(points="{carry_remainder: true}")
    given = [only(told.paid(f"t{month}", 999), PointsEarned) for month in range(3)]
    assert [(each.points, each.unrounded, each.carried) for each in given] == [
        (9, "9.99", ""),
        (10, "10.98", "0.99"),
        (10, "10.97", "0.98"),
    ]
    plain = only(story().paid("t", 999), PointsEarned)
    assert (plain.carried, plain.count) == ("", 0)


def test_a_remainder_without_a_finite_decimal_is_carried_and_told_exactly() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "0.03"}}}',
        points="{carry_remainder: true}",
    )
    given = [only(told.paid(f"t{place}", 4), PointsEarned) for place in range(3)]
    assert [(each.points, each.carried) for each in given] == [(1, ""), (1, "1/3"), (2, "2/3")]


def test_what_was_rounded_up_is_carried_as_a_debt() -> None:
    told = story(points="{carry_remainder: true, rounding: half_up}")
    assert earned(told.paid("t1", 950)) == [("pay", 10)]
    event = only(told.paid("t2", 999), PointsEarned)
    assert (event.points, event.unrounded, event.carried) == (9, "9.49", "-0.5")


def test_a_payment_that_makes_no_whole_point_is_carried_to_the_next() -> None:
    told = story(points="{carry_remainder: true}")
    assert reasons(told.paid("t1", 60)) == ["rounds_to_nothing"]
    event = only(told.paid("t2", 60), PointsEarned)
    assert (event.points, event.unrounded, event.carried) == (1, "1.2", "0.6")


def test_each_rule_carries_its_own_remainder() -> None:
    told = story(
        ONE_PER_DOLLAR,
        '- {id: more, on: payment_succeeded, points: {per: {USD: "2.00"}}}',
        points="{carry_remainder: true}",
    )
    told.paid("t1", 150)
    assert earned(told.paid("t2", 150)) == [("pay", 2), ("more", 1)]


def test_a_pull_that_is_only_counted_carries_nothing() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, every: 2}',
        points="{carry_remainder: true}",
    )
    told.paid("t1", 150)
    event = only(told.paid("t2", 150), PointsEarned)
    assert (event.points, event.carried, event.count) == (1, "", 2)


def test_what_a_cap_withheld_is_not_carried() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, '
        "cap: {points: 5, per: day}}",
        points="{carry_remainder: true}",
    )
    assert earned(told.paid("t1", 999)) == [("pay", 5)]
    assert earned(told.paid("t2", 101, at=T0 + DAY)) == [("pay", 2)]


def test_multipliers_multiply_and_the_product_is_rounded_once() -> None:
    event = only(
        story(
            multipliers='[{id: a, factor: "1.5"}, {id: b, factor: "1.5"}]',
        ).paid("t1", 333),
        PointsEarned,
    )
    assert (event.points, event.unrounded) == (7, "7.4925")
    assert [each.id for each in event.multipliers] == ["a", "b"]


def test_with_best_only_the_greatest_factor_counts() -> None:
    event = only(
        story(
            stack="best",
            multipliers='[{id: a, factor: "1.5"}, {id: b, factor: "2"}, {id: c, factor: "0.5"}]',
        ).paid("t1", 333),
        PointsEarned,
    )
    assert (event.points, [each.id for each in event.multipliers]) == (6, ["b"])


def test_a_multiplier_counts_only_its_triggers_and_where_its_condition_holds() -> None:
    told = story(
        ONE_PER_DOLLAR,
        "- {id: visit, on: custom, event: visit, points: 10}",
        multipliers='[{id: big, factor: "2", on: [payment_succeeded], when: payment.amount > 5.0}]',
    )
    assert earned(told.paid("t1", 500)) == [("pay", 5)]
    assert earned(told.paid("t2", 501)) == [("pay", 10)]
    assert earned(told.happened("visit")) == [("visit", 10)]


@pytest.mark.parametrize(
    ("local", "at", "points"),
    [
        ("before it begins", 1_774_738_799, 10),
        ("as it begins, 00:00 winter time", 1_774_738_800, 20),
        ("as it ends, 00:00 summer time, 23 hours later", 1_774_821_600, 10),
        ("just before it ends", 1_774_821_599, 20),
    ],
)
def test_a_window_over_a_clock_change_follows_the_clock_on_the_wall(
    local: str, at: int, points: int
) -> None:
    told = story(
        timezone="Europe/Berlin",
        multipliers='[{id: day, factor: "2", from: 2026-03-29T00:00, to: 2026-03-30T00:00}]',
    )
    assert earned(told.paid("t1", 1_000, at=at)) == [("pay", points)], local


def test_a_recurring_window_opens_every_weekend() -> None:
    told = story(
        multipliers="[{id: weekend, factor: '3', recurrence: "
        "{rule: 'FREQ=WEEKLY;BYDAY=SA', start: 2025-01-01T00:00, duration: P2D}}]",
    )
    points = [earned(told.paid(f"t{day}", 100, at=SATURDAY + day * DAY)) for day in range(-1, 3)]
    assert points == [[("pay", 1)], [("pay", 3)], [("pay", 3)], [("pay", 1)]]


def test_a_late_fact_is_multiplied_by_the_window_it_happened_in() -> None:
    told = story(multipliers='[{id: past, factor: "2", to: 2025-12-02T00:00}]')
    told.paid("t1", 100, at=T0 + 10 * DAY)
    assert earned(told.paid("t2", 100, at=T0)) == [("pay", 2)]


def test_every_fact_but_a_repeated_one_has_an_outcome() -> None:
    told = story("- {id: visit, on: custom, event: visit, points: 1}")
    for fact in (paid("t1", 5), refunded("r1", "t1", 5), happened("other")):
        events = told.tell(fact)
        assert kinds(events) == ["FactIgnored"]
    clock = TimeReached(id="time:1", site="acme-test", customer="ann", occurred_at=T0)
    assert of(told.tell(clock), FactIgnored)[0].reason == "nothing_due"
