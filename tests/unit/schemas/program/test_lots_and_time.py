"""What a program says of lots and time: priority, activities, extension, reminders."""

from typing import Any

import pytest

from schemas.program.load import Problem, ProgramRefusedError, load_program
from schemas.program.rules import ActivateOn, ExtendedBy
from schemas.program.words import describe
from streams.account.compiled import CompiledProgram

HEAD = "program: small\nsite: acme-test\neffective_from: 2026-01-01T00:00\nearn:\n"
PAY = 'id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}'


def text(rule: str = "", expiry: str = "") -> str:
    written = f"{HEAD}  - {{{PAY}{rule}}}\n"
    return written + (f"expiry: {expiry}\n" if expiry else "")


def problem(written: str) -> Problem:
    with pytest.raises(ProgramRefusedError) as refused:
        load_program(written)
    [found] = refused.value.problems
    return found


def said(written: str, kind: str) -> str:
    """What the program does, in words."""
    [sentence] = [words for part, _, words in describe(load_program(written)) if part == kind]
    return sentence


def test_a_program_without_these_keys_says_nothing_of_them() -> None:
    program = load_program(text(expiry="{after: P12M}"))
    [rule] = program.earn
    assert (rule.priority, rule.activate_on) == ("standard", None)
    assert program.expiry is not None
    assert (program.expiry.extended_by, program.expiry.remind) == (None, None)


def test_every_key_is_read() -> None:
    program = load_program(
        text(
            ", priority: promotional, activate_on: {on: custom, event: seen, within: P30D}",
            "{after: P12M, extended_by: {on: [plan_upgraded], events: [seen]}, remind: P14D}",
        )
    )
    [rule] = program.earn
    assert rule.priority == "promotional"
    assert rule.activate_on == ActivateOn(on="custom", event="seen", within="P30D")
    assert program.expiry is not None
    assert program.expiry.extended_by == ExtendedBy(on=("plan_upgraded",), events=("seen",))
    assert program.expiry.remind == "P14D"
    assert type(program).model_validate(program.document()) == program


@pytest.mark.parametrize(
    ("rule", "path", "said"),
    [
        (", priority: high", "earn[0].priority", "write one of promotional, standard"),
        (", activate_on: payment_succeeded", "earn[0].activate_on", "map of keys"),
        (", activate_on: {on: custom, event: seen}", "earn[0].activate_on.within", "within: P30D"),
        (", activate_on: {within: P1D}", "earn[0].activate_on.on", "on: payment_succeeded"),
        (", activate_on: {on: custom, within: P1D}", "earn[0].activate_on", "needs the `event`"),
        (
            ", activate_on: {on: plan_upgraded, event: seen, within: P1D}",
            "earn[0].activate_on",
            "only for `on: custom`",
        ),
        (
            ", activate_on: {on: plan_upgarded, within: P1D}",
            "earn[0].activate_on.on",
            "did you mean plan_upgraded?",
        ),
        (
            ", activate_on: {on: plan_upgraded, within: 30 days}",
            "earn[0].activate_on.within",
            "P14D (14 days)",
        ),
        (
            ", activate_on: {on: plan_upgraded, within: P0D}",
            "earn[0].activate_on.within",
            "no time at all",
        ),
        (
            ", activate_on: {on: plan_upgraded, withn: P1D, within: P1D}",
            "earn[0].activate_on.withn",
            "did you mean within?",
        ),
        (
            ", activate_after: P1D, activate_on: {on: plan_upgraded, within: P1D}",
            "earn[0]",
            "write activate_after or activate_on",
        ),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_its_remedy(rule: str, path: str, said: str) -> None:
    found = problem(text(rule))
    assert (found.path, found.line) == (path, 5)
    assert said in found.message


@pytest.mark.parametrize(
    ("expiry", "path", "said"),
    [
        ("{remind: P14D}", "expiry.after", "after: P12M"),
        ("{after: P1Y, remind: two weeks}", "expiry.remind", "P2W"),
        ("{after: P1Y, extended_by: {}}", "expiry.extended_by", "{on: [payment_succeeded]}"),
        ("{after: P1Y, extended_by: {on: [], events: []}}", "expiry.extended_by", "or events"),
        ("{after: P1Y, extended_by: [plan_upgraded]}", "expiry.extended_by", "map of keys"),
        ("{after: P1Y, extended_by: {on: plan_upgraded}}", "expiry.extended_by.on", "a list"),
        (
            "{after: P1Y, extended_by: {on: [custom]}}",
            "expiry.extended_by",
            "name custom events in `events`",
        ),
        (
            "{after: P1Y, extended_by: {on: [payment_suceeded]}}",
            "expiry.extended_by.on[0]",
            "did you mean payment_succeeded?",
        ),
        ("{after: P1Y, extended_by: {event: [x]}}", "expiry.extended_by.event", "mean events?"),
        ("{after: P1Y, reminder: P1D}", "expiry.reminder", "did you mean remind?"),
    ],
)
def test_a_mistake_in_the_expiry_is_told_with_its_remedy(expiry: str, path: str, said: str) -> None:
    found = problem(text(expiry=expiry))
    assert (found.path, found.line) == (path, 6)
    assert said in found.message


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (", priority: promotional", "spent before others"),
        (
            ", activate_on: {on: custom, event: seen, within: P30D}",
            "spendable once the event seen arrives, void P30D without that",
        ),
        (
            ", activate_on: {on: plan_upgraded, within: P1Y}",
            "spendable once a plan is upgraded, void P1Y without that",
        ),
    ],
)
def test_a_rule_is_said_in_words(rule: str, words: str) -> None:
    assert said(text(rule), "earn") == (f"when a payment succeeds: 1 points per 1.00 USD, {words}")


@pytest.mark.parametrize(
    ("expiry", "words"),
    [
        ("", "points never expire"),
        ("{after: P12M}", "points live P12M"),
        (
            "{after: P12M, round_up_to: month, remind: P14D}",
            "points live P12M, rounded up to the end of the month, with a reminder P14D before",
        ),
        (
            "{after: P12M, extended_by: {on: [payment_succeeded], events: [seen]}}",
            "points live P12M, counted anew whenever a payment succeeds or the event seen arrives",
        ),
    ],
)
def test_an_expiry_is_said_in_words(expiry: str, words: str) -> None:
    assert said(text(expiry=expiry), "expiry") == words


@pytest.mark.parametrize(
    "written",
    [
        text(", activate_on: {on: subscription_anniversary, within: P2Y}"),
        text(expiry="{after: P2Y, extended_by: {on: [subscription_anniversary]}}"),
    ],
)
def test_an_anniversary_that_only_an_activity_asks_for_falls_due(written: str) -> None:
    plain: Any = CompiledProgram(load_program(text()))
    assert not plain.has_anniversaries
    assert CompiledProgram(load_program(written)).has_anniversaries
