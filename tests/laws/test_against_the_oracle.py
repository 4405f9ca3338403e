"""The fold and an oracle written from the rules alone agree on every event, lot and figure."""

import pytest

from tests.laws.compare import difference
from tests.laws.run import Case
from tests.laws.shrink import shrink
from tests.laws.tale import tale

SAMPLES = 12
HISTORIES = 50


@pytest.mark.parametrize("sample", range(SAMPLES))
def test_fold_and_oracle_agree_on_random_histories(sample: int) -> None:
    """`make test-laws` tells far more of them."""
    for number in range(sample * HISTORIES, (sample + 1) * HISTORIES):
        program, history = Case(0, number).draw()
        if difference(program, history) is not None:
            program, history = shrink(program, history)
            found = difference(program, history)
            assert found is not None
            pytest.fail(tale(program, history, found))
