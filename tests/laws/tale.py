"""A difference as a story that people can read: the program, what happened, and the two answers."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from ruamel.yaml import YAML

from schemas.facts import AnyFact
from schemas.program.model import Program
from tests.laws.compare import Difference
from tests.laws.deliveries import in_order, lateness
from tests.oracle.book import Told

_HEAD = {"type", "id", "site", "customer", "occurred_at", "v"}


def tale(program: Program, history: list[AnyFact], found: Difference) -> str:
    return "\n".join(_lines(program, history, found))


def _lines(program: Program, history: list[AnyFact], found: Difference) -> Iterator[str]:
    zone = ZoneInfo(program.timezone)
    yield _yaml(program)
    if not in_order(history):
        yield "in the order of delivery:"
    for fact, late in zip(history[: found.place + 1], lateness(history), strict=False):
        yield f"  {_when(fact.occurred_at, zone)}  {fact.id}  {_rest(fact)}{_how_late(late)}"
    yield "\nof the last fact the fold says:"
    yield from (f"  {_told(each, zone)}" for each in found.folded)
    yield "and the oracle:"
    yield from (f"  {_told(each, zone)}" for each in found.expected)


def _yaml(program: Program) -> str:
    text = StringIO()
    YAML().dump(program.model_dump(mode="json", exclude_defaults=True), text)
    return text.getvalue()


def _when(at: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M:%S %z} ({at})"


def _how_late(late: int) -> str:
    return f"  ({timedelta(seconds=late)} late)" if late else ""


def _rest(fact: AnyFact) -> str:
    said = msgspec.to_builtins(fact)
    return ", ".join(f"{key} {value}" for key, value in said.items() if key not in _HEAD)


def _told(each: Any, zone: ZoneInfo) -> str:
    if not isinstance(each, Told):
        return str(each)
    said = ", ".join(f"{key} {value}" for key, value in each.detail.items())
    return f"{_when(each.at, zone)}  {each.kind}: {said}; figures {each.figures}"
