"""One peer's stage: its own topics on the shared broker, with the same facts at the same offsets.

The load is written in one transaction and becomes visible at one instant, its commit. Every worker
has by then been started, has its partitions, and has folded the same warm-up: so no start-up is
measured, of nobody.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.publish import publish
from deploy.sandbox.life import FIRST_INSTANT
from deploy.topics import apply_topics
from schemas.program.load import load_program
from schemas.topics import Topics
from tests.support.year import SPIKES

BATCH_BYTES = 1 << 20
TRANSACTION_MS = 600_000
POLL_SECONDS = 0.05
QUIET_SECONDS = 2.5
STALLED_SECONDS = 60.0
AFTER_PUBLICATION = 2
"""The first offset after the program's publication and its marker."""

Records = Iterable[tuple[int, bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where one worker works."""

    bootstrap_servers: str
    topics: Topics
    partitions: int
    directory: Path

    @property
    def name(self) -> str:
        return self.topics.prefix.rstrip(".")


@asynccontextmanager
async def set_up(
    bootstrap_servers: str, name: str, partitions: int, directory: Path
) -> AsyncIterator[Stage]:
    """Topics of their own with the sample program published; all gone afterwards."""
    await asyncio.to_thread(directory.mkdir, parents=True)
    topics = Topics(f"{name}.")
    await apply_topics(bootstrap_servers, topics, partitions=partitions)
    program = load_program(SPIKES.read_text(encoding="utf-8"))
    await publish(bootstrap_servers, topics, program, FIRST_INSTANT)
    stage = Stage(bootstrap_servers, topics, partitions, directory)
    await _published(stage)
    yield stage
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        mine = [each for each in await admin.list_topics() if name in each]
        await admin.delete_topics(mine)
    finally:
        await admin.close()


async def _published(stage: Stage) -> None:
    """The broker writes a transaction's markers a moment after it answers. Facts that got before
    them would have other offsets than another peer's.
    """
    async with committed_consumer(stage) as consumer:
        where = partitions_of(stage, stage.topics.facts)
        while set((await consumer.end_offsets(where)).values()) != {AFTER_PUBLICATION}:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def committed_consumer(stage: Stage) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stage.bootstrap_servers,
        group_id=None,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def partitions_of(stage: Stage, topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, each) for each in range(stage.partitions)]


async def write(stage: Stage, topic: str, records: Records) -> float:
    """All of `records` in one transaction. Returns the monotonic instant of its commit."""
    producer = AIOKafkaProducer(
        bootstrap_servers=stage.bootstrap_servers,
        transactional_id=f"{stage.name}-facts",
        max_batch_size=BATCH_BYTES,
        transaction_timeout_ms=TRANSACTION_MS,
    )
    apart: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    for partition, key, value in records:
        apart[partition].append((key, value))
    await producer.start()
    try:
        await producer.begin_transaction()
        await asyncio.gather(
            *(_write_partition(producer, topic, number, apart[number]) for number in apart)
        )
        committed_at = time.monotonic()
        await producer.commit_transaction()
    finally:
        await producer.stop()
    return committed_at


async def _write_partition(
    producer: AIOKafkaProducer, topic: str, partition: int, pairs: list[tuple[bytes, bytes]]
) -> None:
    batch = producer.create_batch()
    for key, value in pairs:
        if batch.append(key=key, value=value, timestamp=None) is None:
            await (await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    await (await producer.send_batch(batch, topic, partition=partition))


@dataclass(frozen=True, slots=True)
class Moment:
    """When the committed output last grew, and what its process had used by then."""

    at: float
    cpu_seconds: float


class Watcher:
    """Watches the end of the committed points events, at little cost, and the worker's process."""

    def __init__(self, stage: Stage, consumer: AIOKafkaConsumer, process: psutil.Process) -> None:
        self._stage = stage
        self._consumer = consumer
        self._process = process
        self.rss_peak = 0

    async def end(self) -> int:
        """Committed records on the points topic, markers of transactions included."""
        where = partitions_of(self._stage, self._stage.topics.points)
        return sum((await self._consumer.end_offsets(where)).values())

    def cpu_seconds(self) -> float:
        used = self._process.cpu_times()
        return float(used.user + used.system)

    async def until(self, events: int) -> Moment:
        """Wait until at least `events` records are committed and nothing has come for a while.

        Markers of transactions count as records here: whether the events are all there is told by
        reading them, afterwards.
        """
        seen, moment = -1, Moment(time.monotonic(), self.cpu_seconds())
        while True:
            end = await self.end()
            now = time.monotonic()
            self.rss_peak = max(self.rss_peak, self._process.memory_info().rss)
            if end != seen:
                seen, moment = end, Moment(now, self.cpu_seconds())
            quiet = now - moment.at
            if seen >= events and quiet > QUIET_SECONDS:
                return moment
            if quiet > STALLED_SECONDS:
                msg = f"{self._stage.name} stopped at {seen} of {events} points events"
                raise RuntimeError(msg)
            await asyncio.sleep(POLL_SECONDS)


async def read_points(stage: Stage) -> tuple[int, int]:
    """How many committed points events there are, and a digest that ignores their order."""
    count = digest = 0
    async with committed_consumer(stage) as consumer:
        where = partitions_of(stage, stage.topics.points)
        consumer.assign(where)
        await consumer.seek_to_beginning(*where)
        ends = await consumer.end_offsets(where)
        while any([await consumer.position(each) < ends[each] for each in where]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                count += len(records)
                # Within one run hash() is as good as any digest, and costs nothing.
                digest = (digest + sum(hash((one.key, one.value)) for one in records)) % 2**64
    return count, digest
