"""A small installation at work: its roles as processes, on a broker and against a sandbox."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.chargebee.customers import raw_key
from connectors.rewards.ledger import open_ledger
from deploy.clock import write_clock
from deploy.errors import OperatingError
from deploy.kafka import Running
from deploy.publish import publish
from deploy.sandbox.events import Event
from deploy.sandbox.sandbox import API_KEY
from deploy.sandbox.server import RunningSandbox
from deploy.settings import Chargebee, Kafka, Settings, Site
from deploy.views import reading_own_views
from projections.store import read_positions
from projections.tables import rewards
from schemas.program.load import load_program
from schemas.topics import POSITION_KEY, Topics
from streams.core.lag import LagMeter
from streams.core.partition_log import read_partition
from tests.support.topics import fresh_topics
from tests.support.year import SITE, SPIKES

PARTITIONS = 2
QUIET_SECONDS_MAX = 90.0
LOOK_EVERY_SECONDS = 0.1
BROKEN_RAW, BROKEN_FACT = b'{"id": "half an ev', b'{"type": "NoSuchFact", "v": 1}'


@dataclass
class Installation:
    """Topics of its own on the broker, databases under `home`, and the sandbox as its only site."""

    broker: Running
    topics: Topics
    home: Path
    sandbox: RunningSandbox

    @property
    def settings(self) -> Settings:
        return Settings(
            home=self.home,
            topic_prefix=self.topics.prefix,
            partitions=PARTITIONS,
            app_id=f"{self.topics.prefix}app",
            clock_file=self.home / "clock",
            kafka=Kafka(bootstrap_servers=self.broker.bootstrap_servers),
            sites=[Site.model_validate(self._site)],
            chargebee=Chargebee(requests_per_minute=60_000),
        )

    @property
    def environment(self) -> dict[str, str]:
        """The same settings, for processes."""
        return {
            "CACTUS_HOME": str(self.home),
            "CACTUS_TOPIC_PREFIX": self.topics.prefix,
            "CACTUS_PARTITIONS": str(PARTITIONS),
            "CACTUS_APP_ID": f"{self.topics.prefix}app",
            "CACTUS_CLOCK_FILE": str(self.home / "clock"),
            "CACTUS_KAFKA__BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "CACTUS_SITES": json.dumps([self._site]),
            "CACTUS_CHARGEBEE__REQUESTS_PER_MINUTE": "60000",
            "CACTUS_LOG__LEVEL": "warning",
        }

    @property
    def _site(self) -> dict[str, str]:
        return {"site": SITE, "api_key": API_KEY, "api_url": self.sandbox.url}

    @asynccontextmanager
    async def role(self, name: str) -> AsyncIterator[None]:
        """The role as a process, which must end well when it is told to."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy", name), env={**os.environ, **self.environment}
        )
        try:
            yield
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    @asynccontextmanager
    async def producing(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.broker.bootstrap_servers, enable_idempotence=True
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def write(self, topic: str, value: bytes, **options: Any) -> int:
        async with self.producing() as producer:
            written = await producer.send_and_wait(topic, value, **options)
        return int(written.offset)

    async def receive(self, events: Sequence[Event]) -> None:
        """As a receiver writes them, every tenth twice, and a broken one."""
        bodies = [(raw_key(SITE, json.loads(each.body)).encode(), each.body) for each in events]
        headers = [("site", SITE.encode()), ("source", b"webhook")]
        async with self.producing() as producer:
            sent = [
                await producer.send(self.topics.raw, body, key=key, headers=headers)
                for key, body in (*bodies, *bodies[::10], (b"broken", BROKEN_RAW))
            ]
            await asyncio.gather(*sent)

    async def read(self, topic: str) -> list[Any]:
        return [
            record
            for partition in range(PARTITIONS)
            async for records in read_partition(
                self.broker.bootstrap_servers, topic, partition, start=0
            )
            for record in records
        ]

    @asynccontextmanager
    async def views(self) -> AsyncIterator[AsyncConnection]:
        async with reading_own_views(self.settings) as connection:
            yield connection

    async def begin(self) -> None:
        """Return when the first points events are in the views."""
        async with asyncio.timeout(QUIET_SECONDS_MAX):
            while not await self._has_begun():  # noqa: ASYNC110 - roles are processes
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _has_begun(self) -> bool:
        try:
            async with self.views() as connection:
                return any((await read_positions(connection, self.topics.points)).values())
        except (OperatingError, DBAPIError):
            return False  # the projector is making them

    async def rest(self) -> None:
        """Return when all is translated, folded, projected, carried out and told."""
        meter = LagMeter(self.broker.bootstrap_servers, self.settings.app_id)
        await meter.start()
        try:
            async with asyncio.timeout(QUIET_SECONDS_MAX):
                while not await self._is_at_rest(meter):  # noqa: ASYNC110 - roles are processes
                    await asyncio.sleep(LOOK_EVERY_SECONDS)
        finally:
            await meter.stop()

    async def _is_at_rest(self, meter: LagMeter) -> bool:
        """Nothing is open in any stage, from the last one to the first and back."""
        topics, partitions = self.topics, set(range(PARTITIONS))
        nowhere = dict.fromkeys(partitions, 0)
        if await meter.uncommitted(topics.raw, partitions):
            return False
        if await meter.behind(topics.facts, nowhere | await self._folded()):
            return False
        async with self.views() as connection:
            projected = await read_positions(connection, topics.points)
            states = set(await connection.scalars(select(rewards.c.state)))
        if await meter.behind(topics.points, nowhere | projected):
            return False
        # A reward that is earned has an outcome to come, and what follows from that.
        return bool(states) and "earned" not in states and await self._is_ledger_told()

    async def _folded(self) -> dict[int, int]:
        records = await self.read(self.topics.accounts)
        return {each.partition: int(each.value) for each in records if each.key == POSITION_KEY}

    async def _is_ledger_told(self) -> bool:
        ledger = open_ledger(self.settings.ledger_url, access="read")
        rows = await ledger.list_rewards(state=None, limit=10_000)
        await ledger.close()
        return all(row["reported"] for row in rows)


@asynccontextmanager
async def installation_at_work(
    broker: Running, home: Path, sandbox: RunningSandbox, events: Sequence[Event]
) -> AsyncIterator[Installation]:
    """The sample program is published, every role runs, and `events` have been received."""
    topics = await fresh_topics(broker, PARTITIONS)
    here = Installation(broker, topics, home, sandbox)
    write_clock(home / "clock", sandbox.sandbox.life.end)
    program = load_program(SPIKES.read_text(encoding="utf-8"))
    await publish(broker.bootstrap_servers, topics, program, 0)
    await here.write(topics.facts, BROKEN_FACT, partition=0)
    async with here.role("projector"), here.role("worker"), here.role("rewarder"):
        await here.receive(events)
        yield here
