"""Where the thirteen acceptance tests are that the field has failed.

| number | what others get wrong | where |
|---|---|---|
| 1 | what is spent expires a second time | golden_lots |
| 2 | a refund undoes by today's rule, not by what was earned | golden_refunds |
| 3 | a refund after the points were spent: policy, tier and cap | golden_refunds |
| 4 | a cancelled redemption makes expired points live again | golden_refunds |
| 5 | the same events five times, in any order, some late | golden_earning, golden_order |
| 6 | two redemptions of the last points | golden_refunds |
| 7 | a reward and a tier at the same number of points | golden_refunds |
| 8 | ends of months, leap days, clock changes, week 53 | golden_lots |
| 9 | fractions of a point, and twelve months against one year | golden_earning |
| 10 | a deficit, and how it is filled | golden_lots |
| 11 | an edited tier threshold takes points | golden_tiers |
| 12 | an erased member changes other accounts | golden_partition |
| 13 | a killed process loses or doubles | golden_partition, and the chaos suite on real processes |
"""

import re
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).parent
ROW = re.compile(r"^\| (?P<number>\d+) \|.*\| (?P<where>[^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"^def test_(?P<number>\d+)_", re.MULTILINE)


def told() -> dict[int, set[str]]:
    """The files that the table above names for each number."""
    return {
        int(row["number"]): set(re.findall(r"golden_\w+", row["where"]))
        for row in ROW.finditer(__doc__ or "")
    }


def found() -> dict[int, set[str]]:
    """The files that have tests of each number."""
    tests: dict[int, set[str]] = {}
    for path in SCENARIOS.glob("test_golden_*.py"):
        for test in TEST.finditer(path.read_text("utf-8")):
            tests.setdefault(int(test["number"]), set()).add(path.stem.removeprefix("test_"))
    return tests


def test_all_thirteen_are_in_the_table() -> None:
    assert sorted(told()) == [*range(1, 14)]


@pytest.mark.parametrize("number", range(1, 14))
def test_each_is_where_the_table_says(number: int) -> None:
    assert found()[number] == told()[number]
