"""Makes go wrong what other services answer, by the faults that are set for their paths."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from deploy.sandbox.faults import Fault, Faults

RETRY_AFTER_SECONDS = "1"
_BEFORE = {
    "server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "rate_limited_bare": HTTPStatus.TOO_MANY_REQUESTS,
    "lock_timeout": HTTPStatus.CONFLICT,
    "gone": HTTPStatus.GONE,
}
"""Faults after which nothing was done."""

Act = Callable[[bytes], Response]


async def answer(faults: Faults, request: Request, act: Act) -> Response:
    """What `act` answers to the request's body, unless a fault stands in its way."""
    fault = faults.draw(request.method, request.url.path)
    if fault is not None and fault.kind in _BEFORE:
        headers = {"retry-after": RETRY_AFTER_SECONDS} if fault.kind == "rate_limited" else {}
        return Response(status_code=_BEFORE[fault.kind], headers=headers)
    response = act(await request.body())
    return response if fault is None else await _spoil(fault, response)


async def _spoil(fault: Fault, response: Response) -> Response:
    if fault.kind == "failed_after":
        return Response(status_code=HTTPStatus.INTERNAL_SERVER_ERROR)
    if fault.kind == "garbage":
        return HTMLResponse("<html><body>Bad gateway</body></html>", status_code=502)
    await asyncio.sleep(fault.seconds)
    return response


def json_answer(content: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")
