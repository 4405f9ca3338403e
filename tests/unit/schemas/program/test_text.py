"""A program written back as YAML says the same."""

import json
from pathlib import Path

import pytest

from schemas.program.load import load_program
from schemas.program.model import Program
from schemas.program.text import to_yaml

ROOT = Path(__file__).parents[4]
COMPLETE = ROOT / "schemas/examples/loyalty.programs.v1/Program/v1/complete.json"
SAMPLES = [
    *sorted((ROOT / "deploy/programs").glob("*.yaml")),
    ROOT / "tests/scenarios/years/club.yaml",
    ROOT / "tests/bench/everything.yaml",
]


def given_by_nobody(program: Program) -> Program:
    return program.model_copy(update={"version": 0, "effective_from": None})


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_program_read_again_is_the_same(path: Path) -> None:
    program = load_program(path.read_text(encoding="utf-8"))
    assert load_program(to_yaml(program)) == given_by_nobody(program)


def test_a_program_with_every_key_read_again_is_the_same() -> None:
    program = Program.model_validate(json.loads(COMPLETE.read_text()))
    assert load_program(to_yaml(program)) == given_by_nobody(program)


def test_it_reads_as_people_write() -> None:
    text = to_yaml(load_program(SAMPLES[0].read_text(encoding="utf-8")))
    assert "  - {id: welcome, on: subscription_created, points: 200}\n" in text
    assert "version" not in text
    assert max(map(len, text.splitlines())) < 100
