"""What may stand in a log line: keys that are known here, and exceptions without what they quote.

A key that is not known is left out and named, so that a payload cannot slip in under a new name.
"""

import sys
import traceback
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict

OF_EVERY_LINE = frozenset({
    "event", "exc_info", "exception", "level", "logger", "role", "stack", "stack_info", "timestamp",
})  # fmt: skip
KNOWN = OF_EVERY_LINE | frozenset({
    "asked", "attempt", "by", "bytes", "error", "event_id", "events", "facts", "fold", "fresh",
    "instead", "kept", "key_id", "kind", "next_offset", "offset", "partition", "partitions", "path",
    "point", "points_events", "published", "reason", "records", "rejected", "repeats", "reward_id",
    "seconds", "site", "start", "state", "states", "topic",
})  # fmt: skip
"""None of them holds personal data: ids are opaque, and an `error` or `reason` is a sentence of
ours, or of a library about the connection to its service."""

DROPPED = "dropped"
OWN_PACKAGES = frozenset({"connectors", "deploy", "projections", "schemas", "streams"})
TALKATIVE_PACKAGES = frozenset({"aiokafka", "builtins"})
QUOTING = (ValueError, LookupError)
"""Of the built-in ones, these quote what they were given."""

Excepted = tuple[type[BaseException], BaseException, TracebackType | None]


def keep_known(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A processor: leaves out what is not known, and names it."""
    unknown = sorted(key for key in event if key not in KNOWN and not key.startswith("_"))
    for key in unknown:
        del event[key]
    if unknown:
        event[DROPPED] = unknown
    return event


def tell_exception(excepted: Excepted) -> str:
    """The exception and its causes, each with the lines it came through. What others say in theirs
    may quote a payload, or the values of a statement, and is left out.
    """
    chain: list[BaseException] = []
    error: BaseException | None = excepted[1]
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(line for each in reversed(chain) for line in _told(each))


def _told(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    head = f"{name}: {error}" if _may_be_quoted(error) else name
    return [head, *(f"  {each.filename}:{each.lineno} in {each.name}" for each in frames)]


def _may_be_quoted(error: BaseException) -> bool:
    package = type(error).__module__.partition(".")[0]
    if package in OWN_PACKAGES:
        return True
    return package in TALKATIVE_PACKAGES and not isinstance(error, QUOTING)


exceptions_without_payloads = structlog.processors.ExceptionRenderer(tell_exception)  # type: ignore[arg-type]


def log_what_ends_the_process() -> None:
    """An exception that nobody catches becomes a log line like every other."""

    def say(kind: type[BaseException], error: BaseException, lines: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, lines)
            return
        log = structlog.get_logger("deploy")
        log.critical("the process ends here", exc_info=(kind, error, lines))

    sys.excepthook = say
