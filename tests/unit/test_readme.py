"""What the README shows is true without running anything heavy."""

import re

from schemas.program.load import load_program
from tests.support.readme import README, blocks


def test_its_program_can_be_published() -> None:
    [program] = [block.text for block in blocks() if block.kind == "yaml"]
    assert load_program(program).rewards


def test_it_names_only_make_targets_that_exist() -> None:
    makefile = (README.parent / "Makefile").read_text()
    named = set(re.findall(r"make ([a-z-]+)", README.read_text()))
    assert named >= {"demo", "setup", "chaos", "bench"}
    assert [name for name in named if f"\n{name}: " not in makefile] == []


def test_it_names_only_files_that_exist() -> None:
    named = re.findall(r"`((?:deploy|schemas|tests)/[\w./-]+)`", README.read_text())
    assert [name for name in named if not (README.parent / name).exists()] == []
