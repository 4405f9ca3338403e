"""A small installation with a year behind it, and its api role as a process.

Facts and the program lie on a real broker; what the other roles would have made of them (views,
states, the reward ledger) is made here by the same code, without waiting for processes.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaProducer

from connectors.rewards import states as moves
from connectors.rewards.entries import NewAttempt
from connectors.rewards.gateway import Done, Unknown
from connectors.rewards.ledger import Ledger, open_ledger
from connectors.rewards.policy import Policy
from connectors.rewards.standing import Instant
from connectors.rewards.states import Move as Step
from deploy.clock import write_clock
from deploy.embedded.ports import free_ports
from deploy.kafka import Running
from deploy.migrations.runner import upgrade
from deploy.publish import publish
from projections.balances import Logged
from projections.bulk import bulk_for
from projections.database import open_engine
from projections.rewards import react
from projections.rows import StateRow
from projections.store import Move, Store
from projections.tables import states
from schemas import ids
from schemas.codec import FACTS, POINTS
from schemas.program.load import load_program
from schemas.rewards import GrantReward
from schemas.topics import PROGRAMS_KEY, Topics
from streams.core.dead_letters import dead_headers
from streams.core.partition_log import read_partition
from streams.fold import PartitionFold
from tests.support.records import record
from tests.support.rewards import give
from tests.support.topics import fresh_topics
from tests.support.waiting import eventually_blocking
from tests.support.year import SITE, SPIKES, year

PARTITIONS = 2
CUSTOMERS = 12
HOSTILE = b'{"id": "ev_1", "event_type": "<script>alert(1)</script>", "half'
READY_SECONDS_MAX = 60.0


@dataclass
class SmallSite:
    """`now` is the engine's time."""

    broker: Running
    topics: Topics
    home: Path
    port: int
    now: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/console"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "CACTUS_HOME": str(self.home),
            "CACTUS_TOPIC_PREFIX": self.topics.prefix,
            "CACTUS_PARTITIONS": str(PARTITIONS),
            "CACTUS_APP_ID": f"{self.topics.prefix}app",
            "CACTUS_CLOCK_FILE": str(self.home / "clock"),
            "CACTUS_KAFKA__BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "CACTUS_SITES": json.dumps([{"site": SITE}]),
            "CACTUS_API__PORT": str(self.port),
            "CACTUS_LOG__LEVEL": "warning",
        }

    def cactus(self, *arguments: str) -> str:
        """What a command prints."""
        done = subprocess.run(
            [sys.executable, "-m", "deploy", *arguments],
            env=self.environment,
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout


@contextlib.contextmanager
def small_site(broker: Running, directory: Path) -> Iterator[SmallSite]:
    site = asyncio.run(_fill(broker, directory))
    with _api(site):
        yield site


async def _fill(broker: Running, home: Path) -> SmallSite:
    [port] = free_ports(1)
    site = SmallSite(broker, await fresh_topics(broker, PARTITIONS), home, port)
    await publish(
        broker.bootstrap_servers, site.topics, load_program(SPIKES.read_text(encoding="utf-8")), 1
    )
    await _tell_facts(site)
    logged, states_of = await _fold(site)
    site.now = max(each.event.occurred_at for each in logged)
    write_clock(home / "clock", site.now)
    await _project(site, logged, states_of)
    await _promise(site, logged)
    return site


async def _tell_facts(site: SmallSite) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=site.broker.bootstrap_servers)
    await producer.start()
    try:
        for fact in year(3, CUSTOMERS):
            key = ids.account_key(fact.site, fact.customer).encode()
            await producer.send(site.topics.facts, FACTS.encode(fact), key=key)
        for number, error in enumerate(["it is no JSON", "it is still no JSON"]):
            origin = record(number, HOSTILE, topic=site.topics.raw, partition=0)
            await producer.send_and_wait(
                site.topics.dlq,
                HOSTILE,
                key=b"acme-test:c1",
                headers=dead_headers(origin, ValueError(error), "0.1.0"),
            )
        await producer.flush()
    finally:
        await producer.stop()


async def _fold(site: SmallSite) -> tuple[list[Logged], list[StateRow]]:
    """As a worker folds its partitions; in the log the events then stand one after the other."""
    logged: list[Logged] = []
    accounts: dict[bytes, StateRow] = {}
    for partition in range(PARTITIONS):
        fold, offset = PartitionFold("test"), 0
        read = read_partition(site.broker.bootstrap_servers, site.topics.facts, partition, start=0)
        async for records in read:
            output = fold.apply(list(records))
            for _, event, recorded_ms in output.events:
                decoded = POINTS.decode(event)
                logged.append(Logged(partition, offset, recorded_ms or 0, event.decode(), decoded))
                offset += 1
            for key, state in output.states:
                if key != PROGRAMS_KEY:
                    owner = ids.split_account_key(key.decode())
                    accounts[key] = StateRow(*owner, partition, offset, state)
    return logged, list(accounts.values())


async def _project(site: SmallSite, logged: list[Logged], accounts: list[StateRow]) -> None:
    engine = open_engine(f"sqlite+aiosqlite:///{site.home / 'views.sqlite'}")
    try:
        await upgrade(engine, "views")
        store = Store(engine, site.topics.points, lambda: 1)
        await store.open_positions(range(PARTITIONS))
        for partition in range(PARTITIONS):
            batch = [each for each in logged if each.partition == partition]
            await store.apply(batch, {partition: Move(0, len(batch))})
        async with engine.begin() as connection:
            await bulk_for("sqlite").write(connection, states, accounts, replace=True)
    finally:
        await engine.dispose()


async def _promise(site: SmallSite, logged: list[Logged]) -> None:
    """Every reward is in the ledger: the first in doubt, the second delivered, others are due."""
    commands = [command for each in logged if isinstance(command := react(each.event), GrantReward)]
    ledger = open_ledger(f"sqlite+aiosqlite:///{site.home / 'ledger.sqlite'}")
    try:
        await upgrade(ledger.engine, "ledger")
        await give(ledger, *commands)
        await _attempt(ledger, site.now, Unknown("the connection was lost"))
        await _attempt(ledger, site.now, Done("pc_12"))
    finally:
        await ledger.close()


async def _attempt(ledger: Ledger, now: int, outcome: Unknown | Done) -> None:
    wall = time.time()
    at = Instant(now=now, wall=wall)
    [entry] = await ledger.lease(SITE, owner="test", wall=wall, seconds=60, limit=1)
    begun, number = await ledger.begin_attempt(
        entry,
        moves.begin(entry.standing, Step.PREPARE, at),
        NewAttempt(move="prepare", key="cactus-key-1", body='{"amount": 500}'),
        wall=wall,
        lease_until=wall + 60,
    )
    after = moves.after_call(begun.standing, outcome, Policy(), at)
    await ledger.end_attempt(
        begun,
        after,
        number=number,
        result=type(outcome).__name__.lower(),
        detail=str(outcome),
        wall=wall,
    )


@contextlib.contextmanager
def _api(site: SmallSite) -> Iterator[None]:
    said = (site.home / "api.txt").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy", "api"], env=site.environment, stderr=said, stdout=said
    )
    try:
        wait_for = site.home / "run" / "api.json"
        eventually_blocking(
            lambda: process.poll() is not None or wait_for.exists(), READY_SECONDS_MAX
        )
        assert process.poll() is None, (site.home / "api.txt").read_text()
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, (site.home / "api.txt").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        said.close()
