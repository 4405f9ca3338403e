"""Read partitions of a topic from positions of our own: read_committed, no group, no commits."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from projections.errors import LogBroken, ViewsError

FETCH_BYTES_MAX = 16 * 1024 * 1024
PARTITION_FETCH_BYTES_MAX = 4 * 1024 * 1024
POLL_MS = 200
SILENCE_SECONDS_MAX = 30.0

Record: TypeAlias = "ConsumerRecord[Any, Any]"


class LogUnavailable(ViewsError):
    """Kafka does not answer, or has no such topic."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one partition, in order, and the offset to go on from: past markers too."""

    partition: int
    records: Sequence[Record]
    next_offset: int


class Log:
    """One topic, all or some of its partitions."""

    def __init__(self, consumer: AIOKafkaConsumer, bootstrap_servers: str, topic: str) -> None:
        self._consumer = consumer
        self._bootstrap_servers = bootstrap_servers
        self.topic = topic
        self._known: dict[int, int] = {}
        self._assigned_at_ms = 0.0

    def assign(self, starts: Mapping[int, int]) -> None:
        """Read on from these offsets, by partition."""
        assigned = [TopicPartition(self.topic, partition) for partition in starts]
        self._consumer.assign(assigned)
        for partition in assigned:
            self._consumer.seek(partition, starts[partition.partition])
        self._known = dict(starts)
        self._assigned_at_ms = time.time() * 1000

    async def partitions(self) -> list[int]:
        """The partitions there are. Raises `LogUnavailable` where the topic does not exist."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap_servers)
        await admin.start()
        try:
            [described] = await admin.describe_topics([self.topic])
        finally:
            await admin.close()
        if described["error_code"] or not described["partitions"]:
            msg = f"Kafka has no topic {self.topic}. Make it with `cactus topics apply`."
            raise LogUnavailable(msg)
        return sorted(each["partition"] for each in described["partitions"])

    async def ends(self, partitions: Sequence[int]) -> dict[int, int]:
        """How far each partition can be read now: not past an open transaction."""
        asked = [TopicPartition(self.topic, partition) for partition in partitions]
        found = await self._consumer.end_offsets(asked)
        return {partition.partition: offset for partition, offset in found.items()}

    async def read(self, records_max: int, poll_ms: int = POLL_MS) -> list[Chunk]:
        """What came since, per partition; one that only passed markers comes without records."""
        try:
            batches = await self._consumer.getmany(timeout_ms=poll_ms, max_records=records_max)
        except OffsetOutOfRangeError as error:
            msg = (
                f"Offsets of {self.topic} that were not read yet are gone: {error}. The topic must "
                "keep everything; check its retention."
            )
            raise LogBroken(msg) from error
        chunks = []
        for assigned in self._consumer.assignment():
            partition = assigned.partition
            position = await self._consumer.position(assigned)
            if position != self._known[partition]:
                self._known[partition] = position
                chunks.append(Chunk(partition, batches.get(assigned, []), position))
        return chunks

    def has_answered(self) -> bool:
        """Whether Kafka has answered a fetch since the assignment, be it with no records."""
        return self._answered_at_ms() is not None

    def silent_seconds(self) -> float:
        """How long Kafka has not answered a fetch, since the assignment at most."""
        answered_at_ms = self._answered_at_ms()
        since_ms = self._assigned_at_ms if answered_at_ms is None else answered_at_ms
        return time.time() - since_ms / 1000

    def _answered_at_ms(self) -> int | None:
        answers = map(self._consumer.last_poll_timestamp, self._consumer.assignment())
        return max((at for at in answers if at is not None), default=None)

    def lag(self) -> dict[int, int]:
        """By partition, records between our position and what can be read; markers once passed do
        not count.
        """
        waiting = {}
        for assigned in self._consumer.assignment():
            end = self._consumer.last_stable_offset(assigned)
            if end is not None:
                waiting[assigned.partition] = max(0, end - self._known[assigned.partition])
        return waiting


@contextlib.asynccontextmanager
async def open_log(bootstrap_servers: str, topic: str) -> AsyncIterator[Log]:
    """A reader of one topic. Raises `LogUnavailable` where Kafka does not answer."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="none",
        fetch_max_bytes=FETCH_BYTES_MAX,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES_MAX,
    )
    try:
        await consumer.start()
        await asyncio.sleep(0)  # lets its tasks begin: one cancelled before raises that on stop
        yield Log(consumer, bootstrap_servers, topic)
    except (KafkaError, OSError) as error:
        msg = f"Kafka at {bootstrap_servers} cannot be read ({error!r}). Check that it runs."
        raise LogUnavailable(msg) from error
    finally:
        await asyncio.shield(consumer.stop())


async def read_between(
    log: Log, starts: Mapping[int, int], ends: Mapping[int, int], *, records_max: int
) -> AsyncIterator[Chunk]:
    """Everything from `starts` up to `ends`, by partition. Ends must be readable offsets.

    Raises `LogUnavailable` where Kafka falls silent on the way.
    """
    open_ends = {partition: end for partition, end in ends.items() if starts[partition] < end}
    if not open_ends:
        return
    log.assign({partition: starts[partition] for partition in open_ends})
    while open_ends:
        if log.silent_seconds() > SILENCE_SECONDS_MAX:
            msg = f"Kafka has not answered for {SILENCE_SECONDS_MAX:.0f} s. Check that it runs."
            raise LogUnavailable(msg)
        for chunk in await log.read(records_max):
            end = ends[chunk.partition]
            records = [record for record in chunk.records if record.offset < end]
            if chunk.partition not in open_ends:
                continue
            if chunk.next_offset >= end:
                del open_ends[chunk.partition]
            yield Chunk(chunk.partition, records, min(chunk.next_offset, end))
