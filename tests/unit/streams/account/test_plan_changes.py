"""What expressions read of a change, and terms whose length a planned change alters."""

import pytest
from msgspec.structs import replace

from schemas.facts import AnyFact, Line, PeriodUnit, Subscription
from schemas.points import FactIgnored
from tests.support.story import (
    DAY,
    T0,
    YEAR,
    Story,
    cancelled,
    changed,
    created,
    earned,
    only,
    reasons,
    renewed,
    story,
    subscription,
)

S1, S2, S7 = T0 + 31 * DAY, T0 + 62 * DAY, T0 + 212 * DAY
"""The first of January, February and July 2026."""


def seen(
    version: int, plan: str = "pro", *, amount: int = 1_000, seats: int = 1, addons: str = ""
) -> Subscription:
    """A monthly subscription; `addons` are such as `a*2 b*1`, each unit for 100."""
    lines = [Line(price=plan, kind="plan", amount_minor=amount, quantity=seats)]
    for addon in addons.split():
        price, _, quantity = addon.partition("*")
        many = int(quantity)
        lines.append(Line(price=price, kind="addon", amount_minor=100 * many, quantity=many))
    return Subscription(
        id="sub_1", plan=plan, status="active", currency="USD", period=1, period_unit="month",
        resource_version=version, quantity=seats, lines=tuple(lines), started_at=T0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (seen(1, "basic"), seen(2, "pro", amount=2_000, seats=2, addons="a*1"), "plan"),
        (seen(1), seen(2, amount=2_000, seats=2, addons="a*1"), "quantity"),
        (seen(1), seen(2, amount=2_000, addons="a*1"), "addons"),
        (seen(1, addons="a*1"), seen(2, addons="a*2"), "addons"),
        (seen(1, addons="a*1"), seen(2, addons="b*2"), "addons"),
        (seen(1, addons="a*1 b*2"), seen(2, amount=1_500, addons="b*2 a*1"), "price"),
        (seen(1), seen(2, amount=2_000), "price"),
    ],
)
def test_a_condition_reads_what_kind_of_change_it_was(
    before: Subscription, after: Subscription, kind: str
) -> None:
    told = story(f'- {{id: up, on: plan_upgraded, points: 1, when: change.kind == "{kind}"}}')
    told.tell(created(before))
    assert earned(told.tell(changed(after))) == [("up", 1)]


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("change.difference_minor", 2_000),
        ("change.quantity_after - change.quantity_before", 3),
        ('change.from_plan == "basic" && change.to_plan == "pro" ? 5 : 1', 5),
    ],
)
def test_a_formula_reads_the_change(text: str, points: int) -> None:
    told = story(f"- {{id: up, on: plan_upgraded, points: '{text}'}}")
    told.tell(created(seen(1, "basic")))
    assert earned(told.tell(changed(seen(2, "pro", amount=3_000, seats=4)))) == [("up", points)]


@pytest.mark.parametrize(
    ("yearly_minor", "difference"),
    [(12_006, 1), (12_005, 0), (11_994, -1), (11_995, 0), (24_000, 1_000)],
)
def test_the_difference_is_of_a_month_in_whole_minor_units(
    yearly_minor: int, difference: int
) -> None:
    """Half a minor unit counts as one: 12,006 a year are 1,000.5 a month."""
    rules = [
        f"- {{id: {name}, on: {trigger}, points: 1, when: change.difference_minor == {difference}}}"
        for name, trigger in (("up", "plan_upgraded"), ("down", "plan_downgraded"))
    ]
    told = story(*rules)
    told.tell(created(subscription(1)))
    yearly = subscription(2, amount_minor=yearly_minor, period_unit="year")
    assert len(earned(told.tell(changed(yearly)))) == 1


@pytest.mark.parametrize(
    ("unit", "price"), [("day", 4_800), ("week", 33_600), ("month", 146_100), ("year", 1_753_200)]
)
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_year_is_twelve_equal_months_and_so_many_weeks_and_days(
    unit: PeriodUnit, price: int, more: int
) -> None:
    """365.25 days: a cent more or less is another value."""
    told = story(
        "- {id: up, on: plan_upgraded, points: 1}", "- {id: down, on: plan_downgraded, points: 2}"
    )
    told.tell(created(subscription(1, amount_minor=146_100)))
    now = subscription(2, amount_minor=price + more, period_unit=unit)
    expected = {-1: [("down", 2)], 0: [], 1: [("up", 1)]}
    assert earned(told.tell(changed(now, T0 + DAY))) == expected[more]


def test_of_more_subscriptions_than_can_be_kept_the_newest_are_remembered() -> None:
    told = story("- {id: up, on: plan_upgraded, points: 1}")
    for number in range(51):
        told.tell(created(subscription(1, name=f"sub_{number}"), T0 + number))
    upgrades = [
        told.tell(changed(subscription(2, name=f"sub_{number}", amount_minor=2_000), T0 + DAY))
        for number in (1, 0)
    ]
    assert [*map(earned, upgrades)] == [[("up", 1)], []]
    assert reasons(upgrades[1]) == ["no_previous_value"]


def test_a_change_by_ranking_into_another_currency_has_no_difference() -> None:
    told = story(
        "- {id: worth, on: plan_upgraded, points: change.difference_minor}",
        "- {id: up, on: plan_upgraded, points: 1, when: '!has(change.difference_minor)'}",
        plan_ranking="[basic, pro]",
    )
    told.tell(created(subscription(1, plan="basic")))
    events = told.tell(changed(subscription(2, plan="pro", currency="EUR")))
    assert earned(events) == [("up", 1)]
    ignored = only(events, FactIgnored)
    assert ignored.reason == "property_missing"
    assert "change.difference_minor" in ignored.detail


