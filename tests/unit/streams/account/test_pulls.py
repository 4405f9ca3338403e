"""Rules that count their pulls: the N-th alone, each N-th, and N payments on time in a row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.facts import AnyFact
from schemas.points import AnyPointsEvent, FactIgnored, PointsEarned
from tests.support.story import (
    DAY,
    ONE_PER_DOLLAR,
    T0,
    Story,
    created,
    earned,
    kinds,
    of,
    only,
    paid,
    program_text,
    reasons,
    refunded,
    story,
    subscription,
)
from tests.support.year import program_of

THIRD = "- {id: third, on: payment_succeeded, points: 10, nth: 3}"
EACH_THIRD = "- {id: third, on: payment_succeeded, points: 10, every: 3}"
STREAK = "- {id: run, on: on_time_payment, points: 50, streak: 3}"


def counts(events: list[AnyPointsEvent]) -> list[int]:
    return [event.count for event in of(events, PointsEarned)]


def pays(told: Story, *names: str, on_time: bool = True) -> list[int]:
    """Which pull each payment was that earned; each comes after everything that is known."""
    return counts(
        [each for name in names for each in told.paid(name, 1_000, at=later(told), on_time=on_time)]
    )


def later(told: Story) -> int:
    return max(T0, told.account.memory.clock + 1)


def test_a_rule_for_the_nth_pull_earns_once_ever_and_says_which_it_was() -> None:
    told = story(THIRD)
    assert pays(told, *"abcdefg") == [3]
    assert told.lifetime == 10


def test_a_rule_for_every_nth_pull_earns_again_and_again() -> None:
    told = story(EACH_THIRD)
    assert pays(told, *"abcdefg") == [3, 6]
    assert told.lifetime == 20


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (THIRD, "third: this was number 1, it earns at number 3 only"),
        (EACH_THIRD, "third: this was number 1, it earns at every 3"),
        (STREAK, "run: this was number 1, it earns after 3 in a row"),
    ],
)
def test_a_pull_that_is_only_counted_says_so(rule: str, said: str) -> None:
    event = only(story(rule).paid("a", 1_000, on_time=True), FactIgnored)
    assert (event.reason, event.detail) == ("pull_counted", said)


def test_a_pull_that_is_only_counted_is_not_told_where_something_was_earned() -> None:
    assert kinds(story(ONE_PER_DOLLAR, THIRD).paid("a", 1_000)) == ["PointsEarned"]


def test_a_pull_counts_where_the_condition_holds() -> None:
    told = story(
        "- {id: big, on: payment_succeeded, points: 10, every: 2, when: payment.amount >= 5.0}"
    )
    amounts = (500, 499, 499, 500, 500, 499, 500)
    given = [counts(told.paid(f"t{place}", amount)) for place, amount in enumerate(amounts)]
    assert given == [[], [], [], [2], [], [], [4]]


def test_rules_count_their_own_pulls_of_any_trigger() -> None:
    told = story(
        "- {id: two, on: custom, event: visit, points: 2, every: 2}",
        "- {id: three, on: custom, event: visit, points: 3, nth: 3}",
        "- {id: other, on: custom, event: other, points: 5, nth: 1}",
    )
    assert [earned(told.happened("visit", T0 + day * DAY)) for day in range(4)] == [
        [],
        [("two", 2)],
        [("three", 3)],
        [("two", 2)],
    ]
    assert earned(told.happened("other")) == [("other", 5)]


def test_the_second_subscription_can_be_worth_something() -> None:
    told = story("- {id: more, on: subscription_created, points: 9, nth: 2}")
    given = [earned(told.tell(created(subscription(1, name=name)))) for name in ("a", "b", "c")]
    assert given == [[], [("more", 9)], []]


def test_a_pull_that_counts_is_worth_the_formula_or_amount_of_its_own_fact() -> None:
    told = story('- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, every: 2}')
    assert [earned(told.paid(name, amount)) for name, amount in (("a", 9_900), ("b", 400))] == [
        [],
        [("pay", 4)],
    ]


def test_an_nth_pull_that_a_limit_refuses_has_passed() -> None:
    told = story(
        "- {id: visit, on: custom, event: visit, points: 1, every: 2, limit: {count: 1, per: day}}"
    )
    given = [told.happened("visit", T0 + hour) for hour in range(4)]
    given.append(told.happened("visit", T0 + DAY))
    given.append(told.happened("visit", T0 + DAY + 1))
    assert [counts(each) for each in given] == [[], [2], [], [], [], [6]]
    assert reasons(given[3]) == ["limit_reached"]


def test_a_repeated_payment_is_no_second_pull() -> None:
    told = story(THIRD)
    assert pays(told, "a", "a", "b", "b", "b") == []
    assert pays(told, "c") == [3]


@pytest.mark.parametrize("rule", [THIRD, EACH_THIRD])
def test_a_payment_that_is_given_back_whole_counts_no_longer(rule: str) -> None:
    told = story(rule)
    pays(told, "a", "b")
    told.refunded("r1", "a", 400)
    told.refunded("r2", "a", 600)
    assert pays(told, "c") == []
    assert pays(told, "d") == [3]


def test_a_payment_of_which_a_part_was_given_back_still_counts() -> None:
    told = story(THIRD)
    pays(told, "a", "b")
    told.refunded("r1", "a", 999)
    assert pays(told, "c") == [3]


@pytest.mark.parametrize("rule", [THIRD, EACH_THIRD])
def test_the_nth_payment_given_back_undoes_its_award_and_lets_the_next_be_the_nth(
    rule: str,
) -> None:
    told = story(rule)
    pays(told, "a", "b", "c")
    told.refunded("r1", "c", 1_000)
    assert told.lifetime == 0
    assert pays(told, "d") == [3]
    assert told.lifetime == 10


@pytest.mark.parametrize(("rule", "later"), [(THIRD, []), (EACH_THIRD, [6])])
def test_an_award_that_stands_is_not_earned_again_under_its_number(
    rule: str, later: list[int]
) -> None:
    told = story(rule)
    assert pays(told, "a", "b", "c") == [3]
    told.refunded("r1", "a", 1_000)
    assert pays(told, "d") == []
    assert pays(told, "e", "f", "g") == later


def test_a_number_whose_every_award_was_undone_is_earned_again() -> None:
    told = story("- {id: second, on: payment_succeeded, points: 10, every: 2}")
    for number in range(1, 5):
        told.paid(f"t{number}", 1_000, at=T0 + number * DAY)
    for number in (2, 4, 1):
        told.refunded(f"r{number}", f"t{number}", 1_000, at=T0 + 10 * DAY)
    assert told.balance == 0
    event = only(told.paid("t5", 1_000, at=T0 + 11 * DAY), PointsEarned)
    assert event.count == 2, "the third payment and this one stand"


def test_never_more_awards_stand_than_the_payments_that_stand_are_worth() -> None:
    told = story("- {id: second, on: payment_succeeded, points: 10, every: 2}")
    for number in range(1, 5):
        told.paid(f"t{number}", 1_000, at=T0 + number * DAY)
    for number in (1, 2, 3):
        told.refunded(f"r{number}", f"t{number}", 1_000, at=T0 + 10 * DAY)
    assert told.balance == 10, "of the fourth, which stands alone"
    assert earned(told.paid("t5", 1_000, at=T0 + 11 * DAY)) == []
    told.paid("t6", 1_000, at=T0 + 12 * DAY)
    assert earned(told.paid("t7", 1_000, at=T0 + 13 * DAY)) == [("second", 10)]


def test_a_refund_that_waited_for_its_payment_uncounts_it_at_once() -> None:
    told = story(THIRD)
    told.refunded("r1", "b", 1_000)
    assert pays(told, "a", "b", "c") == []
    assert pays(told, "d") == [3]


def test_pulls_are_uncounted_without_a_program_in_force_too() -> None:
    told = story(THIRD)
    pays(told, "a", "b")
    programs = told.programs
    told.programs = type(programs)()
    told.refunded("r1", "a", 1_000)
    told.programs = programs
    assert pays(told, "c") == []
    assert pays(told, "d") == [3]


payments = st.lists(st.booleans(), max_size=14)
"""Whether each payment in turn is given back at once."""


@given(payments, st.integers(2, 4))
def test_payments_given_back_at_once_might_as_well_not_have_been(
    given_back: list[bool], number: int
) -> None:
    rules = (
        f"- {{id: each, on: payment_succeeded, points: 10, every: {number}}}",
        f"- {{id: nth, on: payment_succeeded, points: 7, nth: {number}}}",
    )
    all_of_them, standing = story(*rules), story(*rules)
    for place, refund in enumerate(given_back):
        at = T0 + place * DAY
        all_of_them.paid(f"t{place}", 1_000, at=at)
        if refund:
            all_of_them.refunded(f"r{place}", f"t{place}", 1_000, at=at)
        else:
            standing.paid(f"t{place}", 1_000, at=at)
    assert all_of_them.lifetime == all_of_them.balance == standing.lifetime


def test_a_new_version_goes_on_counting_where_the_old_one_stopped() -> None:
    told = story(EACH_THIRD)
    pays(told, *"abcd")
    told.programs = program_of(program_text(EACH_THIRD.replace("every: 3", "every: 2")))
    assert pays(told, *"efgh") == [6, 8]


def test_so_many_payments_on_time_in_a_row_earn_and_then_the_run_starts_anew() -> None:
    told = story(STREAK)
    assert pays(told, *"abcdefg") == [3, 3]
    assert told.lifetime == 100


def test_a_late_payment_ends_the_run() -> None:
    told = story(STREAK)
    pays(told, "a", "b")
    assert reasons(told.paid("late", 1_000, at=later(told), on_time=False)) == ["streak_ended"]
    assert pays(told, "c", "d") == []
    assert pays(told, "e") == [3]


def test_a_late_payment_that_earns_otherwise_ends_the_run_too() -> None:
    told = story(ONE_PER_DOLLAR, STREAK)
    pays(told, "a", "b")
    assert kinds(told.paid("late", 1_000, at=later(told), on_time=False)) == ["PointsEarned"]
    assert earned(told.paid("c", 1_000, at=later(told), on_time=True)) == [("pay", 10)]


def test_a_payment_of_nothing_neither_counts_nor_ends_the_run() -> None:
    told = story(STREAK)
    pays(told, "a", "b")
    told.paid("free", 0, at=later(told), on_time=False)
    assert reasons(told.paid("gift", 0, at=later(told), on_time=True)) == ["pull_not_counted"]
    assert pays(told, "c") == [3]


def test_a_payment_on_time_for_which_the_condition_does_not_hold_is_passed_over() -> None:
    told = story(STREAK.replace("streak: 3", "streak: 2, when: payment.amount > 5.0"))
    told.paid("a", 600, on_time=True)
    told.paid("b", 100, on_time=True)
    assert counts(told.paid("c", 600, on_time=True)) == [2]


def test_a_refund_takes_one_off_the_running_count() -> None:
    told = story(STREAK)
    pays(told, "a", "b")
    told.refunded("r1", "a", 1_000)
    assert pays(told, "c") == []
    assert pays(told, "d") == [3]


def test_the_award_of_a_streak_belongs_to_the_payment_that_completed_it() -> None:
    told = story(STREAK)
    pays(told, "a", "b", "c")
    assert reasons(told.refunded("r1", "a", 1_000)) == ["nothing_to_reverse"]
    assert told.lifetime == 50
    told.refunded("r2", "c", 1_000)
    assert told.lifetime == 0
    assert pays(told, "d", "e") == []
    assert pays(told, "f") == [3]


def test_a_running_count_never_falls_below_zero() -> None:
    told = story(STREAK)
    for name in ("a", "b", "c"):
        told.paid(name, 1_000, on_time=True)
    for name in ("a", "b"):
        told.refunded(f"r{name}", name, 1_000)
    assert pays(told, "d", "e", "f") == [3]


def test_rules_that_count_no_pulls_leave_none_in_the_account() -> None:
    told = story()
    facts: list[AnyFact] = [paid("a", 1_000), refunded("r", "a", 1_000), paid("b", 5, on_time=True)]
    for fact in facts:
        told.tell(fact)
    assert told.account.memory.pulls == {}


def test_a_streak_that_a_new_version_shortens_is_complete_with_the_next_payment() -> None:
    told = story(STREAK.replace("streak: 3", "streak: 9"))
    pays(told, *"abcd")
    told.programs = program_of(program_text(STREAK))
    assert pays(told, *"efgh") == [3, 3]


def test_a_payment_that_is_late_while_the_program_is_retired_ends_a_streak() -> None:
    told = story(STREAK)
    pays(told, *"ab")
    told.programs = program_of(program_text(STREAK, retired="true"))
    assert reasons(told.paid("c", 1_000, later(told), on_time=False)) == ["streak_ended"]
    assert reasons(told.paid("d", 1_000, later(told), on_time=True)) == ["program_retired"]
    told.programs = program_of(program_text(STREAK))
    assert pays(told, *"efg") == [3]
