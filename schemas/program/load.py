"""A program's YAML text to a Program, or every mistake in it with its place and remedy. PURE."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schemas.program.expressions import ExpressionError
from schemas.program.model import Program
from schemas.program.rewards import OrderGrant, RewardRule, WebhookGrant
from schemas.program.rules import EarnRule, PerAmount, PerQuantity

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
MAX_PROBLEMS = 50

Path = tuple[str | int, ...]

EXAMPLES: Mapping[str, str] = {
    "program": "program: spikes",
    "site": "site: acme-test",
    "earn": "earn: [{id: welcome, on: subscription_created, points: 500}]",
    "id": "id: welcome",
    "on": "on: payment_succeeded",
    "points": 'points: 500, or points: {per: {USD: "1.00"}}',
    "per": 'per: {USD: "1.00"}',
    "per_quantity": "per_quantity: 10",
    "after": "after: P12M",
    "within": "within: P30D",
    "factor": 'factor: "2"',
    "levels": "levels: [{id: seedling}, {id: saguaro, at: 2000}]",
    "when": "when: {balance: 1000}",
    "via": "via: promotional_credit",
    "price": "price: support-monthly",
    "webhook": "webhook: trees",
    "rule": 'rule: "FREQ=WEEKLY;BYDAY=SA,SU"',
    "start": "start: 2026-11-28T00:00",
    "duration": "duration: P1D",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `path` is such as `earn[1].points.per.USD`; line and column count from 1."""

    path: str
    line: int
    column: int
    message: str


class ProgramRefusedError(ValueError):
    """The text is no program; `problems` says all that is wrong with it, in the text's order."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(
            "\n".join(f"{each.path or 'program'}: {each.message}" for each in problems)
        )


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where something stands; `inner` is the column of its first character within quotes."""

    line: int
    column: int
    inner: int


def load_program(text: str) -> Program:
    """Raises `ProgramRefusedError`."""
    document = _Document(text)
    if not document.problems:
        try:
            return Program.model_validate(document.data)
        except ValidationError as error:
            document.problems += _explain_all(error, document)
    found = sorted(set(document.problems), key=lambda each: (each.line, each.column, each.message))
    raise ProgramRefusedError(found[:MAX_PROBLEMS])


class _Document:
    """YAML as plain data, with the place of every value; timestamps stay the text they are.

    Problems of the YAML itself are collected: broken syntax, repeated keys, aliases, tags.
    """

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self.marks: dict[Path, _Mark] = {(): _Mark(1, 1, 1)}
        self.key_marks: dict[Path, _Mark] = {}
        self.written: dict[Path, str] = {}
        self.data: Any = None
        if len(text.encode()) > MAX_BYTES:
            self._report((), _Mark(1, 1, 1), f"the program is longer than {MAX_BYTES} bytes")
            return
        try:
            if self._is_plain(text):
                node = YAML(typ="safe", pure=True).compose(text)
                self.data = None if node is None else self._read(node, ())
        except MarkedYAMLError as error:
            at = error.problem_mark or error.context_mark
            mark = _Mark(1, 1, 1) if at is None else _Mark(at.line + 1, at.column + 1, 1)
            self._report((), mark, f"this is not YAML: {error.problem or error.context}")
        except YAMLError as error:
            self._report((), _Mark(1, 1, 1), f"this is not YAML: {error}")
        if not self.problems and not isinstance(self.data, dict):
            self._report(
                (), _Mark(1, 1, 1), "a program is a map of keys: start with program: spikes"
            )

    def mark(self, path: Path) -> _Mark:
        """Of the value, or of the nearest part around it."""
        while path not in self.marks:
            path = path[:-1]
        return self.marks[path]

    def _report(self, path: Path, mark: _Mark, message: str) -> None:
        self.problems.append(Problem(path_text(path), mark.line, mark.column, message))

    def _is_plain(self, text: str) -> bool:
        """Refuse aliases, which can grow without bound, and deep nesting, before building."""
        depth = 0
        for event in YAML(typ="safe", pure=True).parse(text):
            mark = _Mark(event.start_mark.line + 1, event.start_mark.column + 1, 1)
            depth += isinstance(event, CollectionStartEvent)
            depth -= isinstance(event, CollectionEndEvent)
            if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
                self._report((), mark, "anchors and aliases are not read here: write it out")
                return False
            if depth > MAX_DEPTH:
                self._report((), mark, f"nested more than {MAX_DEPTH} deep")
                return False
        return True

    def _read(self, node: Node, path: Path) -> Any:
        quoted = isinstance(node, ScalarNode) and node.style in ("'", '"')
        column = node.start_mark.column + 1
        block = isinstance(node, ScalarNode) and node.style in ("|", ">")
        self.marks[path] = _Mark(
            node.start_mark.line + 1, column, 0 if block else column + int(quoted)
        )
        if isinstance(node, MappingNode):
            return self._read_map(node, path)
        if isinstance(node, SequenceNode):
            return [self._read(each, (*path, index)) for index, each in enumerate(node.value)]
        self.written[path] = node.value
        assert isinstance(node, ScalarNode)
        return self._scalar(node, path)

    def _read_map(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, ScalarNode) else ""
            mark = _Mark(key_node.start_mark.line + 1, key_node.start_mark.column + 1, 1)
            if not key or key == "<<":
                self._report(path, mark, "a key must be a plain word")
            elif key in result:
                self._report((*path, key), mark, f'the key "{key}" stands here twice: keep one')
            else:
                self.key_marks[*path, key] = mark
                result[key] = self._read(value_node, (*path, key))
        return result

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        tag = str(node.tag).removeprefix("tag:yaml.org,2002:")
        text: str = node.value
        match tag:
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if re.fullmatch(r"[-+]?\d{1,18}", text):
                return int(text)
            case "float" if re.fullmatch(r"[-+]?\d{1,18}\.\d{1,18}", text):
                return float(text)
            case "str" | "timestamp" | "int" | "float":
                return text
            case _:
                self._report(path, self.marks[path], f'tags such as "{node.tag}" are not read here')
                return None


