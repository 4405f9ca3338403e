"""The smallest history and program that still differ, found by leaving things out."""

from collections.abc import Iterator

from pydantic import ValidationError

from schemas.facts import AnyFact
from schemas.program.model import Program
from tests.laws.compare import difference
from tests.laws.histories import canonical

LISTS = ("earn", "multipliers", "rewards", "plan_ranking")
WHOLE = ("expiry", "tiers", "points", "refunds", "timezone", "stack")


def shrink(program: Program, history: list[AnyFact]) -> tuple[Program, list[AnyFact]]:
    """Leave out facts, halves first, then parts of the program, until nothing more can go."""
    while True:
        fewer = _fewer_facts(program, history)
        simpler = _simpler_program(program, fewer)
        if len(fewer) == len(history) and simpler == program:
            return program, history
        program, history = simpler, fewer


def _fewer_facts(program: Program, history: list[AnyFact]) -> list[AnyFact]:
    found = difference(program, history)
    if found is not None:
        history = history[: found.place + 1]
    size = max(1, len(history) // 2)
    while True:
        start = 0
        while start < len(history):
            without = history[:start] + history[start + size :]
            if in_order(without) and difference(program, without) is not None:
                history = without
            else:
                start += size
        if size == 1:
            return history
        size //= 2


def in_order(history: list[AnyFact]) -> bool:
    """Whether facts come as they happened, but for those that are told again."""
    firsts = list({fact.id: fact for fact in reversed(history)}.values())[::-1]
    return bool(history) and firsts == canonical(firsts)


def _simpler_program(program: Program, history: list[AnyFact]) -> Program:
    for simpler in _simpler(program):
        if difference(simpler, history) is not None:
            return _simpler_program(simpler, history)
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
