"""Reads whole topics, for the audit: its own reader, so that the engine's is audited too."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import Topics

POLL_MS = 300
FETCH_BYTES_MAX = 8 << 20


@dataclass(frozen=True, slots=True)
class Record:
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


@dataclass(slots=True)
class Logs:
    """All that can be read of the topics of a run, each in the order of its partitions."""

    raw: list[Record] = field(default_factory=list)
    facts: list[Record] = field(default_factory=list)
    points: list[Record] = field(default_factory=list)
    accounts: list[Record] = field(default_factory=list)
    dlq: list[Record] = field(default_factory=list)


async def read_logs(bootstrap_servers: str, topics: Topics) -> Logs:
    return Logs(
        raw=await read_topic(bootstrap_servers, topics.raw),
        facts=await read_topic(bootstrap_servers, topics.facts),
        points=await read_topic(bootstrap_servers, topics.points),
        accounts=await read_topic(bootstrap_servers, topics.accounts),
        dlq=await read_topic(bootstrap_servers, topics.dlq),
    )


async def _ends(bootstrap_servers: str, where: list[TopicPartition]) -> dict[TopicPartition, int]:
    """Of all records, so that what is committed and not yet visible is waited for."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers)
    await consumer.start()
    try:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(where)
        return ends
    finally:
        await consumer.stop()


async def read_topic(bootstrap_servers: str, topic: str) -> list[Record]:
    """Every committed record up to the present end, by partition and offset."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES_MAX,
    )
    await consumer.start()
    try:
        partitions = await consumer._client._wait_on_metadata(topic)
        where = [TopicPartition(topic, each) for each in sorted(partitions)]
        consumer.assign(where)
        for each in where:
            consumer.seek(each, 0)
        ends = await _ends(bootstrap_servers, where)
        found: dict[int, list[Record]] = {each.partition: [] for each in where}
        while any([await consumer.position(each) < ends[each] for each in where]):
            for at, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                found[at.partition] += [
                    Record(at.partition, each.offset, each.key or b"", each.value or b"",
                           each.headers)
                    for each in records
                ]  # fmt: skip
    finally:
        await consumer.stop()
    return [record for records in found.values() for record in records]
