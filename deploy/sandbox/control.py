"""The sandbox's own endpoints for whoever drives it: time, faults, truth. Loopback only."""

import ipaddress
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.sandbox.faults import Fault
from deploy.sandbox.sandbox import BusyError, Sandbox
from deploy.sandbox.terms import DAY, HOUR
from deploy.sandbox.webhooks import Endpoint


class Move(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Where to move time: to an instant, or on by days; by default to the end of the life."""

    to: int | None = None
    days: float | None = None
    step_hours: float = 24.0
    pause_seconds: float = 0.0


class Trouble(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Faults to add, after forgetting the old ones if told so; and the rate limit (0: none)."""

    faults: list[Fault] = []
    clear: bool = False
    requests_per_minute: int | None = None


class WrongOrderError(ValueError):
    """A control request that makes no sense."""


class Control:
    """Answers JSON; what is wrong with a request is said in `error`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        return [
            Route("/sandbox/status", _guarded(self._status), methods=["GET"]),
            Route("/sandbox/ledger", _guarded(self._ledger), methods=["GET"]),
            Route("/sandbox/truth", _guarded(self._truth), methods=["GET"]),
            Route("/sandbox/advance", _guarded(self._advance), methods=["POST"]),
            Route("/sandbox/run", _guarded(self._run), methods=["POST"]),
            Route("/sandbox/flush", _guarded(self._flush), methods=["POST"]),
            Route("/sandbox/faults", _guarded(self._faults), methods=["GET", "POST"]),
            Route("/sandbox/webhooks", _guarded(self._webhooks), methods=["POST"]),
        ]

    async def _status(self, _: Request) -> Any:
        return self._sandbox.status()

    async def _ledger(self, _: Request) -> Any:
        return self._sandbox.ledger()

    async def _truth(self, _: Request) -> Any:
        return self._sandbox.truth()

    async def _advance(self, request: Request) -> Any:
        """Returns when the webhooks of the time passed are acknowledged or given up."""
        to, step_seconds, _ = await self._read_move(request)
        await self._sandbox.advance(to, step_seconds=step_seconds)
        return self._sandbox.status()

    async def _run(self, request: Request) -> Any:
        """Returns at once; the status tells how far it is."""
        to, step_seconds, pause_seconds = await self._read_move(request)
        self._sandbox.run(to, step_seconds=step_seconds, pause_seconds=pause_seconds)
        return self._sandbox.status()

    async def _flush(self, _: Request) -> Any:
        await self._sandbox.flush()
        return self._sandbox.status()

    async def _faults(self, request: Request) -> Any:
        if request.method == "POST":
            trouble = msgspec.json.decode(await request.body(), type=Trouble)
            if trouble.clear:
                self._sandbox.faults.clear()
            for fault in trouble.faults:
                self._sandbox.faults.add(fault)
            if trouble.requests_per_minute is not None:
                self._sandbox.rate_limit.change(trouble.requests_per_minute or None)
        return {
            "faults": self._sandbox.faults.pending,
            "happened": self._sandbox.faults.happened,
            "requests_per_minute": self._sandbox.rate_limit.requests_per_minute,
        }

    async def _webhooks(self, request: Request) -> Any:
        endpoints = msgspec.json.decode(await request.body(), type=list[Endpoint])
        self._sandbox.point_webhooks_at(endpoints)
        return {"endpoints": [endpoint.url for endpoint in endpoints]}

    async def _read_move(self, request: Request) -> tuple[int, int, float]:
        move = msgspec.json.decode(await request.body() or b"{}", type=Move)
        now = self._sandbox.site.now
        to = self._sandbox.life.end if move.to is None else move.to
        if move.days is not None:
            if move.to is not None:
                raise WrongOrderError("give to or days, not both")
            to = now + int(move.days * DAY)
        if to < now:
            raise WrongOrderError(f"time cannot go back: now is {now}")
        if move.step_hours <= 0 or move.pause_seconds < 0:
            raise WrongOrderError("step_hours must be above 0 and pause_seconds not below")
        return to, max(1, int(move.step_hours * HOUR)), move.pause_seconds


def _guarded(
    answer: Callable[[Request], Awaitable[Any]],
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if not _is_local(request):
            return _json({"error": "for this machine only"}, HTTPStatus.FORBIDDEN)
        try:
            return _json(await answer(request), HTTPStatus.OK)
        except BusyError as error:
            return _json({"error": str(error)}, HTTPStatus.CONFLICT)
        except (msgspec.MsgspecError, WrongOrderError) as error:
            return _json({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    return endpoint


def _is_local(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _json(content: Any, status: HTTPStatus) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")
