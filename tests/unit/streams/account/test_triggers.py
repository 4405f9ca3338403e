"""Each trigger: what pulls it, what does not, and in which order facts may come."""

import pytest

from schemas.facts import AnyFact, PeriodUnit, Subscription
from schemas.points import PointsEarned
from tests.support.story import (
    DAY,
    T0,
    YEAR,
    Story,
    activated,
    cancelled,
    changed,
    created,
    earned,
    happened,
    of,
    only,
    paid,
    reactivated,
    reasons,
    renewed,
    story,
    subscription,
)

MONTH_STARTS = [
    T0 + days * DAY
    for days in (0, 31, 62, 90, 121, 151, 182, 212, 243, 274, 304, 335, 365, 396, 427, 455)
]
"""The first of each month from December 2025, midnight UTC."""


def on(*triggers: str, **sections: str) -> Story:
    """A point of its own for each trigger, by a rule of the trigger's name."""
    rules = [f"- {{id: {name.replace('_', '-')}, on: {name}, points: 1}}" for name in triggers]
    return story(*rules, **sections)


def pulled(told: Story, fact: AnyFact) -> list[str]:
    return [rule for rule, _ in earned(told.tell(fact))]


def test_a_payment_pulls_payment_first_payment_and_on_time_payment() -> None:
    told = on("payment_succeeded", "first_payment", "on_time_payment")
    assert pulled(told, paid("t1", 100, on_time=True)) == [
        "payment-succeeded",
        "first-payment",
        "on-time-payment",
    ]
    assert pulled(told, paid("t2", 100)) == ["payment-succeeded"]


def test_a_payment_of_nothing_is_no_first_payment() -> None:
    told = on("first_payment")
    assert pulled(told, paid("t1", 0)) == []
    assert pulled(told, paid("t2", 100)) == ["first-payment"]


def test_a_subscription_is_created_once() -> None:
    told = on("subscription_created")
    assert pulled(told, created(subscription(1))) == ["subscription-created"]
    assert told.tell(created(subscription(2), T0 + DAY)) == []
    assert pulled(told, created(subscription(1, name="sub_2"))) == ["subscription-created"]


WAITING = "- {id: hello, on: subscription_created, points: 1, trial: wait}"
TRIAL = subscription(1, status="in_trial")
CONVERTED = activated(subscription(2), T0 + 14 * DAY)


def test_a_rule_that_waits_for_the_trials_end_earns_at_the_activation() -> None:
    told = story(WAITING, "- {id: won, on: trial_converted, points: 2}")
    assert reasons(told.tell(created(TRIAL))) == ["waits_for_activation"]
    events = told.tell(CONVERTED)
    assert earned(events) == [("won", 2), ("hello", 1)]
    assert of(events, PointsEarned)[1].cause.trigger == "subscription_created"


def test_a_creation_that_comes_after_its_activation_waits_for_nothing() -> None:
    told = story(WAITING)
    assert earned(told.tell(CONVERTED)) == []
    assert earned(told.tell(created(TRIAL))) == [("hello", 1)]


def test_without_a_trial_nothing_waits_and_a_future_start_is_no_conversion() -> None:
    told = story(WAITING, "- {id: won, on: trial_converted, points: 2}")
    assert earned(told.tell(created(subscription(1)))) == [("hello", 1)]
    later = subscription(1, name="sub_2", status="future")
    told.tell(created(later))
    began = activated(subscription(2, name="sub_2"), T0 + DAY, from_trial=False)
    assert earned(told.tell(began)) == []


@pytest.mark.parametrize(
    ("before", "after", "trigger"),
    [
        ({}, {"amount_minor": 1_001}, "plan-upgraded"),
        ({}, {"amount_minor": 999}, "plan-downgraded"),
        ({}, {"amount_minor": 12_000, "period_unit": "year"}, ""),
        ({}, {"amount_minor": 12_001, "period_unit": "year"}, "plan-upgraded"),
        ({}, {"amount_minor": 11_000, "period_unit": "year"}, "plan-downgraded"),
        ({}, {"amount_minor": 3_000, "period": 3}, ""),
        ({}, {"plan": "other"}, ""),
        ({}, {"currency": "EUR", "amount_minor": 9_000}, ""),
        ({"plan": "basic"}, {"plan": "pro", "amount_minor": 1}, "plan-upgraded"),
        ({"plan": "pro"}, {"plan": "basic", "amount_minor": 9_999}, "plan-downgraded"),
        ({"plan": "pro"}, {"plan": "pro", "amount_minor": 1_001}, "plan-upgraded"),
        ({"plan": "pro"}, {"plan": "unranked", "amount_minor": 999}, "plan-downgraded"),
    ],
)
def test_a_change_is_an_upgrade_or_a_downgrade_by_ranking_or_value(
    before: dict[str, object], after: dict[str, object], trigger: str
) -> None:
    told = on("plan_upgraded", "plan_downgraded", plan_ranking="[basic, pro]")
    build: type = dict
    first, second = build(plan="x", amount_minor=1_000), build(plan="x", amount_minor=1_000)
    told.tell(created(subscription(1, **{**first, **before})))
    fact = changed(subscription(2, **{**second, **before, **after}))
    assert pulled(told, fact) == ([trigger] if trigger else [])


