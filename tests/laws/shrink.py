"""The smallest history and program that still differ, found by leaving things out."""

from collections.abc import Callable, Iterator

from pydantic import ValidationError

from schemas.facts import AnyFact
from schemas.program.model import Program
from tests.laws.compare import Difference, difference
from tests.laws.deliveries import in_order, lateness, within_reach

Differs = Callable[[Program, list[AnyFact]], Difference | None]
"""How a program and a history are found to differ."""

LISTS = ("earn", "multipliers", "rewards", "plan_ranking")
WHOLE = ("expiry", "tiers", "points", "refunds", "timezone", "stack")


def shrink(
    program: Program, history: list[AnyFact], differs: Differs = difference
) -> tuple[Program, list[AnyFact]]:
    """Leave out facts, halves first, let late ones come less late, and leave out parts of the
    program, until nothing more can go.
    """
    while True:
        fewer = _earlier_facts(program, _fewer_facts(program, history, differs), differs)
        simpler = _simpler_program(program, fewer, differs)
        if fewer == history and simpler == program:
            return program, history
        program, history = simpler, fewer


def _fewer_facts(program: Program, history: list[AnyFact], differs: Differs) -> list[AnyFact]:
    found = differs(program, history)
    if found is not None:
        history = history[: found.place + 1]
    holds = in_order if in_order(history) else within_reach
    size = max(1, len(history) // 2)
    while True:
        start = 0
        while start < len(history):
            without = history[:start] + history[start + size :]
            if without and holds(without) and differs(program, without) is not None:
                history = without
            else:
                start += size
        if size == 1:
            return history
        size //= 2


def _earlier_facts(program: Program, history: list[AnyFact], differs: Differs) -> list[AnyFact]:
    """Let late facts come earlier, one place at a time, as long as the two still differ."""
    place = 1
    while place < len(history):
        sooner = [*history]
        sooner[place - 1 : place + 1] = history[place], history[place - 1]
        if lateness(history)[place] and differs(program, sooner) is not None:
            history, place = sooner, max(1, place - 1)
        else:
            place += 1
    return history


def _simpler_program(program: Program, history: list[AnyFact], differs: Differs) -> Program:
    for simpler in _simpler(program):
        if differs(simpler, history) is not None:
            return _simpler_program(simpler, history, differs)
    return program


def _simpler(program: Program) -> Iterator[Program]:
    document = program.model_dump(mode="json", exclude_defaults=True)
    changed = [
        {**document, key: document[key][:index] + document[key][index + 1 :]}
        for key in LISTS
        for index in range(len(document.get(key, ())))
    ]
    changed += [{**document, key: None} for key in WHOLE if key in document]
    for key in ("earn", "rewards", "multipliers"):
        for index, part in enumerate(document.get(key, ())):
            for name in part:
                smaller = {each: value for each, value in part.items() if each != name}
                parts = [*document[key]]
                parts[index] = smaller
                changed.append({**document, key: parts})
    for each in changed:
        kept = {key: value for key, value in each.items() if value is not None}
        try:
            yield Program.model_validate(kept)
        except ValidationError:
            continue
