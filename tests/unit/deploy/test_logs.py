"""What log lines hold, and what they never do."""

import ast
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from connectors.publish import PublishError
from deploy.logs import KNOWN
from deploy.settings import Log
from deploy.telemetry import configure_logging

ROOT = Path(__file__).parents[3]
PACKAGES = ("connectors", "deploy", "projections", "schemas", "streams")
VERBS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
CANARY = "ann@example.org"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where JSON lines go; logging is afterwards as it was."""
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logging(Log(format="json", level="debug"), role="worker", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook = hook
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def last(lines: io.StringIO) -> dict[str, object]:
    line: dict[str, object] = json.loads(lines.getvalue().splitlines()[-1])
    return line


def test_a_key_that_is_not_known_is_left_out_and_named(lines: io.StringIO) -> None:
    structlog.get_logger("streams").warning("refused", site="acme", body=CANARY, email=CANARY)

    line = last(lines)
    assert (line["site"], line["dropped"]) == ("acme", ["body", "email"])
    assert CANARY not in lines.getvalue()


def test_what_others_say_in_their_exceptions_is_left_out(lines: io.StringIO) -> None:
    try:
        try:
            int(CANARY)
        except ValueError as error:
            raise PublishError("Kafka is away") from error
    except PublishError:
        structlog.get_logger("connectors").exception("not published")

    told = str(last(lines)["exception"])
    assert told.splitlines()[0] == "ValueError"
    assert "connectors.publish.PublishError: Kafka is away" in told
    assert "test_logs.py" in told
    assert CANARY not in lines.getvalue()


def test_exceptions_in_the_logs_of_libraries_are_told_the_same_way(lines: io.StringIO) -> None:
    try:
        dict[str, str]()[CANARY]
    except KeyError:
        logging.getLogger("faust.app").exception("crashed")

    assert str(last(lines)["exception"]).startswith("KeyError\n")
    assert CANARY not in lines.getvalue()


def test_what_ends_the_process_is_a_line_too(lines: io.StringIO) -> None:
    error = ValueError(CANARY)
    sys.excepthook(ValueError, error, None)

    assert (last(lines)["level"], last(lines)["exception"]) == ("critical", "ValueError")


def test_the_sdk_never_logs_the_requests_it_makes(lines: io.StringIO) -> None:
    logging.getLogger("chargebee").debug("POST %s", CANARY)
    logging.getLogger("chargebee").warning("slow")

    assert last(lines)["event"] == "slow"
    assert CANARY not in lines.getvalue()


def keys_of(path: Path) -> Iterator[tuple[str, str]]:
    """The keys that each call of a structlog logger in a module uses, and where."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        target = node.func.value
        if node.func.attr in VERBS and isinstance(target, ast.Name) and target.id == "log":
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            yield from ((where, keyword.arg or "**") for keyword in node.keywords)


def test_every_log_call_uses_known_keys() -> None:
    used = [
        (where, key)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for where, key in keys_of(path)
    ]
    assert len(used) > 50
    assert [(where, key) for where, key in used if key not in KNOWN] == []
    bound = {"event", "exception", "level", "logger", "role", "stack", "stack_info", "timestamp"}
    assert {key for _, key in used} | bound == KNOWN
