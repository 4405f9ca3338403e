"""Translate files for a person to read: what each event in them becomes."""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from connectors.chargebee.translate import translate
from connectors.chargebee.unwrap import NoEventsError, Resource, events_in
from schemas.translation import UntranslatableError

STANDARD_INPUT = Path("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one event became. `reason` says why it is ignored or broken."""

    file: str
    kind: Literal["facts", "ignored", "error"]
    event_id: str = ""
    event_type: str = ""
    customer: str = ""
    facts: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""

    def as_json(self) -> str:
        return msgspec.json.encode(asdict(self)).decode()


def answers(file: Path, site: str) -> Iterator[Answer]:
    """One answer per event in the file, at least one per file."""
    name = "standard input" if file == STANDARD_INPUT else str(file)
    try:
        text = sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
        found = list(events_in(text))
    except OSError as error:
        yield Answer(file=name, kind="error", reason=f"cannot be read: {error.strerror}")
        return
    except NoEventsError as error:
        yield Answer(file=name, kind="error", reason=str(error))
        return
    if not found:
        yield Answer(file=name, kind="ignored", reason="An empty list of events.")
    for each in found:
        yield _answer(name, each, site)


def _answer(name: str, found: bytes | Resource, site: str) -> Answer:
    if isinstance(found, Resource):
        return Answer(
            file=name,
            kind="ignored",
            reason=f"Not an event: a Chargebee resource ({found.kind}). Only events become facts.",
        )
    try:
        translation = translate(found, site)
    except UntranslatableError as error:
        return Answer(file=name, kind="error", reason=str(error))
    return Answer(
        file=name,
        kind="facts" if translation.facts else "ignored",
        event_id=translation.event_id,
        event_type=translation.event_type,
        customer=translation.customer,
        facts=[msgspec.to_builtins(fact) for fact in translation.facts],
        reason=translation.ignored,
    )