def test_a_multiplier_and_a_reward_read_the_change_too() -> None:
    told = story(
        "- {id: up, on: plan_upgraded, points: 10}",
        multipliers='[{id: seats, factor: "3", on: [plan_upgraded], '
        'when: change.kind == "quantity"}]',
        rewards='[{id: gift, when: {on: plan_upgraded, when: change.kind == "quantity"}, '
        "free_days: 1}]",
    )
    told.tell(created(seen(1)))
    events = told.tell(changed(seen(2, amount=2_000, seats=2)))
    assert earned(events) == [("up", 30)]
    assert [type(each).__name__ for each in events] == ["PointsEarned", "RewardEarned"]


def test_a_renewal_that_changes_the_plan_reads_the_change_under_the_change_alone() -> None:
    told = story(
        "- {id: up, on: plan_upgraded, points: 10}",
        "- {id: again, on: subscription_renewed, points: 1}",
        multipliers='[{id: plan, factor: "2", when: change.kind == "plan"}]',
    )
    told.tell(created(subscription(1)))
    larger = subscription(2, plan="max", amount_minor=2_000, term_start=S1)
    events = told.tell(renewed(larger, S1))
    assert earned(events) == [("up", 20), ("again", 1)]
    assert reasons(events) == ["property_missing"]


YEARS = "- {id: year, on: annual_renewal, points: 1}"


def term(version: int, start: int, *, months: int = 0, yearly: bool = False) -> Subscription:
    """A term with its first day, and its last where `months` says how long it is."""
    known = subscription(version, period_unit="year" if yearly else "month", term_start=start)
    if not months:
        return known
    return replace(known, term_end=start + months * 30 * DAY)


def years(told: Story, *facts: AnyFact) -> list[int]:
    """The positions of the facts that completed a year."""
    return [place for place, fact in enumerate(facts) if ("year", 1) in earned(told.tell(fact))]


@pytest.mark.parametrize(
    "announced",
    [
        term(2, S1, yearly=True),
        term(2, T0, months=1, yearly=True),
    ],
    ids=["with the new term's dates", "with the old term's dates"],
)
def test_a_change_to_yearly_told_just_before_the_renewal_completes_no_year(
    announced: Subscription,
) -> None:
    told = story(YEARS)
    told.tell(created(term(1, T0, months=1)))
    begins = renewed(term(3, S1, yearly=True), S1)
    ends = renewed(term(4, S1 + YEAR, yearly=True), S1 + YEAR)
    assert years(told, changed(announced, S1), begins, ends) == [2]


def test_a_change_to_yearly_told_just_after_the_renewal_completes_no_year() -> None:
    told = story(YEARS)
    told.tell(created(term(1, T0)))
    facts = (renewed(term(3, S1, yearly=True), S1), changed(term(2, S1, yearly=True), S1))
    assert years(told, *facts, renewed(term(4, S1 + YEAR, yearly=True), S1 + YEAR)) == [2]


def test_a_change_to_yearly_in_the_middle_of_a_term_starts_a_year() -> None:
    told = story(YEARS)
    told.tell(created(term(1, T0)))
    middle = T0 + 10 * DAY
    facts = (
        changed(term(2, middle, yearly=True), middle),
        renewed(term(3, middle + YEAR, yearly=True), middle + YEAR),
    )
    assert years(told, *facts) == [1]


def test_a_change_to_monthly_told_just_before_the_renewal_completes_the_year() -> None:
    told = story(YEARS)
    late = T0 + 200 * DAY  # an import: the subscription is younger here than its term
    told.tell(created(subscription(1, period_unit="year", started_at=late, term_start=T0), late))
    start = T0 + YEAR
    month = subscription(2, started_at=late, term_start=start)
    assert years(told, changed(month, start), renewed(month, start)) == [1]


def test_the_anniversary_of_months_counts_when_they_become_a_year_at_that_renewal() -> None:
    told = story(YEARS)
    told.tell(created(term(1, T0)))
    start = T0 + YEAR
    yearly = term(2, start, yearly=True)
    assert years(told, changed(yearly, start), renewed(yearly, start)) == [1]


def test_an_earlier_renewal_that_comes_late_is_not_taken_for_the_year_that_follows_it() -> None:
    told = story(YEARS)
    told.tell(created(term(1, T0)))
    facts = (
        renewed(term(4, S2, yearly=True), S2),
        renewed(term(3, S1), S1),
        renewed(term(5, S2 + YEAR, yearly=True), S2 + YEAR),
    )
    assert years(told, *facts) == [2]


def test_a_first_term_cut_to_the_billing_day_is_no_year() -> None:
    """Calendar billing: a yearly plan begun in December is renewed on the first of July."""
    told = story(YEARS)
    told.tell(created(term(1, T0, months=7, yearly=True)))
    facts = (
        renewed(term(2, S7, yearly=True), S7),
        renewed(term(3, S7 + YEAR, yearly=True), S7 + YEAR),
    )
    assert years(told, *facts) == [1]


def test_a_fact_that_names_no_subscription_is_about_the_live_one_heard_of_last() -> None:
    told = story(
        '- {id: visit, on: custom, event: visit, points: 5, when: subscription.plan == "trial"}'
    )
    told.tell(created(subscription(1, name="old", plan="pro"), T0))
    told.tell(created(subscription(1, name="new", plan="trial", status="in_trial"), T0 + 1))
    told.tell(created(subscription(1, name="gone", plan="max"), T0 + 2))
    told.tell(cancelled(subscription(2, name="gone", plan="max", status="cancelled"), T0 + 3))
    assert earned(told.happened("visit", T0 + DAY)) == [("visit", 5)]
