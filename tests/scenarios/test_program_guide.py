"""Every example of the merchant's guide does what the guide says, and it names every key."""

import pytest

from schemas.program.load import load_program
from schemas.program.names import FIELDS
from tests.support.guide import Example, Telling, examples, keys_of, named_in
from tests.support.program_keys import program_words

EXAMPLES = examples()
SECTIONS = {
    "points": "Points",
    "expiry": "Pending points and expiry",
    "earn": "Earning rules",
    "multipliers": "Multipliers",
    "tiers": "Tiers",
    "refunds": "Refunds",
    "rewards": "Rewards",
}
"""Where the keys within a key of the head are explained."""
READABLE = [f"{root}.{field}" for root, fields in FIELDS.items() for field in fields]


def test_the_guide_has_examples() -> None:
    assert len(EXAMPLES) >= 20
    assert all(example.rows for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.heading)
def test_the_example_does_what_the_guide_says(example: Example) -> None:
    load_program(example.whole_program)
    telling = Telling(example)
    assert [telling.tell(row) for row in example.rows] == example.rows


@pytest.mark.parametrize(("path", "word"), program_words(), ids=str)
def test_the_guide_names_each_key_where_it_belongs_and_each_value_to_choose(
    path: str, word: str
) -> None:
    top, _, below = path.partition(".")
    if word != path.rpartition(".")[2]:
        assert word in named_in(*SECTIONS.values(), "The head")
    else:
        assert word in named_in(SECTIONS[top] if below else "The head")


@pytest.mark.parametrize("field", READABLE)
def test_the_guide_names_all_that_conditions_and_formulas_read(field: str) -> None:
    assert field in named_in("What conditions and formulas read")


def test_no_key_of_the_guides_tables_is_unknown_to_the_model() -> None:
    known = {word for _, word in program_words()}
    told = {word for section in ("The head", *SECTIONS.values()) for word in keys_of(section)}
    assert told <= known
