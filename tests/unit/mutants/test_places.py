"""Which mistakes are put into the fold, which are not, and that a draw is fair and repeatable."""

from pathlib import Path

import pytest

from tests.mutants.draw import draw
from tests.mutants.places import FOLD, Mutant, places

SOURCE = '''"""A module."""

from functools import lru_cache

LIMIT = 7


@lru_cache(maxsize=16)
def sure(known: int | None, *, exact: bool = False) -> int | None:
    assert known is None or known > 1, "never"
    if not known:
        return None
    if known < LIMIT and exact:
        return known + LIMIT
    return known if known is LIMIT else 0
'''


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "module.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def test_each_place_and_family_stands_once_with_all_its_mistakes(module: Path) -> None:
    told = {(group[0].line, group[0].family): len(group) for group in places(module)}

    assert told == {
        (5, "core/NumberReplacer"): 2,
        (9, "core/ReplaceFalseWithTrue"): 1,
        (11, "core/ReplaceUnaryOperator"): 1,
        (13, "core/AddNot"): 1,
        (13, "core/ReplaceAndWithOr"): 1,
        (13, "core/ReplaceComparisonOperator"): 5,
        (14, "core/ReplaceBinaryOperator"): 6,
        (15, "core/ReplaceComparisonOperator"): 1,
        (15, "core/NumberReplacer"): 1,
    }


def test_a_mutant_says_what_goes_and_what_comes_and_touches_no_file(module: Path) -> None:
    mutant = next(each for [each, *_] in places(module) if each.line == 13)

    assert mutant.diff() == [
        "-    if known < LIMIT and exact:",
        "+    if not known < LIMIT and exact:",
    ]
    assert module.read_text(encoding="utf-8") == SOURCE


def test_a_number_is_taken_for_its_neighbours_but_for_none_below_zero(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("first, last, less = 0, -1, 3 - 1\n", encoding="utf-8")
    changed = [
        each.source().split("=")[1].replace(" ", "").strip()
        for group in places(module)
        for each in group
        if each.family == "core/NumberReplacer"
    ]

    assert sorted(changed) == [
        "0,-0,3-1",
        "0,-1,2-1",
        "0,-1,3-0",
        "0,-1,3-2",
        "0,-1,4-1",
        "1,-1,3-1",
    ]


def test_a_draw_is_repeatable_and_of_each_place_one() -> None:
    groups = places(FOLD / "tiers.py")
    once = draw(groups, 40, seed=1)

    assert once == draw(groups, 40, seed=1) != draw(groups, 40, seed=2)
    assert len({(each.line, each.column, each.family) for each in once}) == 40
    assert len(draw(groups, 10**6, seed=1)) == len(groups)


def test_wording_is_drawn_half_as_often() -> None:
    wording, points = (
        [[Mutant(FOLD / file, line, 0, "core/AddNot", 0)] for line in range(2_000)]
        for file in ("explanation/steps.py", "tiers.py")
    )
    drawn = draw([*wording, *points], 600, seed=1)

    assert 160 <= sum("explanation" in each.path for each in drawn) <= 240


def test_how_much_a_cache_holds_is_left_alone(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    text = "_REMEMBERED: Final = 4\nif len(kept) >= _REMEMBERED:\n    kept.clear()\n"
    module.write_text(text, encoding="utf-8")

    assert places(module) == []
