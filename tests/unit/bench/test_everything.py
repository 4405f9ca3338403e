"""The program of the benchmark that is to use every key does use every key."""

from collections.abc import Iterable
from typing import Any

from schemas.program.load import load_program
from schemas.program.parts import Part
from tests.bench.program import EVERYTHING

EXCLUDED = {"Program.version", "Program.retired", "Tiers.currency"}
"""Given by publishing; would let nothing earn; is for the other basis of tiers."""


def parts(value: Any) -> Iterable[Part]:
    """A part and all that it is made of."""
    if isinstance(value, Part):
        yield value
        for name in type(value).model_fields:
            yield from parts(getattr(value, name))
    elif isinstance(value, tuple):
        for each in value:
            yield from parts(each)


def test_every_key_of_every_part_is_written_somewhere() -> None:
    written: dict[type[Part], set[str]] = {}
    for part in parts(load_program(EVERYTHING.read_text("utf-8"))):
        written.setdefault(type(part), set()).update(part.model_fields_set)

    absent = {
        f"{part.__name__}.{name}"
        for part, names in written.items()
        for name in part.model_fields.keys() - names
    }

    assert absent == EXCLUDED