def path_text(path: Path) -> str:
    """`("earn", 1, "points")` as people write it: `earn[1].points`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _explain_all(error: ValidationError, document: _Document) -> Iterator[Problem]:
    for each in error.errors(include_url=False):
        path = _real_path(each["loc"], document.data)
        path += tuple(each.get("ctx", {}).get("within", ()))
        if each["type"] == "too_short" and each["input"]:
            continue  # its parts are wrong, and said to be so on their own
        mark = document.mark(path)
        column = mark.column
        if each["type"] == "extra_forbidden":
            mark = document.key_marks.get(path, mark)
            column = mark.column
        cause = each.get("ctx", {}).get("error")
        if isinstance(cause, ExpressionError) and cause.column and mark.inner:
            column = mark.inner + cause.column - 1
        yield Problem(path_text(path), mark.line, column, _message(dict(each), path, document))


def _real_path(location: tuple[str | int, ...], data: Any) -> Path:
    """Pydantic's location without the names of union members, which are no part of the text."""
    path: list[str | int] = []
    for part in location:
        if isinstance(data, dict) and part not in data and part != location[-1]:
            continue
        if not isinstance(data, dict | list) and path:
            continue
        path.append(part)
        if isinstance(data, dict):
            data = data.get(str(part))
        elif isinstance(data, list):
            data = data[part] if isinstance(part, int) and part < len(data) else None
    return tuple(path)


def _message(error: dict[str, Any], path: Path, document: _Document) -> str:
    key = str(path[-1]) if path else ""
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return f'the key "{key}" is missing; write for example {EXAMPLES.get(key, key + ": …")}'
        case "extra_forbidden":
            return _unknown_key(key, _known_keys(path, document.data))
        case "literal_error":
            return _unknown_value(error["input"], re.findall(r"'([^']*)'", context["expected"]))
        case "string_type":
            return _want_text(path, document)
        case "string_pattern_mismatch":
            return (
                f'"{error["input"]}" cannot be a name here; write lower-case letters, digits and '
                'hyphens, such as "black-friday"'
            )
        case kind:
            return _plain_type(kind, context, error)


def _plain_type(kind: str, context: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    if kind == "value_error":
        return str(context["error"])
    wanted = {
        "int": "write a whole number without quotes, such as 500",
        "bool": "write true or false",
        "datetime": 'write a local date and time, such as "2026-11-27T00:00"',
        "model": "write a map of keys here: {key: value}",
        "dict": "write a map of keys here: {key: value}",
        "tuple": "write a list here: [one, two]",
        "greater": f"write {context.get('ge')} or more",
        "less": f"write {context.get('le')} or less",
    }.get(kind.split("_", maxsplit=1)[0])
    if kind.endswith("too_short"):
        wanted = "this is empty; write something or leave the key out"
    if kind.endswith("too_long"):
        wanted = f"this is too long; at most {context['max_length']}"
    return wanted or str(error["msg"])


def _want_text(path: Path, document: _Document) -> str:
    written = document.written.get(path)
    if written:
        return f'write this in quotes, so that no digit is lost: "{written}"'
    return "write a text here"


def _unknown_key(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return f'there is no key "{key}" here; {hint}'


def _unknown_value(value: Any, known: list[str]) -> str:
    close = get_close_matches(str(value), known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    return f'"{value}" is not known here; {hint}write one of {", ".join(known)}'


def _known_keys(path: Path, data: Any) -> list[str]:
    """What may stand beside the unknown key at `path`."""
    part: type[BaseModel] = Program
    for key in path[:-1]:
        data = _child(data, key)
        if isinstance(key, int):
            continue
        if part is EarnRule and key == "points":
            part = PerQuantity if isinstance(data, dict) and "per_quantity" in data else PerAmount
            continue
        if part is RewardRule and key in ("gift_card", "charity"):
            part = OrderGrant if isinstance(data, dict) and "via" in data else WebhookGrant
            continue
        field = next(
            field for name, field in part.model_fields.items() if key in (name, field.alias)
        )
        part = next(_parts_of(field.annotation), part)
    return [field.alias or name for name, field in part.model_fields.items() if name != "version"]


def _child(data: Any, key: str | int) -> Any:
    try:
        return data[key]
    except (KeyError, IndexError, TypeError):
        return None


def _parts_of(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts_of(argument)
