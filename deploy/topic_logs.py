"""Read the logs of a running installation, each up to an end that is settled."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.errors import OperatingError
from projections.log import open_log
from streams.core.batches import Record
from streams.core.partition_log import read_partition

SETTLED_SECONDS_MAX = 60.0
POLL_SECONDS = 0.05


class Logs:
    """Topics by partition. `written` sees records of open transactions, `readable` does not."""

    def __init__(
        self, bootstrap_servers: str, written: AIOKafkaConsumer, readable: AIOKafkaConsumer
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._written = written
        self._readable = readable

    async def partitions(self, topic: str) -> list[int]:
        async with open_log(self._bootstrap_servers, topic) as log:
            return await log.partitions()

    async def starts(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """The first offset that retention has left of each partition."""
        found = await self._written.beginning_offsets(_places(topic, partitions))
        return {where.partition: offset for where, offset in found.items()}

    async def ends(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """How far each partition reaches now, told when no transaction is open before that.

        A transaction is committed partition by partition: without waiting, a position could be
        seen and the events before it not.
        """
        places = _places(topic, partitions)
        written = await self._written.end_offsets(places)
        try:
            async with asyncio.timeout(SETTLED_SECONDS_MAX):
                while not self._reach(  # noqa: ASYNC110 - Kafka tells nobody when a transaction ends
                    await self._readable.end_offsets(places), written
                ):
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            msg = (
                f"A transaction on {topic} has been open for {SETTLED_SECONDS_MAX:.0f} s, and what"
                " lies behind it cannot be audited. Is a worker stuck? Try again when it is gone."
            )
            raise OperatingError(msg) from error
        return {where.partition: offset for where, offset in written.items()}

    @staticmethod
    def _reach(readable: dict[TopicPartition, int], written: dict[TopicPartition, int]) -> bool:
        return all(readable[where] >= offset for where, offset in written.items())

    async def committed(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """What the workers' group has committed of each partition; 0 where nothing."""
        return {
            where.partition: await self._written.committed(where) or 0
            for where in _places(topic, partitions)
        }

    def read(
        self, topic: str, partition: int, start: int, end: int
    ) -> AsyncIterator[Sequence[Record]]:
        """Batches of committed records, in order."""
        return read_partition(self._bootstrap_servers, topic, partition, start=start, end=end)


@asynccontextmanager
async def open_logs(bootstrap_servers: str, group_id: str) -> AsyncIterator[Logs]:
    """`group_id` is the workers' group: its commits are asked for, and it is not joined."""
    with _explained(bootstrap_servers):
        async with (
            _running(bootstrap_servers, "read_uncommitted", group_id) as written,
            _running(bootstrap_servers, "read_committed", None) as readable,
        ):
            yield Logs(bootstrap_servers, written, readable)


@asynccontextmanager
async def _running(
    bootstrap_servers: str, isolation_level: str, group_id: str | None
) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        group_id=group_id,
        isolation_level=isolation_level,
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        await asyncio.sleep(0)  # lets its tasks begin: one cancelled before raises that on stop
        yield consumer
    finally:
        await consumer.stop()


@contextmanager
def _explained(bootstrap_servers: str) -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        msg = f"Kafka at {bootstrap_servers} cannot be read ({error!r}). Check that it runs."
        raise OperatingError(msg) from error


def _places(topic: str, partitions: Sequence[int]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition) for partition in partitions]
