"""How fast one rewarder is: as fast as Chargebee lets it, and as fast as it can.

Both from commands on Kafka to outcomes on Kafka, with the ledger in SQLite as embedded.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import httpx
import psutil

from deploy.sandbox.hooks import SECRET
from deploy.sandbox.life import FIRST_INSTANT, Life, LifeSettings
from deploy.sandbox.sandbox import API_KEY
from schemas import ids
from schemas.codec import REWARDS
from schemas.rewards import AnyGrant, Discount, GrantReward, Webhook
from tests.bench import ours
from tests.bench.peer import Child, running
from tests.bench.projector import until_ready
from tests.bench.race import Say
from tests.bench.stage import Stage, Stalled, set_up, write

SITE = "bench"
TOLD = 'cactus_reward_outcomes_total{state="delivered"} '
POLL_SECONDS = 0.1
STALLED_SECONDS = 60.0
CONCURRENCY = 192
CUSTOMERS = 8_000
WARM_UP_SECONDS = 20.0
"""A bucket is full at first, and that is spent before anything is measured."""
MEASURED_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Given:
    """Rewards given and told of in so many seconds, and what the rewarder's process used."""

    rewards: int
    seconds: float
    cpu_seconds: float

    @property
    def rewards_per_second(self) -> float:
        return self.rewards / self.seconds

    @property
    def rewards_per_cpu_second(self) -> float:
        return self.rewards / self.cpu_seconds


@dataclass(frozen=True, slots=True)
class Metered:
    """Calls that Chargebee saw, and how many it allows in the same time."""

    calls: int
    allowed: float
    requests_per_minute: int

    @property
    def ratio(self) -> float:
        return self.calls / self.allowed


async def measure_webhooks(
    bootstrap_servers: str, count: int, *, partitions: int, directory: Path, say: Say
) -> Given:
    """`count` webhooks to a service on this machine, each of another customer."""
    port = _free_port()
    endpoint = {"name": "local", "url": f"http://127.0.0.1:{port}/", "secrets": [SECRET]}
    settings = {
        "CACTUS_SITES": json.dumps([{"site": SITE, "api_key": "unused"}]),
        "CACTUS_ENDPOINTS": json.dumps([endpoint]),
    }
    grant = Webhook(purpose="custom", endpoint="local", payload={"trees": 1})
    service = Child([sys.executable, "-m", "tests.bench.receiver", str(port)])
    async with _rewarder(
        bootstrap_servers,
        "webhooks",
        partitions=partitions,
        directory=directory,
        service=service,
        settings=settings,
    ) as rewarder:
        say(f"giving {count:,} webhooks")
        used = rewarder.cpu_seconds()
        began = await rewarder.ask(grant, (f"c{number}" for number in range(count)))
        await rewarder.until_told(count)
        return Given(count, time.monotonic() - began, rewarder.cpu_seconds() - used)


async def measure_bucket(
    bootstrap_servers: str,
    requests_per_minute: int,
    *,
    partitions: int,
    directory: Path,
    say: Say,
) -> Metered:
    """Credits, of one call each, against the sandbox: how much of what is allowed is used."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "CACTUS_SITES": json.dumps([{"site": SITE, "api_key": API_KEY, "api_url": url}]),
        "CACTUS_CHARGEBEE__REQUESTS_PER_MINUTE": str(requests_per_minute),
    }
    grant = Discount(via="promotional_credit", amounts_minor={"USD": 100})
    life = LifeSettings(customers=CUSTOMERS)
    customers = [*Life(life).site.customers]
    arguments = ["sandbox", "--port", str(port), "--customers", str(CUSTOMERS)]
    sandbox = Child([sys.executable, "-m", "deploy", *arguments])
    async with _rewarder(
        bootstrap_servers,
        "bucket",
        partitions=partitions,
        directory=directory,
        service=sandbox,
        settings=settings,
    ) as rewarder:
        say(f"{requests_per_minute} calls a minute for {MEASURED_SECONDS:.0f} s")
        await rewarder.ask(grant, islice(customers, 2 * requests_per_minute))
        await asyncio.sleep(WARM_UP_SECONDS)
        before, began = await rewarder.calls_seen(url), time.monotonic()
        await asyncio.sleep(MEASURED_SECONDS)
        calls = await rewarder.calls_seen(url) - before
        allowed = requests_per_minute * (time.monotonic() - began) / 60
        return Metered(calls, allowed, requests_per_minute)


class _Rewarder:
    def __init__(
        self, stage: Stage, client: httpx.AsyncClient, health: str, process: psutil.Process
    ) -> None:
        self._stage = stage
        self._client = client
        self._health = health
        self._process = process

    def cpu_seconds(self) -> float:
        used = self._process.cpu_times()
        return float(used.user + used.system)

    async def ask(self, grant: AnyGrant, customers: Iterable[str]) -> float:
        """One reward for each. Returns the monotonic instant at which they can be read."""
        commands = _commands(grant, customers, self._stage.partitions)
        return await write(self._stage, self._stage.topics.rewards, commands)

    async def until_told(self, rewards: int) -> None:
        seen, moved_at = -1.0, time.monotonic()
        while seen < rewards:
            text = (await self._client.get(f"{self._health}/metrics")).text
            lines = [each for each in text.splitlines() if each.startswith(TOLD)]
            now, count = time.monotonic(), float(lines[0].removeprefix(TOLD)) if lines else 0.0
            if count > seen:
                seen, moved_at = count, now
            elif now - moved_at > STALLED_SECONDS:
                raise Stalled(f"the rewarder stopped at {seen:,.0f} of {rewards:,} rewards")
            await asyncio.sleep(POLL_SECONDS)

    async def calls_seen(self, url: str) -> int:
        """By the sandbox: those that did what they were for."""
        status = (await self._client.get(f"{url}/sandbox/status")).raise_for_status().json()
        return int(status["api"]["answered"])


@asynccontextmanager
async def _rewarder(
    bootstrap_servers: str,
    name: str,
    *,
    partitions: int,
    directory: Path,
    service: Child,
    settings: dict[str, str],
) -> AsyncIterator[_Rewarder]:
    """One that is ready, beside the service it calls."""
    async with (
        set_up(bootstrap_servers, name, partitions, directory) as stage,
        httpx.AsyncClient(trust_env=False, timeout=5.0) as client,
    ):
        child = ours.role(stage, "rewarder")
        hurried = {
            "CACTUS_REWARDER__CONCURRENCY": str(CONCURRENCY),
            "CACTUS_OUTGOING__ALLOW_LOOPBACK": "true",
            "CACTUS_LOG__LEVEL": "warning",
        }
        child = Child(child.arguments, {**child.environment, **hurried, **settings})
        with (
            running(service, directory / "service.log"),
            running(child, directory / "rewarder.log") as process,
        ):
            health = await until_ready(client, stage, "rewarder")
            yield _Rewarder(stage, client, health, process)


def _commands(
    grant: AnyGrant, customers: Iterable[str], partitions: int
) -> Iterator[tuple[int, bytes, bytes]]:
    for number, customer in enumerate(customers):
        command = GrantReward(
            reward_id=ids.reward_id(SITE, customer, "thanks", 1),
            site=SITE,
            customer=customer,
            program="bench",
            program_version=1,
            reward="thanks",
            occurred_at=FIRST_INSTANT,
            grant=grant,
            currency="USD",
        )
        key = ids.account_key(SITE, customer).encode()
        yield number % partitions, key, REWARDS.encode(command)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
