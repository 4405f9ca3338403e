"""Which bodies are Chargebee events fit for the log: strict JSON within bounds. PURE."""

import json
import re
from typing import Any

import orjson

from connectors.chargebee.payloads import ID_CHARACTERS_MAX, WORD_CHARACTERS_MAX, is_printable

BODY_BYTES_MAX = 2**20
DEPTH_MAX = 100
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1

_LONG_DIGITS = re.compile(rb"[0-9]{19}")
# A string, or a bracket outside of strings. Possessive: no body can make it backtrack.
_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"|([\[{])|[\]}]', re.DOTALL)


class RefusedBodyError(ValueError):
    """The body is not an event that can be kept. The message says what is wrong with it."""


def read_event(body: bytes) -> dict[str, Any]:
    """The event in `body`. Raises `RefusedBodyError`; never quotes what it refuses."""
    document = read_json(body)
    if not isinstance(document, dict):
        raise RefusedBodyError("the body is not a JSON object")
    if document.get("object", "event") != "event":
        raise RefusedBodyError("`object` is not 'event': this is no Chargebee event")
    _require_text(document, "id", ID_CHARACTERS_MAX)
    _require_text(document, "event_type", WORD_CHARACTERS_MAX)
    return document


def read_json(body: bytes) -> Any:
    """JSON as RFC 8259 means it, with what parsers disagree on refused.

    That is: duplicate keys, numbers that are no 64-bit integers or finite doubles, lone surrogates,
    and more than `DEPTH_MAX` levels.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "depth limit" in error.msg:
            raise _too_deep() from error
        raise RefusedBodyError(f"not JSON: {error}") from error
    if _is_deeper(body, DEPTH_MAX):
        raise _too_deep()
    # orjson keeps the last of two equal keys and turns long integers into floats.
    parse_int = _refuse_long_integers if _LONG_DIGITS.search(body) else None
    json.loads(body, object_pairs_hook=_refuse_duplicates, parse_int=parse_int)
    return document


def _too_deep() -> RefusedBodyError:
    return RefusedBodyError(f"nested deeper than {DEPTH_MAX} levels")


def _is_deeper(body: bytes, depth_max: int) -> bool:
    if body.count(b"{") + body.count(b"[") <= depth_max:
        return False
    depth = 0
    for match in _BRACKETS.finditer(body):
        if match.lastindex:
            depth += 1
            if depth > depth_max:
                return True
        elif match.group()[0] != ord('"'):
            depth -= 1
    return False


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) == len(dict(pairs)):
        return
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise RefusedBodyError(f"the key {key[:50]!r} stands twice in one object")
        seen.add(key)


def _refuse_long_integers(digits: str) -> int:
    # Twenty characters hold every 64-bit integer; longer ones are not worth converting.
    if len(digits) <= 20 and INTEGER_MIN <= (number := int(digits)) <= INTEGER_MAX:
        return number
    raise RefusedBodyError("an integer is beyond 64 bits")


def _require_text(document: dict[str, Any], name: str, characters_max: int) -> None:
    value = document.get(name)
    if not isinstance(value, str) or not is_printable(value) or len(value) > characters_max:
        raise RefusedBodyError(
            f"`{name}` is not a text of 1 to {characters_max} printable characters: "
            "this is no Chargebee event"
        )
