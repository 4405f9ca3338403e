"""Read one partition from an offset to its present end, or to a given one, and where it ends."""

from collections.abc import AsyncIterator, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.core.batches import Record

FETCH_BYTES_MAX = 8 << 20
RECORD_BYTES = 16_384
"""More than a record mostly has: so much is fetched for each that is asked for, and no more. Kafka
sends what is larger all the same.
"""
POLL_MS = 200


async def read_partition(
    bootstrap_servers: str, topic: str, partition: int, *, start: int, end: int | None = None
) -> AsyncIterator[Sequence[Record]]:
    """Batches of committed records with start ≤ offset < end, in order.

    `end` None is the end of the partition as it is now. Offsets have gaps where a transaction's
    markers lie and where the log was compacted, so the position decides when all is read.
    """
    if end is not None and end <= start:
        return  # a consumer stopped before it did anything raises its own cancellation
    where = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        group_id=None,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=_fetch_bytes(start, end),
    )
    await consumer.start()
    try:
        consumer.assign([where])
        # Before the first await: the fetcher may otherwise reset the position to the end.
        consumer.seek(where, start)
        stop = (await consumer.end_offsets([where]))[where] if end is None else end
        while await consumer.position(where) < stop:
            batches = await consumer.getmany(where, timeout_ms=POLL_MS)
            records = [each for each in batches.get(where, ()) if each.offset < stop]
            if records:
                yield records
    finally:
        await consumer.stop()


def _fetch_bytes(start: int, end: int | None) -> int:
    return FETCH_BYTES_MAX if end is None else min(FETCH_BYTES_MAX, (end - start) * RECORD_BYTES)


async def partition_end(bootstrap_servers: str, topic: str, partition: int) -> int:
    """The offset after the last record, committed or not."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, group_id=None)
    await consumer.start()
    try:
        where = TopicPartition(topic, partition)
        end: int = (await consumer.end_offsets([where]))[where]
        return end
    finally:
        await consumer.stop()
