"""Shows how much the DLQ holds, and since when the oldest of it lies there."""

import asyncio
import math

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from deploy.topics import DLQ_PARTITIONS
from streams.core.partition_log import read_partition

DEPTH = Gauge(
    "cactus_dlq_depth_messages", "Records that the DLQ holds, also those that were dealt with"
)
OLDEST = Gauge(
    "cactus_dlq_oldest_timestamp_seconds", "When the oldest of them was written; 0: there is none"
)
LOOK_SECONDS = 5.0

log = structlog.get_logger(__name__)

Places = dict[TopicPartition, int]


class DlqWatch:
    """Looks at one DLQ. A worker's, for workers write most of it."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._servers = bootstrap_servers
        self._topic = topic
        self._written_ms: dict[tuple[TopicPartition, int], int] = {}

    async def run(self) -> None:
        """For ever; while Kafka is away nobody knows."""
        while True:
            consumer = AIOKafkaConsumer(bootstrap_servers=self._servers, group_id=None)
            try:
                await consumer.start()
                while True:
                    await self._look(consumer)
                    await asyncio.sleep(LOOK_SECONDS)
            except KafkaError as error:
                log.warning("the DLQ is not known", error=repr(error))
                DEPTH.set(math.nan)
                OLDEST.set(math.nan)
            finally:
                await consumer.stop()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        await consumer.topics()  # makes it know of topics it is not assigned
        numbers = consumer.partitions_for_topic(self._topic) or range(DLQ_PARTITIONS)
        places = [TopicPartition(self._topic, each) for each in numbers]
        starts: Places = await consumer.beginning_offsets(places)
        ends: Places = await consumer.end_offsets(places)
        held = {place: ends[place] - starts[place] for place in places}
        oldest = [await self._written(place, starts[place]) for place in places if held[place]]
        DEPTH.set(sum(held.values()))
        OLDEST.set(min(filter(None, oldest), default=0) / 1000)

    async def _written(self, place: TopicPartition, start: int) -> int | None:
        """When the first record there was written, in ms. Read once, for it seldom changes."""
        if (place, start) not in self._written_ms:
            self._written_ms = {
                each: at for each, at in self._written_ms.items() if each[0] != place
            }
            async for records in read_partition(
                self._servers, place.topic, place.partition, start=start, end=start + 1
            ):
                self._written_ms[place, start] = records[0].timestamp
        return self._written_ms.get((place, start))