def test_what_is_not_known_before_changes_nothing() -> None:
    told = on("plan_upgraded")
    assert reasons(told.tell(changed(subscription(5, amount_minor=9_000)))) == ["no_previous_value"]


def test_an_older_change_that_comes_late_says_nothing() -> None:
    told = on("plan_upgraded", "plan_downgraded")
    told.tell(created(subscription(1)))
    newer = changed(subscription(3, amount_minor=3_000), T0 + 5 * DAY)
    assert pulled(told, newer) == ["plan-upgraded"]
    assert reasons(told.tell(changed(subscription(2, amount_minor=2_000)))) == ["older_version"]
    later = changed(subscription(4, amount_minor=2_500), T0 + 6 * DAY)
    assert pulled(told, later) == ["plan-downgraded"]


def test_a_change_seen_by_a_renewal_counts_once() -> None:
    told = on("plan_upgraded", "subscription_renewed")
    told.tell(created(subscription(1)))
    larger = subscription(2, amount_minor=2_000, term_start=MONTH_STARTS[1])
    assert pulled(told, renewed(larger, MONTH_STARTS[1])) == [
        "plan-upgraded",
        "subscription-renewed",
    ]
    assert pulled(told, changed(larger, MONTH_STARTS[1] + 1)) == []


def test_a_payment_does_not_hide_a_change() -> None:
    told = on("plan_upgraded")
    told.tell(created(subscription(1)))
    larger = subscription(2, amount_minor=2_000)
    told.tell(paid("t1", 2_000, subscription=larger))
    assert pulled(told, changed(larger)) == ["plan-upgraded"]


def test_a_subscription_first_heard_of_by_a_payment_can_be_upgraded() -> None:
    told = on("plan_upgraded")
    told.tell(paid("t1", 1_000, subscription=subscription(1)))
    larger = subscription(2, amount_minor=2_000)
    assert pulled(told, changed(larger, T0 + DAY)) == ["plan-upgraded"]


def terms(told: Story, starts: list[int], **more: object) -> list[int]:
    """The positions of the renewals that completed a year."""
    build: type = dict
    found = []
    for position, start in enumerate(starts):
        seen = subscription(10 + position, **build(term_start=start, **more))
        if "annual-renewal" in pulled(told, renewed(seen, start)):
            found.append(position)
    return found


def test_every_twelfth_monthly_renewal_completes_a_year() -> None:
    told = on("annual_renewal")
    told.tell(created(subscription(1)))
    assert terms(told, MONTH_STARTS[1:]) == [11]


def test_a_missed_renewal_leaves_the_year_to_the_next_one() -> None:
    told = on("annual_renewal")
    told.tell(created(subscription(1)))
    assert terms(told, MONTH_STARTS[1:12] + MONTH_STARTS[13:]) == [11]


def test_renewals_in_any_order_complete_one_year() -> None:
    told = on("annual_renewal")
    told.tell(created(subscription(1)))
    assert len(terms(told, MONTH_STARTS[:0:-1])) == 1


@pytest.mark.parametrize(("period", "unit"), [(1, "year"), (12, "month")])
def test_a_yearly_term_completes_a_year_each_time(period: int, unit: PeriodUnit) -> None:
    told = on("annual_renewal")
    told.tell(created(subscription(1, period=period, period_unit=unit)))
    assert terms(told, [T0 + YEAR, T0 + 2 * YEAR], period=period, period_unit=unit) == [0, 1]


def test_twelve_weeks_or_days_are_no_year() -> None:
    for unit, days in (("week", 84), ("day", 12)):
        told = on("annual_renewal")
        told.tell(created(subscription(1, period=12, period_unit=unit)))  # type: ignore[arg-type]
        starts = [T0 + days * DAY, T0 + 2 * days * DAY]
        assert terms(told, starts, period=12, period_unit=unit) == [], unit


