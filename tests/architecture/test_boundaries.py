"""The shape of the code, read from its syntax: it holds on a bare checkout, without any tool."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "streams", "projections", "connectors", "deploy")
MAY_IMPORT = {
    "schemas": {"schemas"},
    "streams": {"streams", "schemas"},
    "projections": {"projections", "schemas"},
    "connectors": {"connectors", "schemas"},
    "deploy": set(PACKAGES),
    "tests": {*PACKAGES, "tests"},
}
IMPURE_MODULES = {
    "aiokafka", "asyncio", "faust", "httpx", "logging", "mode", "os", "prometheus_client",
    "secrets", "socket", "sqlalchemy", "structlog", "subprocess", "threading", "time",
    "uuid",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "now", "today", "utcnow", "time", "uuid1", "uuid4"}
IMPURE_METHODS = {"now", "today", "utcnow"}
LINES_MAX = 600

SOURCES = sorted(
    path
    for package in (*PACKAGES, "tests")
    for path in (ROOT / package).rglob("*.py")
    if "migrations" not in path.parts
)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def is_pure(tree: ast.Module) -> bool:
    """A module says that it is pure in its docstring, with the word in capitals."""
    return re.search(r"\bPURE\b", ast.get_docstring(tree) or "") is not None


PURE_SOURCES = [path for path in SOURCES if is_pure(tree_of(path))]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_imports_point_down_only(path: Path) -> None:
    allowed = MAY_IMPORT[path.relative_to(ROOT).parts[0]]
    ours = {name.split(".")[0] for name in imported(tree_of(path))} & {*PACKAGES, "tests"}

    assert ours <= allowed


def test_the_oracle_knows_nothing_of_what_it_judges() -> None:
    """It may read facts, programs and expressions; calendar and rounding it does on its own."""
    oracle = [path for path in SOURCES if path.relative_to(ROOT).parts[:2] == ("tests", "oracle")]
    known = {name for path in oracle for name in imported(tree_of(path))}

    assert oracle
    assert not [name for name in known if name.split(".")[0] in {"streams", "deploy"}]
    assert known.isdisjoint({"schemas.program.periods", "tests.support.story"})


def test_the_fold_and_the_contracts_are_pure() -> None:
    """Written into each module, so that a new one cannot slip past the rules below."""
    must = [
        path
        for path in SOURCES
        if path.relative_to(ROOT).parts[:1] == ("schemas",)
        or path.relative_to(ROOT).parts[:2] == ("streams", "account")
        or named(path) == "connectors/chargebee/translate.py"
    ]

    must = [path for path in must if path.name != "__init__.py"]
    impure = [named(path) for path in must if path not in PURE_SOURCES]
    assert impure == []


@pytest.mark.parametrize("path", PURE_SOURCES, ids=named)
def test_pure_modules_reach_no_world(path: Path) -> None:
    tree = tree_of(path)

    assert {name.split(".")[0] for name in imported(tree)} & IMPURE_MODULES == set()
    assert sorted(_impure_calls(tree)) == []
    assert sorted(_unseeded_chance(tree)) == []
    awaits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not [node for node in ast.walk(tree) if isinstance(node, awaits)]


def _impure_calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and function.id in IMPURE_CALLS:
                yield f"{function.id} in line {node.lineno}"
            elif isinstance(function, ast.Attribute) and function.attr in IMPURE_METHODS:
                yield f"{function.attr} in line {node.lineno}"


def _unseeded_chance(tree: ast.Module) -> Iterator[str]:
    """Chance is repeatable where it is a `random.Random` made from a seed.

    The fold has none at all: import-linter forbids it the module.
    """
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="random"):
                yield f"from random import in line {node.lineno}"
            case ast.Attribute(value=ast.Name(id="random"), attr=name) if name != "Random":
                yield f"random.{name} in line {node.lineno}"
            case ast.Call(func=ast.Attribute(attr="Random"), args=[]):
                yield f"Random without a seed in line {node.lineno}"
            case _:
                pass


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.parts[len(ROOT.parts)] != "tests"], ids=named
)
def test_only_deploy_reads_the_environment(path: Path) -> None:
    if path.relative_to(ROOT).parts[0] == "deploy":
        return
    reads = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert reads == []


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_modules_say_what_they_do_and_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    tested_by_name = path.relative_to(ROOT).parts[0] == "tests"
    assert tested_by_name or ast.get_docstring(tree_of(path)), "no module docstring"
    assert len(text.splitlines()) <= LINES_MAX, "ask what this module is two of"
    assert not re.search(r"\b(TO[D]O|FIX[M]E|XX[X])\b", text), "finish it, or say it in the issue"


def test_every_package_locked_satisfies_what_the_project_asks() -> None:
    """The lock follows pyproject.toml; `make lock` puts it right."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock, re.MULTILINE)
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"]]
    for group in project["dependency-groups"].values():
        wanted += group

    for each in map(Requirement, wanted):
        pin = pins.get(canonicalize_name(each.name), "")
        assert pin, f"{each.name} is not locked: make lock"
        assert each.specifier.contains(pin), f"{each.name} is locked at {pin}: make lock"


def test_the_lock_names_no_registry() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")

    assert "://" not in lock
    assert "--index" not in lock
