"""The output of one partition: points events, states and position in one Kafka transaction.

The transactional id belongs to the partition. Opening it ends what a former owner left open and
fences that owner for good: it can never commit again.
"""

import asyncio
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from schemas.topics import POSITION_KEY, Topics
from streams.core.ports import Output

BATCH_BYTES_MAX = 1 << 20
TRANSACTION_TIMEOUT_MS = 30_000
DLQ_PARTITION = 0

Pair = tuple[bytes, bytes, int | None]


class PartitionProducer:
    """Commits what one partition's fold gives."""

    def __init__(self, bootstrap_servers: str, app_id: str, topics: Topics, partition: int) -> None:
        self._topics = topics
        self._partition = partition
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap_servers,
            transactional_id=f"{app_id}-{partition}",
            acks="all",
            max_batch_size=BATCH_BYTES_MAX,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
        )

    async def open(self) -> None:
        """Fence every former owner of the partition."""
        await self._producer.start()

    async def close(self) -> None:
        await self._producer.stop()

    async def commit(self, output: Output, next_offset: int) -> int:
        """All or nothing. Returns the accounts-topic offset after the last state written."""
        states: list[Pair] = [(key, value, None) for key, value in output.states]
        states.append((POSITION_KEY, b"%d" % next_offset, None))
        await self._producer.begin_transaction()
        _, restored_to, _ = await asyncio.gather(
            self._send(self._topics.points, output.events),
            self._send(self._topics.accounts, states),
            self._bury(output),
        )
        await self._producer.commit_transaction()
        return restored_to

    async def _send(self, topic: str, pairs: Iterable[Pair]) -> int:
        """Returns the offset after the last record, or 0 where there was none."""
        batch = self._producer.create_batch()
        sent = []
        for key, value, timestamp in pairs:
            if batch.append(key=key, value=value, timestamp=timestamp) is None:
                sent.append(await self._send_batch(batch, topic))
                batch = self._producer.create_batch()
                # A record that no empty batch takes is larger than Kafka would take too.
                assert batch.append(key=key, value=value, timestamp=timestamp) is not None
        if batch.record_count():
            sent.append(await self._send_batch(batch, topic))
        ends = [(await written).offset + count for written, count in sent]
        return max(ends, default=0)

    async def _send_batch(
        self, batch: BatchBuilder, topic: str
    ) -> tuple[asyncio.Future[RecordMetadata], int]:
        count = batch.record_count()
        written = await self._producer.send_batch(batch, topic, partition=self._partition)
        return written, count

    async def _bury(self, output: Output) -> None:
        for each in output.rejected:
            await self._producer.send_and_wait(
                self._topics.dlq,
                each.value,
                key=each.key,
                partition=DLQ_PARTITION,
                headers=each.headers,
            )