def test_a_month_that_is_followed_by_a_yearly_term_completes_no_year() -> None:
    told = on("annual_renewal")
    told.tell(created(subscription(1)))
    assert terms(told, MONTH_STARTS[1:2], period_unit="year") == []
    assert terms(told, [MONTH_STARTS[1] + YEAR], period_unit="year") == [0]


def test_a_yearly_term_that_is_followed_by_months_completed_a_year() -> None:
    told = on("annual_renewal")
    late = T0 + 200 * DAY  # an import: the subscription is younger here than its term
    told.tell(created(subscription(1, period_unit="year", started_at=late), late))
    assert terms(told, [T0 + YEAR], started_at=late) == [0]


def test_years_are_told_by_the_date_in_the_programs_zone() -> None:
    start = 1_761_429_600  # 26 October 2025, 00:00 in Berlin, the day the clocks go back
    for drift, completes in ((-1, []), (0, [0]), (+1, [0])):
        told = on("annual_renewal", timezone="Europe/Berlin")
        told.tell(created(subscription(1, started_at=start), start))
        again = start + YEAR + 3_600 + drift  # an hour more to the same time by the clock
        assert terms(told, [again], started_at=start) == completes, drift


def test_an_anniversary_comes_by_date_without_any_fact() -> None:
    told = on("subscription_anniversary")
    told.tell(created(subscription(1)))
    events = told.lives_until(T0 + 2 * YEAR)
    assert [(each.rule, each.occurred_at) for each in of(events, PointsEarned)] == [
        ("subscription-anniversary", T0 + YEAR),
        ("subscription-anniversary", T0 + 2 * YEAR),
    ]


def test_an_anniversary_of_29_february_is_kept_on_the_28th() -> None:
    leap = 1_709_208_000  # 29 February 2024, noon
    told = on("subscription_anniversary")
    told.tell(created(subscription(1, started_at=leap), leap))
    assert told.due_at == 1_740_744_000


def test_a_cancelled_subscription_has_no_anniversaries_until_it_comes_back() -> None:
    told = on("subscription_anniversary")
    told.tell(created(subscription(1)))
    told.tell(cancelled(subscription(2, status="cancelled"), T0 + 100 * DAY))
    assert told.due_at is None
    told.tell(reactivated(subscription(3), T0 + 200 * DAY))
    assert told.due_at == T0 + YEAR


def test_two_subscriptions_have_two_anniversaries_on_one_day() -> None:
    told = on("subscription_anniversary")
    for name in ("sub_1", "sub_2"):
        told.tell(created(subscription(1, name=name)))
    assert len(of(told.lives_until(T0 + YEAR), PointsEarned)) == 2


def test_an_anniversary_formula_reads_the_subscription() -> None:
    told = story(
        "- {id: jubilee, on: subscription_anniversary, points: subscription.quantity * 10}"
    )
    told.tell(created(subscription(1, quantity=4)))
    assert earned(told.lives_until(T0 + YEAR)) == [("jubilee", 40)]


def test_cancellation_and_reactivation_count_each_time() -> None:
    told = on("subscription_cancelled", "subscription_reactivated")
    facts: list[AnyFact] = []
    for turn in range(2):
        gone: Subscription = subscription(2 + 2 * turn, status="cancelled")
        facts += [
            cancelled(gone, T0 + turn * DAY),
            reactivated(subscription(3 + 2 * turn), T0 + turn * DAY + 1),
        ]
    assert [pulled(told, fact) for fact in facts] == [
        ["subscription-cancelled"],
        ["subscription-reactivated"],
    ] * 2


def test_the_reason_of_a_cancellation_can_be_asked_for() -> None:
    told = story('- {id: bye, on: subscription_cancelled, points: 1, when: fact.reason == ""}')
    gone = subscription(2, status="cancelled")
    assert reasons(told.tell(cancelled(gone, T0, reason="not_paid"))) == ["condition_not_met"]
    assert earned(told.tell(cancelled(gone, T0 + 1))) == [("bye", 1)]


def test_a_custom_event_knows_the_subscription_heard_of_last() -> None:
    told = story(
        "- {id: visit, on: custom, event: visit, points: subscription.quantity}",
    )
    told.tell(created(subscription(1, quantity=3)))
    assert earned(told.tell(happened("visit"))) == [("visit", 3)]


def test_the_cause_names_the_fact_and_the_trigger() -> None:
    told = on("payment_succeeded")
    cause = only(told.tell(paid("t1", 100)), PointsEarned).cause
    assert (cause.fact, cause.trigger, cause.offset) == (
        "payment:t1:inv_t1",
        "payment_succeeded",
        0,
    )
