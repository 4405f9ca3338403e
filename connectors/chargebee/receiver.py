"""The HTTP door for webhooks: what is answered 2xx is durable in Kafka, everything else is not.

`POST /webhooks/{site}`. Refusals are problem+json (RFC 9457) and counted.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from prometheus_client import Counter, Gauge, Histogram
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.capacity import Capacity, CapacityFullError
from connectors.chargebee.customers import raw_key
from connectors.chargebee.gate import Gate
from connectors.chargebee.intake import BODY_BYTES_MAX, RefusedBodyError, read_event
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
)

log = structlog.get_logger(__name__)

REQUESTS = Counter("cactus_webhook_requests_total", "Webhook requests by outcome", ["outcome"])
ACK_SECONDS = Histogram(
    "cactus_webhook_ack_seconds",
    "From the last byte of a webhook until Kafka acknowledged it",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
BODY_BYTES = Histogram(
    "cactus_webhook_body_bytes",
    "Size of accepted webhooks",
    buckets=(1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000, 1_048_576),
)
IN_FLIGHT = Gauge("cactus_webhooks_in_flight", "Webhooks being read or published now")

SOURCE = "webhook"
NOT_STORED = ("full", "not_durable")
"""Outcomes of webhooks that we did not take though nothing was wrong with them."""
BODY_SECONDS_MAX = 10.0
IN_FLIGHT_COUNT_MAX = 2_000
IN_FLIGHT_BYTES_MAX = 64 * 2**20
PROBLEM_JSON = "application/problem+json"


@dataclass(eq=False, kw_only=True)
class _RefusedError(Exception):
    """A request that gets an answer other than 2xx. `outcome` is its name in the metrics."""

    status: int
    outcome: str
    title: str
    detail: str
    retry_after_seconds: int | None = None


class Receiver:
    """Handles the webhooks of all sites. `stored` is told when each event that is durable occurred,
    in ms of the engine's clock.
    """

    def __init__(
        self,
        gate: Gate,
        publisher: Publisher,
        clock: Callable[[], int],
        *,
        capacity: Capacity | None = None,
        body_seconds_max: float = BODY_SECONDS_MAX,
        stored: Callable[[Sequence[int]], None] = lambda _occurred_ms: None,
        traced: Traced = untraced,
    ) -> None:
        self._gate = gate
        self._publisher = publisher
        self._clock = clock
        self._capacity = capacity or Capacity(
            count_max=IN_FLIGHT_COUNT_MAX, bytes_max=IN_FLIGHT_BYTES_MAX
        )
        self._body_seconds_max = body_seconds_max
        self._stored = stored
        for outcome in ("accepted", *NOT_STORED):
            REQUESTS.labels(outcome)  # shown before the first, so that none comes out of nowhere
        self._traced = traced

    async def receive(self, request: Request) -> Response:
        try:
            event_id = await self._receive(request)
        except _RefusedError as refused:
            REQUESTS.labels(refused.outcome).inc()
            return problem(
                refused.status, refused.title, refused.detail, refused.retry_after_seconds
            )
        except ClientDisconnect:
            REQUESTS.labels("disconnected").inc()
            return Response(status_code=400)  # nobody is there to read it
        REQUESTS.labels("accepted").inc()
        return JSONResponse({"accepted": event_id})

    async def _receive(self, request: Request) -> str:
        site = request.path_params["site"]
        self._admit(site, request.headers.get("authorization", ""))
        _check_headers(request)
        held = _Held(self._capacity)
        try:
            held.take(count=1)
            IN_FLIGHT.set(self._capacity.count)
            body = await self._read_body(request, held)
            return await self._publish(site, body)
        except CapacityFullError as error:
            raise _RefusedError(
                status=503,
                outcome="full",
                title="Too much at once",
                detail="More webhooks wait than can be held. Send this one again later.",
                retry_after_seconds=error.retry_after_seconds,
            ) from error
        finally:
            held.give_back()
            IN_FLIGHT.set(self._capacity.count)

    def _admit(self, site: str, authorization: str) -> None:
        if self._gate.admits(site, authorization):
            return
        # The answer is the same for both: only we may know which sites exist.
        raise _RefusedError(
            status=401,
            outcome="wrong_password" if self._gate.knows(site) else "unknown_site",
            title="Not authorised",
            detail="The site is unknown, or the user name or the password is wrong.",
        )

    async def _read_body(self, request: Request, held: "_Held") -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_seconds_max):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > BODY_BYTES_MAX:
                        raise _too_large()
                    held.take(size=len(chunk))
                    body += chunk
        except TimeoutError as error:
            raise _RefusedError(
                status=408,
                outcome="slow_body",
                title="Too slow",
                detail=f"The body was not complete within {self._body_seconds_max:g} seconds.",
            ) from error
        return bytes(body)

    async def _publish(self, site: str, body: bytes) -> str:
        started = time.perf_counter()
        try:
            event = read_event(body)
        except RefusedBodyError as error:
            log.warning("webhook_refused", site=site, error=str(error), bytes=len(body))
            raise _RefusedError(
                status=400, outcome="bad_body", title="Not an event", detail=str(error)
            ) from error
        headers = {
            HEADER_SITE: site,
            HEADER_SOURCE: SOURCE,
            HEADER_RECEIVED_AT: str(self._clock()),
        }
        try:
            with self._traced() as traceparent:
                if traceparent is not None:
                    headers[HEADER_TRACEPARENT] = traceparent
                record = Record(key=raw_key(site, event).encode(), value=body, headers=headers)
                await self._publisher.publish(record)
        except RecordTooLargeError as error:
            raise _too_large() from error
        except PublishError as error:
            log.warning("webhook_not_durable", site=site, error=str(error))
            raise _RefusedError(
                status=503,
                outcome="not_durable",
                title="Not stored",
                detail="The event could not be stored durably. Send it again later.",
                retry_after_seconds=error.retry_after_seconds,
            ) from error
        ACK_SECONDS.observe(time.perf_counter() - started)
        BODY_BYTES.observe(len(body))
        occurred_at = event.get("occurred_at")
        if type(occurred_at) is int and 0 <= occurred_at <= YEAR_9999:
            self._stored([occurred_at * 1000])
        log.debug("webhook stored", site=site, event_id=event["id"], bytes=len(body))
        return str(event["id"])


@dataclass(slots=True)
class _Held:
    """What one request has taken of the capacity, given back whole however it ends."""

    capacity: Capacity
    count: int = 0
    size: int = 0

    def take(self, *, count: int = 0, size: int = 0) -> None:
        self.capacity.take(count, size)
        self.count += count
        self.size += size

    def give_back(self) -> None:
        self.capacity.give_back(self.count, self.size)


def build_receiver(receiver: Receiver) -> Starlette:
    return Starlette(
        routes=[Route("/webhooks/{site}", receiver.receive, methods=["POST"])],
        exception_handlers={HTTPException: _no_such_route},  # type: ignore[dict-item]
    )


def problem(
    status: int, title: str, detail: str, retry_after_seconds: int | None = None
) -> JSONResponse:
    headers: dict[str, str] = {}
    if retry_after_seconds is not None:
        headers["retry-after"] = str(retry_after_seconds)
    if status == 401:
        headers["www-authenticate"] = 'Basic realm="webhooks", charset="UTF-8"'
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type=PROBLEM_JSON)


def _no_such_route(_request: Request, error: HTTPException) -> Response:
    """404 and 405 of the router."""
    REQUESTS.labels("no_such_route").inc()
    answer = problem(error.status_code, error.detail, "Webhooks go to POST /webhooks/{site}.")
    answer.headers.update(error.headers or {})
    return answer


def _check_headers(request: Request) -> None:
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if media_type != "application/json" or encoding != "identity":
        raise _RefusedError(
            status=415,
            outcome="not_json_type",
            title="Unsupported media type",
            detail="Send application/json, not compressed.",
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > BODY_BYTES_MAX:
        raise _too_large()


def _too_large() -> _RefusedError:
    return _RefusedError(
        status=413,
        outcome="too_large",
        title="Too large",
        detail=f"A webhook may have {BODY_BYTES_MAX} bytes.",
    )
