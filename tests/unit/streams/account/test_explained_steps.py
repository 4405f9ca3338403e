"""What an explanation says of shares, figures, tiers and late facts, and what it leaves unsaid."""

from typing import get_args

import msgspec
import pytest
from msgspec.structs import replace

from schemas.points import CorrectionApplied, PointsEvent
from streams.account.explanation.events import happened as event_told
from streams.account.explanation.wording import Wording
from streams.account.steps import AnyStep, LimitRead
from tests.support.explained import explained
from tests.support.story import (
    DAY,
    HOUR,
    ONE_PER_DOLLAR,
    T0,
    only,
    paid,
    refunded,
    story,
)


def test_a_rule_of_which_a_refund_undoes_nothing_is_not_named() -> None:
    told = story("- {id: flat, on: payment_succeeded, points: 10}", ONE_PER_DOLLAR)
    told.paid("t1", 10_000)
    assert explained(told, refunded("r1", "t1", 100))[1] == (
        "Your payment `t1` of 1 Dec 2025 earned 110 points; 1.00 of 100.00 USD of it went back by "
        "now, so 1 of 100 by `pay` are undone now."
    )


@pytest.mark.parametrize(
    ("debt", "figure"),
    [(5, "5, 45 are missing"), (10, "0, 50 are missing"), (15, "none and owe 5, 55 are missing")],
)
def test_what_is_missing_for_a_reward_counts_what_is_owed(debt: int, figure: str) -> None:
    told = story(rewards="[{id: r, when: {balance: 50}, free_days: 1}]")
    told.adjusted("debt", -debt)
    expected = f"Reward `r` comes at 50 points to spend: you have {figure}."
    assert expected in explained(told, paid("t1", 1_000, T0 + DAY))


CONSIDERED = [each for each in get_args(AnyStep) if not issubclass(each, PointsEvent)]


@pytest.mark.parametrize("step", CONSIDERED, ids=lambda step: step.__name__)
def test_a_step_that_is_not_told_something_says_nothing_of_it(step: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(step):
        if field.default_factory is not msgspec.NODEFAULT:
            assert not field.default_factory(), field.name
        elif field.default is not msgspec.NODEFAULT:
            assert not field.default or (step, field.default) == (LimitRead, "ever"), field.name


def test_in_the_highest_tier_nothing_is_missing_and_nothing_is_said_of_it() -> None:
    told = story(tiers="{levels: [{id: low}, {id: mid, at: 10}, {id: top, at: 90}]}")
    assert "You moved into `top`." in explained(told, paid("t1", 9_000))
    assert not [
        each for each in explained(told, paid("t2", 1_000)) if "count towards tiers" in each
    ]


def test_a_late_fact_says_how_many_others_were_decided_anew() -> None:
    told = story("- {id: pay, on: payment_succeeded, points: 60, cap: {points: 100, per: month}}")
    told.paid("t3", 100, T0 + 3 * HOUR)
    assert explained(told, paid("t2", 100, T0 + 2 * HOUR))[1] == (
        "It came late: another fact of those days was decided anew, with this one in its place."
    )
    assert explained(told, paid("t1", 100, T0 + HOUR)) == [
        "You paid 1.00 USD on 1 Dec 2025.",
        "It came late: 2 other facts of those days were decided anew, with this one in its place.",
        "Rule `pay` gives 60 points.",
        "No rule earns when the first payment succeeds.",
        "They become spendable at once and never expire.",
        (
            "Earlier facts were put in order (payment:t2:inv_t2 gives 40 points, not 60; "
            "payment:t3:inv_t3 gives 0 points, not 40): your points change by -60."
        ),
        "You can spend 100 points now.",
    ]


@pytest.mark.parametrize(
    ("points", "change"),
    [(0, "stay as they were"), (1, "change by +1"), (-1_200, "change by -1,200")],
)
def test_a_correction_says_by_how_much_the_points_change(points: int, change: str) -> None:
    told = story("- {id: pay, on: payment_succeeded, points: 60, cap: {points: 100, per: month}}")
    for number in (3, 2):
        told.paid(f"t{number}", 100, T0 + number * HOUR)
    correction = only(told.paid("t1", 100, T0), CorrectionApplied)
    [sentence] = event_told(replace(correction, points=points, detail="so"), Wording(None))
    assert sentence == f"Earlier facts were put in order (so): your points {change}."
