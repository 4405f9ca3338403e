"""Every example of the merchant's guide does what the guide says."""

import pytest

from schemas.program.load import load_program
from tests.support.guide import Example, Telling, examples

EXAMPLES = examples()


def test_the_guide_has_examples() -> None:
    assert len(EXAMPLES) >= 20
    assert all(example.rows for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.heading)
def test_the_example_does_what_the_guide_says(example: Example) -> None:
    load_program(example.whole_program)
    telling = Telling(example)
    assert [telling.tell(row) for row in example.rows] == example.rows
