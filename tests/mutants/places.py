"""Where the fold can be changed by a small mistake, and which of these places are left out.

cosmic-ray names the mistakes. A place is a stretch of code and a family of them; it counts once,
though `a * b` could become eleven other things: otherwise arithmetic would outweigh all else.
"""

import ast
import difflib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parents[2]
FOLD = ROOT / "streams" / "account"

NO_MISTAKES = re.compile(
    r"ReplaceBinaryOperator_BitOr_"  # a union of types: anything else fails at import
    r"|ReplaceBinaryOperator_\w+_(RShift|LShift|BitOr|BitAnd|BitXor)$"  # nobody takes + for <<
    r"|ReplaceUnaryOperator_\w+_Invert$"  # nor ~ for -
    r"|ReplaceComparisonOperator_\w+_Is(Not)?$(?<!Is_IsNot)(?<!IsNot_Is)"  # rests on interning
    r"|ReplaceComparisonOperator_Is(Not)?_(?!Is)"  # likewise
)
PROMISES = {"frozen", "gc", "kw_only", "strict"}
"""Keywords that hold programmers to something, and change nothing that happens."""
CACHED = "_REMEMBERED"
"""How much a cache of the fold holds: whatever it is, no answer changes."""
NEVER_TOUCHED = {"name", "newline", "string", "endmarker", "fstring_string"}
"""Kinds of leaves that no operator changes: most of all there are."""

Position = tuple[int, int]
Stretch = tuple[Position, Position]


@dataclass(frozen=True, order=True)
class Mutant:
    """`occurrence` counts the operator's places in the module, as cosmic-ray does."""

    file: Path
    line: int
    column: int
    operator: str
    occurrence: int

    @property
    def family(self) -> str:
        return self.operator.split("_")[0]

    @property
    def path(self) -> str:
        """From the root of the project."""
        return self.file.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").replace("/", ".")

    def source(self) -> str:
        changed = mutate_code(_text(self.file), get_operator(self.operator)(), self.occurrence)
        assert isinstance(changed, str), "cosmic-ray counted otherwise than here"
        return changed

    def diff(self) -> list[str]:
        """The lines that go and the lines that come, without context."""
        was, becomes = _text(self.file).splitlines(), self.source().splitlines()
        return [
            line
            for line in difflib.unified_diff(was, becomes, n=0, lineterm="")
            if not line.startswith(("---", "+++", "@@"))
        ]


def places(path: Path) -> list[list[Mutant]]:
    """Of each place the mistakes that can be made there."""
    found: dict[tuple[int, int, str], list[Mutant]] = defaultdict(list)
    tree = ast.parse(_text(path))
    left_out, said_twice, stars = _left_out(tree), _said_twice(tree), _signatures(tree)
    for mutant in _all(path):
        at = mutant.line, mutant.column
        if mutant.family == "core/AddNot" and at in said_twice:
            continue
        if mutant.family == "core/ReplaceBinaryOperator" and _is_in(at, stars):
            continue
        if not _is_in(at, left_out):
            found[*at, mutant.family].append(mutant)
    return [found[place] for place in sorted(found)]


def _all(path: Path) -> Iterator[Mutant]:
    nodes = [node for node in ast_nodes(get_ast(_text(path))) if node.type not in NEVER_TOUCHED]
    for name in operator_names():
        kind = get_operator(name)
        if kind.arguments() or NO_MISTAKES.search(name):
            continue
        operator = kind()
        found = [(node, place) for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, (node, ((line, column), _)) in enumerate(found):
            if name != "core/NumberReplacer" or not _is_below_zero(node, occurrence):
                yield Mutant(path, line, column, name, occurrence)


def _is_below_zero(number: Any, occurrence: int) -> bool:
    """Nobody slips to -1 from 0, nor from -1, which is the last or none, to -2: 1 and 0 are tried.

    cosmic-ray adds one to a number first, then takes one away.
    """
    if occurrence % 2:
        return bool(number.value == "0")
    before = number.get_previous_leaf()
    return bool(number.value == "1" and before == "-" and number.parent.type == "factor")


@cache
def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _is_in(at: Position, stretches: list[Stretch]) -> bool:
    return any(begin <= at < end for begin, end in stretches)


def _signatures(tree: ast.Module) -> list[Stretch]:
    """Where a star is no product: it parts arguments by name from the others."""
    return [
        ((node.lineno, node.col_offset), (node.body[0].lineno, node.body[0].col_offset))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]


def _left_out(tree: ast.Module) -> list[Stretch]:
    """What is written for readers and checkers, not for what happens."""
    return [stretch for each in ast.walk(tree) for stretch in _unseen(each)]


def _said_twice(tree: ast.Module) -> set[Position]:
    """Conditions that are one comparison, or a `not`: other operators turn these round already."""
    return {
        (test.lineno, test.col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.If | ast.While | ast.IfExp)
        for test in [node.test]
        if (isinstance(test, ast.Compare) and len(test.ops) == 1)
        or (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not))
    }


def _unseen(node: ast.AST) -> Iterator[Stretch]:
    match node:
        case ast.Assert():
            yield _stretch(node)
        case ast.arg(annotation=ast.expr() as annotation):
            yield _stretch(annotation)
        case ast.AnnAssign(target=ast.Name(id=name)) if name == CACHED:
            yield _stretch(node)
        case ast.AnnAssign():
            yield _stretch(node.annotation)
        case ast.If() if CACHED in ast.unparse(node.test):
            yield _stretch(node.test)
        case ast.keyword(arg=str() as name) if name in PROMISES:
            yield _stretch(node.value)
        case ast.FunctionDef():
            yield from (_stretch(each, before="@") for each in node.decorator_list if _caches(each))
            if node.returns is not None:
                yield _stretch(node.returns)
        case _:
            return


def _stretch(node: ast.expr | ast.stmt, before: str = "") -> Stretch:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    begin = node.lineno, node.col_offset - len(before)
    return begin, (node.end_lineno, node.end_col_offset)


def _caches(decorator: ast.expr) -> bool:
    """A cache saves time and changes no answer."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Name) and called.id in {"cache", "lru_cache"}
