"""How many points events a second the projector writes to its views, in SQLite as embedded.

From the instant the events become readable until its own metric has counted the last one, which it
does after the SQL commit.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from schemas.codec import FACTS, POINTS
from streams.account.ordering import fold
from streams.account.state import Account
from tests.bench import ours
from tests.bench.facts import Load
from tests.bench.peer import running
from tests.bench.program import known
from tests.bench.race import Say
from tests.bench.stage import Stage, Stalled, set_up, write

ROLE = "projector"
METRIC = "cactus_projected_events_total "
POLL_SECONDS = 0.1
READY_SECONDS_MAX = 60.0
STALLED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Projected:
    events: int
    seconds: float

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds


async def measure_projector(
    bootstrap_servers: str, load: Load, *, partitions: int, directory: Path, say: Say
) -> Projected:
    say("folding what is to be projected")
    events = list(_events(load))
    async with (
        set_up(bootstrap_servers, ROLE, partitions, directory) as stage,
        httpx.AsyncClient(trust_env=False, timeout=5.0) as client,
    ):
        with running(ours.role(stage, ROLE), directory / "projector.log"):
            health = await until_ready(client, stage, ROLE)
            say(f"projecting {len(events):,} points events")
            began = await write(stage, stage.topics.points, events)
            await _until_projected(client, health, len(events))
            return Projected(len(events), time.monotonic() - began)


def _events(load: Load) -> Iterator[tuple[int, bytes, bytes]]:
    accounts: defaultdict[bytes, Account] = defaultdict(Account)
    for offset, (partition, key, value) in enumerate(load.records):
        for event in fold(accounts[key], FACTS.decode(value), offset, known()):
            yield partition, key, POINTS.encode(event)


async def until_ready(client: httpx.AsyncClient, stage: Stage, role: str) -> str:
    """The address of a role's health once it reads."""
    run_file = ours.home(stage) / "run" / f"{role}.json"
    async with asyncio.timeout(READY_SECONDS_MAX):
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                url = str(json.loads(await asyncio.to_thread(run_file.read_bytes))["url"])
                if (await client.get(f"{url}/readyz")).is_success:
                    return url
            except (OSError, ValueError, httpx.TransportError):
                continue  # it has not come so far yet


async def _until_projected(client: httpx.AsyncClient, health: str, events: int) -> None:
    seen, moved_at = -1.0, time.monotonic()
    while seen < events:
        text = (await client.get(f"{health}/metrics")).text
        line = next(each for each in text.splitlines() if each.startswith(METRIC))
        now, count = time.monotonic(), float(line.removeprefix(METRIC))
        if count > seen:
            seen, moved_at = count, now
        elif now - moved_at > STALLED_SECONDS:
            raise Stalled(f"the projector stopped at {seen:,.0f} of {events:,} points events")
        await asyncio.sleep(POLL_SECONDS)
