"""How many facts wait: what lies between a position and the end that can be read."""

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.core.partition_log import read_partition

MARKERS_MAX = 16
"""More than so many markers, and nothing but markers, do not lie between a position and the end."""


class LagMeter:
    """Asks Kafka for ends and committed offsets. `group_id` is whose commits are asked for."""

    def __init__(self, bootstrap_servers: str, group_id: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            group_id=group_id,
            isolation_level="read_committed",
            enable_auto_commit=False,
        )
        self._empty: set[tuple[TopicPartition, int, int]] = set()

    async def start(self) -> None:
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.stop()

    async def behind(self, topic: str, positions: dict[int, int]) -> int:
        return sum((await self.behind_each(topic, positions)).values())

    async def behind_each(self, topic: str, positions: dict[int, int]) -> dict[int, int]:
        """By partition, records from its position to its end, transaction markers not counted."""
        where = {TopicPartition(topic, each): at for each, at in positions.items()}
        ends = await self._consumer.end_offsets(list(where)) if where else {}
        lag = dict.fromkeys(positions, 0)
        for partition, at in where.items():
            end = ends[partition]
            if end > at and not await self._only_markers(partition, at, end):
                lag[partition.partition] = end - at
        return lag

    async def uncommitted(self, topic: str, partitions: set[int]) -> int:
        return sum((await self.uncommitted_each(topic, partitions)).values())

    async def uncommitted_each(self, topic: str, partitions: set[int]) -> dict[int, int]:
        """By partition, records that the group has not committed."""
        where = [TopicPartition(topic, each) for each in partitions]
        ends = await self._consumer.end_offsets(where) if where else {}
        lag: dict[int, int] = {}
        for partition in where:
            committed = await self._consumer.committed(partition)
            if committed is None:
                starts = await self._consumer.beginning_offsets([partition])
                committed = starts[partition]
            lag[partition.partition] = max(0, ends[partition] - committed)
        return lag

    async def _only_markers(self, where: TopicPartition, start: int, end: int) -> bool:
        """Whether nothing but transaction markers lies there. Read once for each place, and not
        where facts stream in.
        """
        if end - start > MARKERS_MAX:
            return False
        place = (where, start, end)
        if place in self._empty:
            return True
        async for _records in read_partition(
            self._bootstrap_servers, where.topic, where.partition, start=start, end=end
        ):
            return False
        self._empty = {each for each in self._empty if each[0] != where} | {place}
        return True
