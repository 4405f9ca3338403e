"""The output of one partition: points events, states and position in one Kafka transaction.

The transactional id belongs to the partition. Opening it ends what a former owner left open and
fences that owner for good: it can never commit again.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from schemas.topics import POSITION_KEY, Topics
from streams.core.dead_letters import REQUEST_BYTES_MAX
from streams.core.ports import Headers, Output

BATCH_BYTES_MAX = 1 << 20
"""Of several records; a single one may be larger, and then the topic's own limit holds."""
TRANSACTION_TIMEOUT_MS = 30_000
DLQ_PARTITION = 0

Pair = tuple[bytes, bytes, int | None]
NO_HEADERS: Mapping[int, Headers] = {}
WITHOUT: Headers = []
"""What a record has that carries none. aiokafka takes a list only."""


class RecordTooLargeError(Exception):
    """Kafka does not take a record of the output: most likely an account that grew too large.

    Leaving it out would forget facts, so its partition stands still until the topic has room.
    """


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
            max_request_size=REQUEST_BYTES_MAX,
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
            self._send(self._topics.points, output.events, output.headers),
            self._send(self._topics.accounts, states),
            self._bury(output),
        )
        await self._producer.commit_transaction()
        return restored_to

    async def _send(
        self, topic: str, pairs: Iterable[Pair], headers: Mapping[int, Headers] = NO_HEADERS
    ) -> int:
        """Returns the offset after the last record, or 0 where there was none."""
        sent = [await self._send_batch(batch, topic) for batch in self._batches(pairs, headers)]
        ends = [await self._written(*each, topic) for each in sent]
        return max(ends, default=0)

    def _batches(
        self, pairs: Iterable[Pair], headers: Mapping[int, Headers]
    ) -> Iterator[BatchBuilder]:
        """Full batches. One that is empty takes any record: how large is for the topic to say."""
        batch = self._producer.create_batch()
        for place, (key, value, timestamp) in enumerate(pairs):
            own = headers.get(place, WITHOUT)
            if batch.append(key=key, value=value, timestamp=timestamp, headers=own) is None:
                yield batch
                batch = self._producer.create_batch()
                first = batch.append(key=key, value=value, timestamp=timestamp, headers=own)
                assert first is not None, "an empty batch takes any record"
        if batch.record_count():
            yield batch

    async def _send_batch(
        self, batch: BatchBuilder, topic: str
    ) -> tuple[asyncio.Future[RecordMetadata], int, int]:
        count, size = batch.record_count(), batch.size()
        written = await self._producer.send_batch(batch, topic, partition=self._partition)
        return written, count, size

    @staticmethod
    async def _written(
        sending: asyncio.Future[RecordMetadata], count: int, size: int, topic: str
    ) -> int:
        """The offset after the last record of a batch."""
        try:
            metadata = await sending
        except MessageSizeTooLargeError as error:
            raise RecordTooLargeError(
                f"Kafka refuses {size} bytes ({count} records) on {topic}. Nothing is committed or "
                f"lost. Set max.message.bytes of {topic} above {size} and the partition goes on."
            ) from error
        end: int = metadata.offset + count
        return end

    async def _bury(self, output: Output) -> None:
        for each in output.rejected:
            await self._producer.send_and_wait(
                self._topics.dlq,
                each.value,
                key=each.key,
                partition=DLQ_PARTITION,
                headers=each.headers,
            )
