"""Walk a site's Events API onto the raw topic: it finds what webhooks lost.

Each walk starts a little before the watermark (events are indexed late, and time has one-second
steps) and moves the watermark only after its last page is durable. What webhooks brought already is
published again: the same natural keys make the same facts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import structlog
from prometheus_client import Counter, Gauge
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from connectors.chargebee.client import EventPage
from connectors.chargebee.customers import raw_key
from connectors.chargebee.errors import CallError
from connectors.chargebee.payloads import YEAR_9999
from connectors.publish import (
    Publisher,
    PublishError,
    Record,
    RecordTooLargeError,
    Traced,
    untraced,
)
from schemas.topics import (
    HEADER_RECEIVED_AT,
    HEADER_SITE,
    HEADER_SOURCE,
    HEADER_TRACEPARENT,
    SOURCE_POLLER,
)

log = structlog.get_logger(__name__)

EVENTS = Counter(
    "cactus_polled_events_total",
    "Events of the Events API: published, repeated (of an earlier walk), or too_large",
    ["site", "outcome"],
)
WALKS = Counter("cactus_polls_total", "Walks of the Events API by outcome", ["site", "outcome"])
WATERMARK = Gauge(
    "cactus_poll_watermark_seconds", "Time up to which a site's events were walked", ["site"]
)
LAST_WALK = Gauge(
    "cactus_last_poll_timestamp_seconds",
    "When a site's events were last walked to the end",
    ["site"],
)

DAY_SECONDS = 86_400
FIRST_WINDOW_SECONDS = 4 * DAY_SECONDS
"""Where no position is known: a little more than the three days and seven hours for which Chargebee
repeats a webhook."""
RETENTION_SECONDS = 90 * DAY_SECONDS
"""For how long Chargebee keeps events."""
OVERLAP_SECONDS = 600
REMEMBERED_MAX = 100_000
BACKOFF_SECONDS_MAX = 60.0


class EventSource(Protocol):
    """The Events API of one site."""

    async def list_events(self, *, after: int | None, offset: str | None = None) -> EventPage:
        """One page of the events that occurred after `after`, oldest first."""


class Positions(Protocol):
    def load(self, site: str) -> int | None: ...

    def save(self, site: str, watermark: int) -> None: ...


class EndlessListingError(Exception):
    """The Events API named the same next page twice: the walk would never end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How far a walk has come. `reached_at` is the time of the last event seen."""

    started_at: int
    reached_at: int
    events: int = 0
    published: int = 0


Progress = Callable[[Walk], None]


class Poller:
    """Polls one site."""

    def __init__(
        self,
        site: str,
        source: EventSource,
        publisher: Publisher,
        positions: Positions,
        clock: Callable[[], int],
        *,
        overlap_seconds: int = OVERLAP_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        traced: Traced = untraced,
    ) -> None:
        self.site = site
        self._source = source
        self._publisher = publisher
        self._positions = positions
        self._clock = clock
        self._overlap_seconds = overlap_seconds
        self._sleep = sleep
        self._traced = traced
        for outcome in ("done", "failed"):
            WALKS.labels(site, outcome)  # shown before the first
        self._remembered: dict[str, int] = {}
        self._failure: str | None = None

    def complaint(self) -> str | None:
        """What stands against readiness."""
        return self._failure

    async def run(self, interval_seconds: float) -> None:
        """Walk for ever, `interval_seconds` between walks, longer while they fail."""
        while True:
            await self.walk_until_done()
            await self._sleep(interval_seconds)

    async def walk_until_done(self, *, start_at: int | None = None) -> Walk:
        """One walk, tried until it succeeds: Chargebee or Kafka may be away for a while."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((CallError, PublishError, EndlessListingError)),
            wait=wait_exponential_jitter(initial=1, max=BACKOFF_SECONDS_MAX),
            sleep=self._sleep,
            before_sleep=self._note_failure,
            reraise=True,
        ):
            with attempt:
                walk = await self.walk(start_at=start_at)
        self._failure = None
        return walk

    async def walk(
        self, *, start_at: int | None = None, progress: Progress = lambda _walk: None
    ) -> Walk:
        """From the watermark (or `start_at`, to fill back) to the newest event.

        Raises `CallError`, `PublishError` or `EndlessListingError`, and then moves no watermark.
        """
        watermark = self._positions.load(self.site)
        after = self._start(watermark) if start_at is None else start_at
        walk = Walk(started_at=after, reached_at=after)
        offset: str | None = None
        while True:
            page = await self._source.list_events(after=after, offset=offset)
            walk = await self._publish_page(walk, page.events)
            progress(walk)
            if page.next_offset is None:
                break
            if page.next_offset == offset:
                raise EndlessListingError(f"the page after {walk.events} events repeats itself")
            offset = page.next_offset
        self._finish(walk, watermark)
        return walk

    def _start(self, watermark: int | None) -> int:
        if watermark is None:
            return max(0, self._clock() - FIRST_WINDOW_SECONDS)
        return max(0, watermark - self._overlap_seconds)

    def _finish(self, walk: Walk, watermark: int | None) -> None:
        """By the events' own time, never by our clock: what is indexed late is not skipped."""
        reached_at = max(walk.reached_at, watermark or 0)
        self._positions.save(self.site, reached_at)
        WATERMARK.labels(self.site).set(reached_at)
        WALKS.labels(self.site, "done").inc()
        LAST_WALK.labels(self.site).set_to_current_time()
        oldest = reached_at - self._overlap_seconds
        recent = [(name, at) for name, at in self._remembered.items() if at >= oldest]
        self._remembered = dict(recent[-REMEMBERED_MAX:])
        log.debug("walk_done", site=self.site, events=walk.events, published=walk.published)

    async def _publish_page(self, walk: Walk, events: list[dict[str, Any]]) -> Walk:
        fresh = [event for event in events if event.get("id") not in self._remembered]
        EVENTS.labels(self.site, "repeated").inc(len(events) - len(fresh))
        await asyncio.gather(*(self._publish(event) for event in fresh))
        times = [event["occurred_at"] for event in events if _has_time(event)]
        return Walk(
            started_at=walk.started_at,
            reached_at=max([walk.reached_at, *times]),
            events=walk.events + len(events),
            published=walk.published + len(fresh),
        )

    async def _publish(self, event: Mapping[str, Any]) -> None:
        """What is no event is published all the same: translate puts it where it is seen."""
        headers = {
            HEADER_SITE: self.site,
            HEADER_SOURCE: SOURCE_POLLER,
            HEADER_RECEIVED_AT: str(self._clock()),
        }
        value = msgspec.json.encode(event, order="deterministic")
        try:
            with self._traced() as traceparent:
                if traceparent is not None:
                    headers[HEADER_TRACEPARENT] = traceparent
                key = raw_key(self.site, event).encode()
                await self._publisher.publish(Record(key=key, value=value, headers=headers))
        except RecordTooLargeError as error:
            # No retry helps, and the events behind it must not wait for ever.
            EVENTS.labels(self.site, "too_large").inc()
            log.warning(
                "event_too_large", site=self.site, event_id=event.get("id"), error=str(error)
            )
            return
        EVENTS.labels(self.site, "published").inc()
        if isinstance(name := event.get("id"), str) and _has_time(event):
            self._remembered[name] = event["occurred_at"]

    def _note_failure(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._failure = f"the last walk of {self.site} failed: {error}"
        WALKS.labels(self.site, "failed").inc()
        log.warning("walk_failed", site=self.site, error=str(error), attempt=state.attempt_number)


def _has_time(event: Mapping[str, Any]) -> bool:
    """A time in milliseconds would carry the watermark past every later event."""
    occurred_at = event.get("occurred_at")
    return type(occurred_at) is int and 0 <= occurred_at <= YEAR_9999
