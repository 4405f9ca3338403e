"""How much one caller may ask in a minute. Each process counts for itself."""

import math
import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from prometheus_client import Counter

from projections.service.ports import Limits
from projections.service.problems import Problem

LIMITED = Counter("cactus_api_rate_limited_total", "Requests refused as too many", ["limit"])


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a minute."""

    limit: int
    remaining: int
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


class Quotas:
    """One per kind of asking: reading and writing by key, and wrong keys by address."""

    def __init__(self, limits: Limits) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._items = {
            "requests": RateLimitItemPerMinute(limits.requests_per_minute, namespace="requests"),
            "writes": RateLimitItemPerMinute(limits.writes_per_minute, namespace="writes"),
            "refusals": RateLimitItemPerMinute(limits.refusals_per_minute, namespace="refusals"),
        }

    async def take(self, name: str, who: str) -> Allowance:
        """Count one. Raises the refusal where it is one too many."""
        item = self._items[name]
        taken = await self._limiter.hit(item, who)
        allowance = await self._allowance(name, who)
        if not taken:
            raise self._too_many(name, allowance)
        return allowance

    async def check(self, name: str, who: str) -> None:
        """Without counting. Raises the refusal where nothing is left."""
        if not await self._limiter.test(self._items[name], who):
            raise self._too_many(name, await self._allowance(name, who))

    async def _allowance(self, name: str, who: str) -> Allowance:
        item = self._items[name]
        window = await self._limiter.get_window_stats(item, who)
        left = max(0, math.ceil(window.reset_time - time.time()))
        return Allowance(item.amount, max(0, window.remaining), left)

    @staticmethod
    def _too_many(name: str, allowance: Allowance) -> Problem:
        LIMITED.labels(name).inc()
        wait = max(1, allowance.reset_seconds)
        return Problem(
            429,
            "too-many-requests",
            "Too many requests",
            f"At most {allowance.limit:,} a minute. Come again in {wait} s.",
            headers={**allowance.headers(), "Retry-After": str(wait)},
        )
