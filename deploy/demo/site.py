"""The sandbox as its driver sees it: time, status and truth, over HTTP."""

from typing import Any

import httpx
import msgspec

ANSWER_SECONDS_MAX = 60.0


class Webhooks(msgspec.Struct, frozen=True):
    """Counts over the life so far; `waiting` are still to be sent."""

    sent: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    disordered: int = 0
    retries: int = 0
    undelivered: int = 0
    waiting: int = 0
    lost: int = 0


class SiteStatus(msgspec.Struct, frozen=True):
    """How far the life is. `error` says what stopped it, empty where nothing did."""

    now: int
    date: str
    start: int
    end: int
    progress: float
    running: bool
    over: bool
    error: str
    customers: int
    invoices: int
    webhooks: Webhooks


class SandboxSite:
    """A running sandbox, driven through its control pages."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS_MAX, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def status(self) -> SiteStatus | None:
        """None while nobody answers yet."""
        try:
            answer = await self._client.get("/sandbox/status")
        except httpx.TransportError:
            return None
        return msgspec.json.decode(answer.content, type=SiteStatus)

    async def run(self, *, pause_seconds: float) -> None:
        """Let the life go on to its end, day by day."""
        await self._post("/sandbox/run", {"pause_seconds": pause_seconds})

    async def flush(self) -> None:
        """Send the webhooks of what API calls have caused since time last moved."""
        await self._post("/sandbox/flush", {})

    async def trouble(self, faults: list[dict[str, Any]]) -> None:
        await self._post("/sandbox/faults", {"faults": faults})

    async def truth(self) -> bytes:
        """What really happened, as JSON."""
        answer = await self._client.get("/sandbox/truth")
        return answer.raise_for_status().content

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        (await self._client.post(path, json=body)).raise_for_status()
