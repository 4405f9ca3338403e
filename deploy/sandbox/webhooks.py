"""Webhook delivery: many at a time, each until it is acknowledged or Chargebee would give up."""

import asyncio
import time
from collections.abc import Iterable, Sequence

import aiohttp
import msgspec
import structlog

from deploy.sandbox.mailbag import Letter
from deploy.sandbox.terms import DAY, HOUR, MINUTE

log = structlog.get_logger(__name__)

RETRY_WAITS_SECONDS = (2 * MINUTE, 6 * MINUTE, 30 * MINUTE, HOUR, 5 * HOUR, DAY, 2 * DAY)
"""Chargebee's schedule: each wait follows the attempt before."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where webhooks go. Basic auth is sent where a user is set."""

    url: str
    user: str = ""
    password: str = ""

    def headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json;charset=UTF-8", "User-Agent": "ChargeBee"}
        if self.user:
            headers["Authorization"] = aiohttp.encode_basic_auth(self.user, self.password)
        return headers


class DeliverySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`retry_compression` says how many times faster than Chargebee retries come."""

    concurrency: int = 32
    per_second: float | None = None
    retry_compression: float = 1200.0
    timeout_seconds: float = 20.0


class Delivered(msgspec.Struct):
    """Counts over all endpoints. `acknowledged` are letters that every endpoint took."""

    sent: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    disordered: int = 0
    retries: int = 0
    undelivered: int = 0


class Postman:
    """Delivers letters to the endpoints, one endpoint after the other for each letter."""

    def __init__(self, endpoints: Sequence[Endpoint], settings: DeliverySettings) -> None:
        self.endpoints = list(endpoints)
        self.delivered = Delivered()
        self.acknowledged: dict[str, int] = {}
        """How often each event id was acknowledged."""
        self.undelivered: list[str] = []
        """Event ids that were given up."""
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._next_at = 0.0
        self._last_first_sent = -1

    async def deliver(self, letters: Iterable[Letter]) -> None:
        """Return when each letter is acknowledged or given up. Letters set out in order."""
        if not self.endpoints:
            return
        async with asyncio.TaskGroup() as tasks:
            for letter in letters:
                await self._slots.acquire()
                tasks.create_task(self._deliver(letter))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _deliver(self, letter: Letter) -> None:
        """Holds a slot on entry, and while it sends; not while it waits for a retry."""
        self._note_order(letter)
        todo = list(self.endpoints)
        for wait_seconds in (*RETRY_WAITS_SECONDS, None):
            try:
                todo = [endpoint for endpoint in todo if not await self._send(endpoint, letter)]
            finally:
                self._slots.release()
            if not todo:
                self._note_acknowledged(letter)
                return
            if wait_seconds is not None:
                self.delivered.retries += 1
                await asyncio.sleep(wait_seconds / self._settings.retry_compression)
                await self._slots.acquire()
        self.delivered.undelivered += 1
        self.undelivered.append(letter.event.id)
        log.warning("webhook given up", event_id=letter.event.id)

    def _note_order(self, letter: Letter) -> None:
        if letter.copy:
            return
        if letter.sequence < self._last_first_sent:
            self.delivered.disordered += 1
        self._last_first_sent = max(self._last_first_sent, letter.sequence)

    def _note_acknowledged(self, letter: Letter) -> None:
        self.delivered.acknowledged += 1
        self.delivered.duplicates += letter.copy
        event_id = letter.event.id
        self.acknowledged[event_id] = self.acknowledged.get(event_id, 0) + 1

    async def _send(self, endpoint: Endpoint, letter: Letter) -> bool:
        await self._pace()
        self.delivered.sent += 1
        try:
            async with self._open_session().post(
                endpoint.url, data=letter.event.body, headers=endpoint.headers()
            ) as response:
                await response.read()
                return 200 <= response.status < 300
        except (aiohttp.ClientError, TimeoutError) as error:
            log.debug("webhook failed", event_id=letter.event.id, error=type(error).__name__)
            return False

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._settings.concurrency),
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def _pace(self) -> None:
        if self._settings.per_second is None:
            return
        now = time.monotonic()
        self._next_at = max(self._next_at, now)
        wait = self._next_at - now
        self._next_at += 1 / self._settings.per_second
        if wait > 0:
            await asyncio.sleep(wait)
