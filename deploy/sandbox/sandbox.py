"""The sandbox as one object: a life, its API and its webhooks, moved on through simulated time."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from deploy.sandbox.api import Api
from deploy.sandbox.endpoints import Endpoints
from deploy.sandbox.faults import Faults, RateLimit
from deploy.sandbox.hooks import Hooks
from deploy.sandbox.idempotency import IdempotencyKeys
from deploy.sandbox.life import Life, LifeSettings
from deploy.sandbox.mailbag import Disturbance, Mailbag
from deploy.sandbox.terms import DAY
from deploy.sandbox.tremendous import Tremendous
from deploy.sandbox.webhooks import DeliverySettings, Endpoint, Postman

log = structlog.get_logger(__name__)

API_KEY = "test_sandbox_full_access"
API_KEY_NAME = "full_access_key"


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`keys` maps API keys to the names that events show. No requests_per_minute: no rate limit."""

    life: LifeSettings = msgspec.field(default_factory=LifeSettings)
    disturbance: Disturbance = msgspec.field(default_factory=Disturbance)
    delivery: DeliverySettings = msgspec.field(default_factory=DeliverySettings)
    endpoints: tuple[Endpoint, ...] = ()
    keys: dict[str, str] = msgspec.field(default_factory=lambda: {API_KEY: API_KEY_NAME})
    requests_per_minute: int | None = None


class BusyError(Exception):
    """Time is being moved on already."""


class Sandbox:
    """One site. Time stands still until `advance` or `run` moves it."""

    def __init__(
        self, settings: SandboxSettings, *, api_clock: Callable[[], float] = time.time
    ) -> None:
        self.settings = settings
        self.life = Life(settings.life)
        self.site = self.life.site
        self.faults = Faults(settings.life.seed)
        self.rate_limit = RateLimit(settings.requests_per_minute, time.monotonic)
        self.api = Api(
            Endpoints(self.life, clock=time.monotonic),
            keys=settings.keys,
            faults=self.faults,
            limit=self.rate_limit,
            idempotency=IdempotencyKeys(api_clock),
        )
        self.hooks = Hooks(self.faults)
        self.tremendous = Tremendous(self.faults)
        self.mailbag = Mailbag(settings.life.seed, settings.disturbance)
        self.postman = Postman(settings.endpoints, settings.delivery)
        self.site.listeners.append(self.mailbag.put)
        self._moving = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None
        self._error = ""

    def point_webhooks_at(self, endpoints: Sequence[Endpoint]) -> None:
        self.postman.endpoints = list(endpoints)

    async def advance(self, to: int, *, step_seconds: int = DAY) -> None:
        """Live until `to` in steps. A step ends when its webhooks are acknowledged or given up.

        Once the life is over, the webhooks that were held back go out too.
        """
        if self._moving.locked():
            raise BusyError("time is moving already: wait, or ask for the status")
        assert step_seconds > 0
        async with self._moving:
            while self.site.now < to:
                self.life.advance(min(to, self.site.now + step_seconds))
                await self.postman.deliver(self.mailbag.take(self.site.now))
            await self._send_due()

    async def flush(self) -> None:
        """Deliver what is due, and what API calls have caused since time last moved."""
        async with self._moving:
            await self._send_due()

    async def _send_due(self) -> None:
        over = self.site.now >= self.life.end
        await self.postman.deliver(self.mailbag.take(None if over else self.site.now))

    def run(self, to: int, *, step_seconds: int = DAY, pause_seconds: float = 0.0) -> None:
        """Advance in the background, with a pause of real time after each step."""
        if self.running:
            raise BusyError("the life is running already")
        self._error = ""
        self._running = asyncio.create_task(self._run(to, step_seconds, pause_seconds))

    async def _run(self, to: int, step_seconds: int, pause_seconds: float) -> None:
        try:
            while self.site.now < to:
                step = min(to, self.site.now + step_seconds)
                await self.advance(step, step_seconds=step_seconds)
                await asyncio.sleep(pause_seconds)
        except Exception as error:
            # The task has no caller: the status is where its end is told.
            self._error = f"{type(error).__name__}: {error}"
            log.exception("the life stopped")

    @property
    def running(self) -> bool:
        return self._running is not None and not self._running.done()

    async def close(self) -> None:
        """Stop where it is."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self.postman.close()

    def status(self) -> dict[str, Any]:
        """How far the life is and what became of its webhooks; small, for polling."""
        site, start = self.site, self.settings.life.start
        return {
            "now": site.now,
            "date": datetime.fromtimestamp(site.now, UTC).date().isoformat(),
            "start": start,
            "end": self.life.end,
            "progress": min(1.0, (site.now - start) / (self.life.end - start)),
            "running": self.running,
            "over": site.now >= self.life.end and not len(self.mailbag),
            "error": self._error,
            "customers": len(site.customers),
            "invoices": len(site.invoices),
            "events": len(site.events.notes),
            "webhooks": msgspec.to_builtins(self.postman.delivered)
            | {
                "waiting": len(self.mailbag),
                "lost": len(self.mailbag.lost),
                "muted": self.mailbag.muted,
            },
            "api": msgspec.to_builtins(self.api.calls) | {"faults": self.faults.happened},
        }

    def ledger(self) -> dict[str, Any]:
        """What was truly given away: credits and coupons by the site, orders and what other
        services gave, each under the reward's id.
        """
        site = self.site
        return {
            "promotional_credits": list(site.promotional_credits.values()),
            "coupons": list(site.coupons.values()),
            "coupons_applied": msgspec.to_builtins(site.truth.coupons_applied),
            "coupons_used": msgspec.to_builtins(site.truth.coupons_used),
            "coupons_removed": msgspec.to_builtins(site.truth.coupons_removed),
            "benefits": msgspec.to_builtins(site.truth.benefits),
            "orders": self.tremendous.orders,
            "given": msgspec.to_builtins(self.hooks.given),
        }

    def truth(self) -> dict[str, Any]:
        """Every event and its fate, and every customer's money life, from the inside."""
        site = self.site
        return {
            "digest": site.events.digest,
            "events": site.events.notes,
            "acknowledged": self.postman.acknowledged,
            "undelivered": self.postman.undelivered,
            "lost": self.mailbag.lost,
            "money": site.truth.money,
        }
