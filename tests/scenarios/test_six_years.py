"""Six customers' years under a program that uses everything: every event, worked out by hand.

Each year is a text of its own beside `years/club.yaml`: what happens, why it gives what it gives,
and each event with the figures after it. `tests/support/golden.py` says how to read them.
"""

from typing import get_args

import pytest

from schemas.points import AnyPointsEvent, CorrectionApplied, PointsEarned
from schemas.program.load import load_program
from tests.support.golden import difference, tell
from tests.support.program_keys import program_keys, written_in
from tests.support.six_years import CUSTOMERS, PROGRAM, YEARS, golden, told


@pytest.fixture(scope="module")
def events() -> list[AnyPointsEvent]:
    return [event for customer in CUSTOMERS for event in told(customer).teller.story.events]


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_the_year_went_as_it_was_worked_out_by_hand(customer: str) -> None:
    differs = difference(golden(customer), told(customer).lines)
    assert not differs, f"{customer}.txt and the engine differ:\n{differs}"


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_the_year_told_again_backwards_changes_nothing(customer: str) -> None:
    again = tell(PROGRAM, golden(customer)).teller
    for fact in reversed(again.facts):
        assert again.story.tell(fact) == []
    assert again.story.account.ledger == told(customer).teller.story.account.ledger


def test_every_year_is_told() -> None:
    assert sorted(path.stem for path in YEARS.glob("*.txt")) == sorted(CUSTOMERS)


def test_the_years_show_every_rule_multiplier_level_and_reward_of_the_program(
    events: list[AnyPointsEvent],
) -> None:
    program = load_program(PROGRAM)
    earned = [event for event in events if isinstance(event, PointsEarned)]
    assert program.tiers is not None
    assert {event.rule for event in earned} == {rule.id for rule in program.earn}
    assert {each.id for event in earned for each in event.multipliers} == {
        *(each.id for each in program.multipliers),
        *(level.id for level in program.tiers.levels[1:]),
    }
    assert {getattr(event, "reward", None) for event in events} == {
        None,
        *(reward.id for reward in program.rewards),
    }


def test_the_program_is_written_with_every_key_there_is() -> None:
    """But what only another can say: money as a basis, an end, and the other of two forms."""
    assert program_keys() - written_in(PROGRAM) == {
        "version",
        "retired",
        "tiers.currency",
        *(
            f"rewards.{kind}.{key}"
            for kind in ("gift_card", "charity")
            for key in ("webhook", "payload")
        ),
        "rewards.gift_card.campaign",
        "rewards.charity.products",
    }


def test_the_years_show_every_kind_of_event(events: list[AnyPointsEvent]) -> None:
    """But a correction, which nobody needs whose facts come in their order."""
    kinds = set(get_args(AnyPointsEvent)) - {CorrectionApplied}
    assert {type(event) for event in events} == kinds
