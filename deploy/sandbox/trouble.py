"""Makes go wrong what other services answer, by the faults that are set for their paths."""

import asyncio
import contextlib
from collections.abc import Callable
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from deploy.sandbox.faults import Fault, Faults

_BEFORE = {
    "server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "rate_limited_bare": HTTPStatus.TOO_MANY_REQUESTS,
    "lock_timeout": HTTPStatus.CONFLICT,
    "gone": HTTPStatus.GONE,
    "outage": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Faults after which nothing was done."""

Act = Callable[[bytes], Response]


async def answer(faults: Faults, request: Request, act: Act) -> Response:
    """What `act` answers to the request's body, unless a fault stands in its way."""
    fault = faults.draw(request.method, request.url.path)
    if fault is not None and fault.kind in _BEFORE:
        return Response(status_code=_BEFORE[fault.kind], headers=retry_header(fault))
    response = act(await request.body())
    return response if fault is None else await _spoil(fault, request, response)


async def hold(request: Request, seconds: float) -> None:
    """Let an answer wait, for no longer than somebody waits for it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass


def retry_header(fault: Fault) -> dict[str, str]:
    """Of a 429 that says when to come again."""
    return {"retry-after": f"{fault.retry_after:g}"} if fault.kind == "rate_limited" else {}


async def _spoil(fault: Fault, request: Request, response: Response) -> Response:
    if fault.kind == "failed_after":
        return Response(status_code=HTTPStatus.INTERNAL_SERVER_ERROR)
    if fault.kind == "garbage":
        return HTMLResponse("<html><body>Bad gateway</body></html>", status_code=502)
    if fault.kind != "stale":  # what is asked for by its id is never stale
        await hold(request, fault.seconds)
    return response


def json_answer(content: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")
