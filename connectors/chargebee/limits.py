"""One token bucket per site: everybody who calls a site within this process draws from it.

What all processes draw from together is in `quota`; this is what each is left with without it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from prometheus_client import Counter, Gauge

QUOTA_USED = Gauge(
    "cactus_chargebee_quota_ratio", "Part of the burst this process has spent, by site", ["site"]
)
THROTTLED = Counter(
    "cactus_chargebee_throttled_total", "Answers 429 that paused a site's calls", ["site"]
)

ROUNDING = 1e-6

Sleep = Callable[[float], Awaitable[None]]


class Bucket(Protocol):
    """What a call waits for."""

    async def acquire(self) -> None:
        """Waits for this call's turn."""
        ...

    async def pause(self, seconds: float) -> None:
        """No call goes out for `seconds` from now."""
        ...


def burst_of(per_minute: float, burst: float | None) -> float:
    """How many calls may go out at once: five seconds' worth where nothing is said."""
    return max(1.0, per_minute / 12 if burst is None else burst)


class TokenBucket:
    """Lets `per_minute` calls through on average, at most `burst` at once, in order of arrival.

    `pause` stops everybody for a while, because a 429 speaks for the whole site.
    """

    def __init__(
        self,
        site: str,
        per_minute: float,
        *,
        burst: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        assert per_minute > 0
        self._site = site
        self._per_second = per_minute / 60
        self._burst = burst_of(per_minute, burst)
        self._monotonic = monotonic
        self._sleep = sleep
        self._tokens = self._burst
        self._filled_at = monotonic()
        self._paused_until = 0.0
        self._turn = asyncio.Lock()

    async def acquire(self) -> None:
        """Waits for this call's turn."""
        async with self._turn:
            while (wait := self._wait_seconds()) > 0:
                await self._sleep(wait)
            self._tokens -= 1
            QUOTA_USED.labels(self._site).set(1 - self._tokens / self._burst)

    async def pause(self, seconds: float) -> None:
        """No call goes out for `seconds` from now."""
        THROTTLED.labels(self._site).inc()
        self._paused_until = max(self._paused_until, self._monotonic() + seconds)

    def _wait_seconds(self) -> float:
        now = self._monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if now < self._paused_until:
            return self._paused_until - now
        missing = 1 - self._tokens
        # A millionth of a token is rounding: waiting for it could wait for ever.
        return 0.0 if missing <= ROUNDING else missing / self._per_second
