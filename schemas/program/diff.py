"""What one version of a program says differently from another, and what it does. PURE."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from schemas.program.model import Program
from schemas.program.rewards import RewardRule
from schemas.program.rules import EarnRule, Multiplier
from schemas.program.tiers import Level, Tiers
from schemas.program.words import Sentence, describe, level_words

Kind = Literal["added", "removed", "changed", "moved"]
Rule = EarnRule | Multiplier | RewardRule


class Key(NamedTuple):
    """One key within a changed part, as the program writes it; None where it is absent."""

    path: str
    before: Any
    after: Any


class Change(NamedTuple):
    """`part` is as in `words.describe`, or "setting" with the key as `id`; `before` and `after`
    are sentences, empty where the part is not there. `keys` say exactly what differs.
    """

    kind: Kind
    part: str
    id: str
    before: str
    after: str
    keys: tuple[Key, ...] = ()


class Diff(NamedTuple):
    """`effects` are sentences on what publishing `after` over `before` does to accounts."""

    changes: tuple[Change, ...]
    effects: tuple[str, ...]


def diff(before: Program, after: Program) -> Diff:
    """What differs; the number of the version does not count."""
    changes = tuple(_changes(before, after))
    return Diff(changes, tuple(_effects(before, after)) if changes else ())


def _changes(before: Program, after: Program) -> Iterator[Change]:
    yield from _settings(before, after)
    for part, field in (("earn", "earn"), ("multiplier", "multipliers"), ("reward", "rewards")):
        said = _said(before, part), _said(after, part)
        yield from _parts(part, _by_id(getattr(before, field)), _by_id(getattr(after, field)), said)
    levels = _by_id(_levels(before)), _by_id(_levels(after))
    yield from _parts("tier", *levels, (_level_words(before), _level_words(after)))


def _parts(
    part: str,
    before: Mapping[str, Rule | Level],
    after: Mapping[str, Rule | Level],
    said: tuple[Mapping[str, str], Mapping[str, str]],
) -> Iterator[Change]:
    """`said` holds the sentences of both, by id."""
    for name in before:
        if name not in after:
            yield Change("removed", part, name, said[0][name], "")
    for name, rule in after.items():
        old = before.get(name)
        if old is None:
            yield Change("added", part, name, "", said[1][name])
        elif old != rule:
            keys = tuple(_keys(_plain(old), _plain(rule)))
            yield Change("changed", part, name, said[0][name], said[1][name], keys)
    stayed = [name for name in before if name in after], [name for name in after if name in before]
    if stayed[0] != stayed[1]:
        yield Change("moved", part, "", ", ".join(stayed[0]), ", ".join(stayed[1]))


def _settings(before: Program, after: Program) -> Iterator[Change]:
    """Everything but rules, multipliers, rewards and levels, by its key."""
    for key in _keys(_own(before), _own(after)):
        yield Change(
            "changed", "setting", key.path, value_words(key.before), value_words(key.after), (key,)
        )


def _own(program: Program) -> dict[str, Any]:
    document = program.document()
    for field in ("version", "earn", "multipliers", "rewards"):
        del document[field]
    if document["tiers"] is not None:
        del document["tiers"]["levels"]
    return document


def _keys(before: Any, after: Any, path: str = "") -> Iterator[Key]:
    """The leaves that differ. A part that is absent on one side is told leaf by leaf."""
    if isinstance(before, dict) or isinstance(after, dict):
        old, new = before or {}, after or {}
        if isinstance(old, dict) and isinstance(new, dict):
            for name in dict.fromkeys((*old, *new)):
                inner = f"{path}.{name}" if path else name
                yield from _keys(old.get(name), new.get(name), inner)
            return
    if before != after:
        yield Key(path, before, after)


def value_words(value: Any) -> str:
    """A key's value as people write it, empty for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _plain(part: Rule | Level) -> dict[str, Any]:
    return part.model_dump(mode="json")


def _by_id(parts: Sequence[Rule | Level]) -> dict[str, Rule | Level]:
    return {part.id: part for part in parts}


def _said(program: Program, part: str) -> dict[str, str]:
    sentences: list[Sentence] = describe(program)
    return {name: sentence for kind, name, sentence in sentences if kind == part and name}


def _levels(program: Program) -> tuple[Level, ...]:
    return program.tiers.levels if program.tiers else ()


def _level_words(program: Program) -> dict[str, str]:
    tiers, name = program.tiers, program.points.name
    return {each.id: level_words(each, tiers, name) for each in tiers.levels} if tiers else {}


def _effects(before: Program, after: Program) -> Iterator[str]:
    name = after.points.name
    start = (
        f"from {after.effective_from:%Y-%m-%d %H:%M} on" if after.effective_from else "from now on"
    )
    yield (
        f"It applies to what happens {start} ({after.timezone}). Nobody loses {name}: what was "
        "earned keeps its dates, and a refund undoes what was earned, not what would be."
    )
    if after.retired and not before.retired:
        yield f"Nothing earns any more; {name} live on by their dates, tiers stay, refunds work."
        return
    if before.tiers is None and after.tiers is not None:
        yield "Customers are placed in tiers when they next earn or pay."
    elif before.tiers is not None and after.tiers is None:
        yield "Tiers stay as they are, and neither multiply nor change any more."
    elif before.tiers is not None and after.tiers is not None:
        yield from _tier_effects(before.tiers, after.tiers)


def _tier_effects(before: Tiers, after: Tiers) -> Iterator[str]:
    levels = {each.id: each for each in after.levels}
    for level in before.levels:
        if level.id not in levels:
            yield f"Who is in {level.id} is placed by what counts when they next earn or pay."
        elif levels[level.id].at > level.at:
            lost = _first_loss(after)
            yield f"Who is in {level.id} keeps it{lost}; who is not needs more to reach it."
        elif levels[level.id].at < level.at:
            yield f"Who reaches {level.id} only now rises when they next earn or pay."
    if (before.basis, before.currency, before.window) != (
        after.basis,
        after.currency,
        after.window,
    ):
        yield (
            "What counts is answered anew from what is kept of the last two years; a tier that is "
            f"no longer supported stays{_first_loss(after)}."
        )


def _first_loss(tiers: Tiers) -> str:
    if tiers.window == "lifetime" or tiers.downgrade == "never":
        return ", for no review takes it away"
    return " until its next review"
