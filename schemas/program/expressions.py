"""Conditions and formulas in CEL: checked once when a program is read, then evaluated fast. PURE.

A mistake in the text is an `ExpressionError`; what goes wrong on one fact is a `Failed` value that
says why, never an exception. CEL does not mix whole numbers and decimals: write `double(x) * 1.5`.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from itertools import islice, pairwise, product
from typing import Any, Literal

import cel

from schemas.program.names import (
    FIELDS,
    MISSING,
    Given,
    Missing,
    Scalar,
    known_for,
    read_event,
    samples,
)

MAX_LENGTH = 2000
MAX_LOOPS = 2
MAX_POINTS = 10**12
MAX_TRIALS = 256
MEMORY = 1024
"""Results remembered per expression: it is pure, and most facts ask what an earlier one did."""

FUNCTIONS = frozenset(
    {"size", "startsWith", "endsWith", "contains", "matches", "int", "double", "string"}
)
_LOOPS = frozenset({"all", "exists", "exists_one", "map", "filter"})
_WORDS = frozenset({"true", "false", "null", "in"})
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)"""
    r"""|(?P<string>[rR]?(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<number>\d[\w.]*)|(?P<sign>.)""",
    re.DOTALL,
)
_WHERE = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*)")
_OPERATOR = re.compile(r"\W")

FailedReason = Literal["property_missing", "expression_failed", "wrong_result"]


