"""The site's event log: envelopes as bytes, found by id and by time, kept for ninety days. PURE."""

from bisect import bisect_left
from hashlib import sha256
from typing import Any

import msgspec
import orjson

from deploy.sandbox.terms import DAY

RETENTION_SECONDS = 90 * DAY
PRUNE_AT_LEAST = 500


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event; `body` is the very object that a webhook posts and the Events API lists.

    `muted` events are in the log only: their caller asked for no webhook.
    """

    sequence: int
    id: str
    type: str
    source: str
    occurred_at: int
    customer: str
    body: bytes
    muted: bool = False


class EventNote(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of an event after its body has gone: id, type, customer, occurred_at."""

    id: str
    type: str
    customer: str
    occurred_at: int


def envelope(
    event_id: str,
    event_type: str,
    content: dict[str, Any],
    *,
    occurred_at: int,
    source: str,
    user: str | None,
) -> bytes:
    """An event as JSON. An absent user is left out; resources are copied as they are now."""
    head: dict[str, Any] = {"id": event_id, "occurred_at": occurred_at, "source": source}
    if user is not None:
        head["user"] = user
    return orjson.dumps(
        head
        | {
            "object": "event",
            "api_version": "v2",
            "content": content,
            "event_type": event_type,
            "webhook_status": "not_configured",
        }
    )


class EventLog:
    """Events in the order in which they happened; what is older than the retention is dropped."""

    def __init__(self) -> None:
        self.notes: list[EventNote] = []
        self._kept: list[Event] = []
        self._by_id: dict[str, Event] = {}
        self._digest = sha256()

    def append(self, event: Event) -> None:
        assert not self._kept or self._kept[-1].occurred_at <= event.occurred_at
        assert event.id not in self._by_id
        self.notes.append(EventNote(event.id, event.type, event.customer, event.occurred_at))
        self._kept.append(event)
        self._by_id[event.id] = event
        self._digest.update(event.body)

    @property
    def digest(self) -> str:
        """Over every byte of every event ever made."""
        return self._digest.hexdigest()

    def prune(self, now: int) -> None:
        gone = bisect_left(self._kept, now - RETENTION_SECONDS, key=lambda event: event.occurred_at)
        if gone >= PRUNE_AT_LEAST:
            for event in self._kept[:gone]:
                del self._by_id[event.id]
            del self._kept[:gone]

    def retrieve(self, event_id: str, now: int) -> Event | None:
        event = self._by_id.get(event_id)
        if event is None or event.occurred_at < now - RETENTION_SECONDS:
            return None
        return event

    def kept(self, now: int) -> list[Event]:
        first = bisect_left(
            self._kept, now - RETENTION_SECONDS, key=lambda event: event.occurred_at
        )
        return self._kept[first:]
