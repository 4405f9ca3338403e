"""How the engine itself does, from the roles' health and metrics, for the console's first page."""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.rolecall import health_url
from deploy.settings import ROLES, Role, Settings
from projections.service.ports import DeadLetters, RoleHealth

ANSWER_SECONDS_MAX = 1.5
LAG_MESSAGES = "cactus_lag_messages"
LAG_SECONDS = "cactus_lag_seconds"
NEEDED: frozenset[Role] = frozenset({"worker", "projector", "rewarder"})
"""Without them nothing moves, so one that is not seen is told as not running."""
LETTERS_COUNTED_MAX = 1_000
LETTERS_KEPT_SECONDS = 15.0
"""The DLQ is a log: to count what waits in it is to read it."""


class ObservedWorkings:
    """Asks each role that runs on this machine, and those that the settings say run elsewhere."""

    def __init__(self, settings: Settings, letters: DeadLetters) -> None:
        self._run_dir = settings.run_dir
        self._elsewhere = settings.health.elsewhere
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX, trust_env=False)
        self._letters = Kept(LETTERS_KEPT_SECONDS, lambda: _waiting(letters))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def roles(self) -> list[RoleHealth]:
        """In the order in which a record passes them."""
        asked = []
        for role in ROLES:
            here = health_url(self._run_dir, role)
            urls = [*self._elsewhere.get(role, ()), *([here] if here else ())]
            asked += [self._ask(role, url) for url in urls]
            if not urls and role in NEEDED:
                asked.append(_unseen(role))
        return list(await asyncio.gather(*asked))

    async def dead_letters(self) -> int:
        return await self._letters.get()

    async def _ask(self, role: str, url: str) -> RoleHealth:
        try:
            ready, metrics = await asyncio.gather(
                self._client.get(f"{url}/readyz"), self._client.get(f"{url}/metrics")
            )
            complaints = _complaints(ready)
        except (httpx.HTTPError, ValueError) as error:
            return RoleHealth(
                role=role,
                alive=False,
                ready=False,
                complaints={"health": f"{url} does not answer ({type(error).__name__})"},
                lag_messages={},
            )
        messages, seconds = _lag(metrics.text)
        return RoleHealth(
            role=role,
            alive=True,
            ready=ready.is_success,
            complaints=complaints,
            lag_messages=messages,
            lag_seconds=seconds,
        )


class Kept:
    """A figure that is dear to get, kept for a while."""

    def __init__(
        self,
        seconds: float,
        ask: Callable[[], Awaitable[int]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._ask = ask
        self._now = now
        self._lock = asyncio.Lock()
        self._value = 0
        self._until = float("-inf")

    async def get(self) -> int:
        async with self._lock:
            if self._now() >= self._until:
                self._value = await self._ask()
                self._until = self._now() + self._seconds
            return self._value


async def _unseen(role: str) -> RoleHealth:
    return RoleHealth(
        role=role,
        alive=False,
        ready=False,
        complaints={
            "health": "it does not run here; name its URL in health.elsewhere if it runs elsewhere"
        },
        lag_messages={},
    )


async def _waiting(letters: DeadLetters) -> int:
    found = await letters.page(LETTERS_COUNTED_MAX, None, None)
    return sum(each.state == "waiting" for each in found)


def _complaints(answer: httpx.Response) -> dict[str, str]:
    probes = answer.json()["probes"]
    return {str(name): str(said) for name, said in probes.items() if said != "ok"}


def _lag(page: str) -> tuple[dict[str, int], dict[str, float]]:
    """By topic, in records and in seconds; a role that cannot tell says NaN."""
    messages: defaultdict[str, int] = defaultdict(int)
    seconds: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            topic = sample.labels.get("topic", "")
            if sample.name == LAG_MESSAGES:
                messages[topic] += int(sample.value)
            elif sample.name == LAG_SECONDS and not math.isnan(sample.value):
                seconds[topic] = max(seconds[topic], sample.value)
    return dict(messages), dict(seconds)