class ExpressionError(ValueError):
    """The text is no usable expression; `column` is where in it, from 1, or 0 for all of it."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True, slots=True)
class Failed:
    """The expression has no value for this fact: a short code, and a sentence for people."""

    reason: FailedReason
    detail: str


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


@dataclass(frozen=True, slots=True)
class _Name:
    """One field that an expression reads."""

    root: str
    field: str


class _Expression:
    """Compiled CEL that reads only the fields it names, and remembers results by their values."""

    def __init__(self, text: str, triggers: Iterable[str] = ()) -> None:
        """`triggers`: those it will be evaluated under, none for any. Raises `ExpressionError`."""
        self.text = text
        self.names = _check_names(text, frozenset(triggers))
        self.roots = frozenset(name.root for name in self.names)
        self._program = _compile(text)
        self._readers = tuple(
            read_event(name.field) if name.root == "event" else FIELDS[name.root][name.field].read
            for name in self.names
        )
        # typed: 1, 1.0 and true are equal to Python and different to CEL.
        self._value = lru_cache(maxsize=MEMORY, typed=True)(self._execute)

    def _evaluate(self, given: Given) -> Any:
        return self._value(*[read(given) for read in self._readers])

    def values(self, given: Given) -> dict[str, Scalar | Missing]:
        """What each name stands for here: why a condition held or not."""
        return {
            f"{name.root}.{name.field}": read(given)
            for name, read in zip(self.names, self._readers, strict=True)
        }

    def _execute(self, *values: Scalar | Missing) -> Any:
        context: dict[str, dict[str, Any]] = {name.root: {} for name in self.names}
        for name, value in zip(self.names, values, strict=True):
            if value is not MISSING:
                context[name.root][name.field] = list(value) if type(value) is tuple else value
        try:
            return self._program.execute(context)
        except KeyError as error:
            return self._missing(str(error.args[0]))
        except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
            return Failed("expression_failed", f"{self.text}: {_first_sentence(error)}")

    def _missing(self, field: str) -> Failed:
        full = [f"{name.root}.{name.field}" for name in self.names if name.field == field]
        named = " or ".join(full) or field
        return Failed("property_missing", f"{self.text}: {named} is not known for this fact")

    def _trials(self) -> Iterator[Any]:
        """Results on sample values. A property may hold anything, so every kind is tried."""
        kinds = [
            samples("any" if name.root == "event" else FIELDS[name.root][name.field].kind)
            for name in self.names
        ]
        for values in islice(product(*kinds), MAX_TRIALS):
            yield self._execute(*values)


class Condition(_Expression):
    """An expression that holds or does not."""

    def __init__(self, text: str, triggers: Iterable[str] = ()) -> None:
        """Raises `ExpressionError`; see `_Expression` for `triggers`."""
        super().__init__(text, triggers)
        _check_trials(self._trials(), self._settle, "a condition must be true or false")

    def holds(self, given: Given) -> bool | Failed:
        return self._settle(self._evaluate(given))

    def decisive(self, given: Given) -> "Condition":
        """Of `a && b` the first part that does not hold here, else the whole condition."""
        if self.holds(given) is True:
            return self
        texts = _conjuncts(self.text)
        parts = [_part(text) for text in texts] if len(texts) > 1 else []
        unmet = (part for part in parts if part is not None and part.holds(given) is not True)
        return next(unmet, self)

    def _settle(self, value: Any) -> bool | Failed:
        if isinstance(value, bool | Failed):
            return value
        return Failed("wrong_result", f"{self.text} gave {_describe(value)}, not true or false")


@lru_cache(maxsize=1024)
def _part(text: str) -> Condition | None:
    """A part of a condition that was accepted; None where it says nothing without the rest."""
    try:
        return Condition(text)
    except ExpressionError:
        return None


class Formula(_Expression):
    """An expression that gives points, exactly, before rounding."""

    def __init__(self, text: str, triggers: Iterable[str] = ()) -> None:
        """Raises `ExpressionError`; see `_Expression` for `triggers`."""
        super().__init__(text, triggers)
        _check_trials(self._trials(), self._settle, "a formula must give a number")

    def points(self, given: Given) -> Fraction | Failed:
        """Never negative. Decimals are read to twelve digits: binary noise never costs a point."""
        return self._settle(self._evaluate(given))

    def _settle(self, value: Any) -> Fraction | Failed:
        if isinstance(value, Failed):
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            return Failed("wrong_result", f"{self.text} gave {_describe(value)}, not a number")
        if not math.isfinite(value) or not 0 <= value <= MAX_POINTS:
            return Failed("wrong_result", f"{self.text} gave {value}: points are 0 or more")
        if isinstance(value, int):
            return Fraction(value)
        return Fraction(Decimal(f"{value:.12g}"))


@lru_cache(maxsize=1024)
def event_properties(text: str) -> frozenset[str]:
    """The custom event properties that an expression names. Raises `ExpressionError`."""
    return frozenset(name.field for name in _check_names(text, frozenset()) if name.root == "event")


def _compile(text: str) -> cel.Program:
    try:
        program = cel.compile(text)
    except ValueError as error:
        found = _WHERE.search(str(error))
        if found is None:
            raise ExpressionError(f"this is no CEL expression: {_first_sentence(error)}") from error
        line, column = int(found[1]), int(found[2])
        start = sum(len(each) + 1 for each in text.split("\n")[: line - 1])
        problem = found[3].split(" expecting ")[0]
        problem = problem.replace("mismatched input '<EOF>'", "it ends too early")
        raise ExpressionError(f"this is no CEL expression: {problem}", start + column) from error
    for function in program.functions():
        if function not in FUNCTIONS and not _OPERATOR.search(function):
            raise ExpressionError(
                f"there is no function {function}(){_suggest(function, FUNCTIONS)}; "
                f"known are {', '.join(sorted(FUNCTIONS | _LOOPS | {'has'}))}",
                text.find(function) + 1,
            )
    return program


def _check_trials(trials: Iterator[Any], settle: Any, wanted: str) -> None:
    """Refuse what is wrong on every sample. What depends on the values is left to `Failed`."""
    failures = []
    for value in trials:
        settled = settle(value)
        negative = isinstance(value, int | float) and not isinstance(value, bool)
        if not isinstance(settled, Failed) or (negative and wanted.startswith("a formula")):
            return
        failures.append(settled)
    wrong = [each for each in failures if each.reason == "wrong_result"]
    if wrong:
        raise ExpressionError(f"{wanted}: {wrong[0].detail}")
    if all("overload" in each.detail or "Unsupported" in each.detail for each in failures):
        raise ExpressionError(
            f"{failures[0].detail} CEL does not mix kinds: compare and calculate whole numbers "
            "with whole numbers, and write double(x) for a decimal or string(x) for a text"
        )


def _tokens(text: str) -> list[_Token]:
    return [
        _Token(found.lastgroup or "", found.group(), found.start() + 1)
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "space"
    ]


def _conjuncts(text: str) -> list[str]:
    """What `&&` joins at the top of an expression; all of it where something binds looser."""
    depth, start, parts = 0, 0, []
    tokens = _tokens(text)
    for token, following in pairwise(tokens):
        if token.kind != "sign":
            continue
        depth += (token.text in "([{") - (token.text in ")]}")
        if depth == 0 and token.text in "?|":
            return [text]
        if depth == 0 and token.text == "&" == following.text:
            parts.append(text[start : token.column - 1].strip())
            start = following.column
    return [*parts, text[start:].strip()]


def _check_names(text: str, triggers: frozenset[str]) -> tuple[_Name, ...]:
    """Every field the expression reads, each known. Raises `ExpressionError`."""
    if not text.strip():
        raise ExpressionError("the expression is empty; leave the key out instead")
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression is longer than {MAX_LENGTH} characters")
    tokens = _tokens(text)
    bound = _bound_names(tokens)
    found: dict[_Name, None] = {}
    for index, token in enumerate(tokens):
        after_dot = index > 0 and tokens[index - 1].text == "."
        called = index + 1 < len(tokens) and tokens[index + 1].text == "("
        if token.kind != "name" or after_dot or called or token.text in _WORDS | bound:
            continue
        if token.text not in FIELDS:
            raise ExpressionError(_unknown_name(token.text), token.column)
        _check_root(token, triggers)
        found[_field_of(tokens, index)] = None
    return tuple(found)


def _bound_names(tokens: list[_Token]) -> frozenset[str]:
    """The names that loops such as `.exists(x, …)` bring."""
    loops = [
        tokens[index + 2]
        for index, token in enumerate(tokens[:-3])
        if token.text in _LOOPS and tokens[index + 1].text == "(" and tokens[index + 3].text == ","
    ]
    if len(loops) > MAX_LOOPS:
        raise ExpressionError(f"at most {MAX_LOOPS} loops in one expression", loops[-1].column)
    for token in loops:
        if token.text in FIELDS:
            raise ExpressionError(f'"{token.text}" has a meaning here; call it x', token.column)
    return frozenset(token.text for token in loops)


def _check_root(token: _Token, triggers: frozenset[str]) -> None:
    known = known_for(token.text)
    if known is not None and triggers and not known & triggers:
        raise ExpressionError(
            f'"{token.text}" is only known on {", ".join(sorted(known))}', token.column
        )


def _field_of(tokens: list[_Token], index: int) -> _Name:
    """The field read from the root at `index`, written `root.field` or `root["field"]`."""
    root, rest = tokens[index], tokens[index + 1 : index + 7]
    texts = [token.text for token in rest]
    if texts[:1] == ["."] and len(rest) > 1 and rest[1].kind == "name":
        field, after = rest[1], texts[2:]
        name = field.text
        if after[:1] == ["("]:
            raise ExpressionError(f"{root.text} has no function {name}()", field.column)
    elif texts[:1] == ["["] and len(rest) > 2 and rest[1].kind == "string" and texts[2] == "]":
        field, after = rest[1], texts[3:]
        name = field.text.lstrip("rR").strip("\"'")
    else:
        raise ExpressionError(
            f'write which field of "{root.text}" is meant, such as {_example(root.text)}',
            root.column,
        )
    if after[:1] == ["."] and after[2:3] != ["("]:
        raise ExpressionError(f"{root.text}.{name} has no fields of its own", field.column)
    if root.text != "event" and name not in FIELDS[root.text]:
        known = FIELDS[root.text]
        raise ExpressionError(
            f"{root.text} has no {name}{_suggest(name, known)}; known are {', '.join(known)}",
            field.column,
        )
    return _Name(root.text, name)


def _example(root: str) -> str:
    return "event.stars" if root == "event" else f"{root}.{next(iter(FIELDS[root]))}"


def _unknown_name(name: str) -> str:
    owners = [f"{root}.{name}" for root, fields in FIELDS.items() if name in fields]
    hint = f"; did you mean {' or '.join(owners)}?" if owners else _suggest(name, FIELDS)
    return f'"{name}" is not known{hint}; an expression knows {", ".join(FIELDS)}'


def _suggest(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f", did you mean {close[0]}?" if close else ""


def _first_sentence(error: Exception) -> str:
    return str(error).split(". CEL")[0].split("\n")[0].rstrip(".") + "."


def _describe(value: Any) -> str:
    kind = {bool: "true or false", str: "a text", list: "a list", dict: "a map", int: "a number"}
    return kind.get(type(value), "nothing" if value is None else f"a {type(value).__name__}")
