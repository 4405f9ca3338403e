"""What stands around every request: measured, limited in size, and answered with safe headers."""

import time
from collections.abc import Mapping

from prometheus_client import Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projections.service.problems import Problem

REQUESTS = Counter("cactus_api_requests_total", "Requests answered", ["route", "method", "status"])
SECONDS = Histogram(
    "cactus_api_request_seconds",
    "From the request to the end of its answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

ADDED = "cactus.headers"
BODY_BYTES_MAX = 1 * 2**20
TOO_LARGE = f"At most {BODY_BYTES_MAX:,} bytes are taken."
UNKNOWN_ROUTE = "none"
"""Not the path: a stranger's paths would make a time series each."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Set where the answer does not say otherwise itself."""


class Shell:
    """Wraps the application. Speaks ASGI itself: Starlette's own class for it costs twice."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in scope.get(ADDED, {}).items():
                    headers[name] = value
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if _too_large(scope):
                await _refuse_body(scope, receive, answer)
            else:
                await self._app(scope, _Bounded(receive).receive, answer)
        finally:
            route = template_of(scope)
            method = scope["method"] if scope["method"] in METHODS else "other"
            REQUESTS.labels(route, method, status).inc()
            SECONDS.labels(route).observe(time.perf_counter() - began)


def template_of(scope: Scope) -> str:
    """The path of the route that answered, as it is declared. FastAPI keeps the one with all
    prefixes apart from the route itself, under a name of its own that a test watches.
    """
    whole = scope.get("fastapi", {}).get("effective_route_context")
    return getattr(whole or scope.get("route"), "path", UNKNOWN_ROUTE)


def add_headers(scope: Scope, headers: Mapping[str, str]) -> None:
    """To whatever the answer will be, a refusal too."""
    scope.setdefault(ADDED, {}).update(headers)


class _Bounded:
    """A body that tells no length, or a wrong one, is counted while it is read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            if self._bytes > BODY_BYTES_MAX:
                # Of what reading a body raises, FastAPI lets through nothing else.
                raise HTTPException(413, TOO_LARGE)
        return message


def _too_large(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return not value.isdigit() or int(value) > BODY_BYTES_MAX
    return False


async def _refuse_body(scope: Scope, receive: Receive, send: Send) -> None:
    problem = Problem(413, "too-large", "The body is too large", TOO_LARGE)
    await problem.answer()(scope, receive, send)
