"""The events in a file: one, an answer of the API, a list, or one per line. PURE."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson


class NoEventsError(ValueError):
    """The text holds no Chargebee event and is no Chargebee resource either."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A Chargebee object that is not an event: valid, and never a fact by itself."""

    kind: str


def events_in(text: bytes) -> Iterator[bytes | Resource]:
    """Each event as a webhook would bring it. Raises `NoEventsError`."""
    try:
        documents = [orjson.loads(text)]
    except orjson.JSONDecodeError as error:
        documents = _lines(text, error)
    for document in documents:
        yield from _events(document)


def _lines(text: bytes, error: orjson.JSONDecodeError) -> list[Any]:
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        documents = [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError:
        documents = []
    if len(documents) < 2:
        raise NoEventsError(f"not JSON: {error}") from error
    return documents


def _events(document: Any) -> Iterator[bytes | Resource]:
    match document:
        case {"list": list(entries)}:
            for entry in entries:
                yield from _events(entry)
        case list(entries):
            for entry in entries:
                yield from _events(entry)
        case {"event": dict(event)}:
            yield orjson.dumps(event)
        case {"api_error_code": str(code)}:
            raise NoEventsError(f"not an event: Chargebee's error answer {code!r}")
        case {"object": str(kind)} if kind != "event":
            yield Resource(kind)
        case {"event_type": _} | {"object": "event"}:
            yield orjson.dumps(document)
        case dict() if kind := _resource_kind(document):
            yield Resource(kind)
        case _:
            raise NoEventsError(
                "not an event: no `event_type`, and no `object` that says what it is"
            )


def _resource_kind(document: Mapping[str, Any]) -> str:
    """An answer of the API wraps one resource under its name."""
    wrapped: list[str] = [
        value["object"]
        for value in document.values()
        if isinstance(value, dict) and isinstance(value.get("object"), str)
    ]
    if wrapped:
        return wrapped[0]
    # Some resources do not name themselves; an id is the least that all of them have.
    return "of an unnamed kind" if isinstance(document.get("id"), str) else ""
