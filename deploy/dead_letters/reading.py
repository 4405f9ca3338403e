"""Read the DLQ, newest first: Kafka reads forward, so it is walked backwards in chunks."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.dead_letters.letters import Letter, read_letter
from deploy.errors import OperatingError
from deploy.topics import partitions_of
from streams.core.partition_log import read_partition

CHUNK_OFFSETS = 1_000

Wanted = Callable[[Letter], bool]


class DeadLetterLog:
    """The DLQ of one installation. Has as many partitions as we make, or more where others did."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self.topic = topic

    async def limits(self) -> dict[int, tuple[int, int]]:
        """By partition, the first offset that is left and the one after the last."""
        numbers = await partitions_of(self._bootstrap_servers, self.topic)
        async with self._consumer() as consumer:
            places = [TopicPartition(self.topic, each) for each in numbers]
            starts = await consumer.beginning_offsets(places)
            ends = await consumer.end_offsets(places)
        return {place.partition: (starts[place], ends[place]) for place in places}

    async def newest_first(self, *, before: tuple[int, int] | None = None) -> AsyncIterator[Letter]:
        """All letters, or those that lie behind one at (partition, offset) in this order: the
        highest partition first, and in each the newest.
        """
        limits = await self.limits()
        for partition in sorted(limits, reverse=True):
            start, end = limits[partition]
            if before is not None:
                if partition > before[0]:
                    continue
                if partition == before[0]:
                    end = min(end, before[1])
            while end > start:
                begin = max(start, end - CHUNK_OFFSETS)
                for letter in reversed([each async for each in self.read(partition, begin, end)]):
                    yield letter
                end = begin

    async def read(self, partition: int, start: int, end: int) -> AsyncIterator[Letter]:
        """Those with start ≤ offset < end, oldest first."""
        async for records in read_partition(
            self._bootstrap_servers, self.topic, partition, start=start, end=end
        ):
            for record in records:
                yield read_letter(record)

    async def find(self, partition: int, offset: int) -> Letter | None:
        start, end = (await self.limits()).get(partition, (0, 0))
        if not start <= offset < end:
            return None
        async for letter in self.read(partition, offset, offset + 1):
            return letter
        return None

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            group_id=None,
            isolation_level="read_committed",
            enable_auto_commit=False,
        )
        try:
            await consumer.start()
            yield consumer
        except KafkaError as error:
            msg = f"The DLQ {self.topic} cannot be read ({error!r}). Check that Kafka runs."
            raise OperatingError(msg) from error
        finally:
            await consumer.stop()
