"""Read what came in from outside, as far as it was translated, and the dead letters."""

from collections.abc import Sequence

from deploy.audit.dead_letters import DeadLetters
from deploy.audit.incoming import Incoming
from deploy.audit.tally import Progress
from deploy.topic_logs import Logs
from schemas.topics import Topics
from streams.core.batches import Record

STAGE = "what came in"
DLQ_PARTITION = 0


async def read_incoming(
    logs: Logs, topics: Topics, partitions: Sequence[int], incoming: Incoming, progress: Progress
) -> None:
    """Raw and custom records that retention has left, up to what workers have acknowledged: their
    facts and dead letters are written before that.
    """
    spans = []
    for topic in (topics.raw, topics.custom):
        starts = await logs.starts(topic, partitions)
        ends = await logs.committed(topic, partitions)
        spans += [(topic, each, starts[each], ends[each]) for each in partitions]
    total, done = sum(max(0, end - start) for _, _, start, end in spans), 0
    for topic, partition, start, end in spans:
        async for records in logs.read(topic, partition, start, end):
            for record in records:
                _take(record, topics, incoming)
            done += len(records)
            progress(STAGE, done, total)


def _take(record: Record, topics: Topics, incoming: Incoming) -> None:
    origin, value = (record.topic, record.partition, record.offset), record.value or b""
    if record.topic == topics.raw:
        incoming.take_raw(origin, record.headers, value, record.timestamp)
    else:
        incoming.take_custom(origin, value, record.timestamp)


async def read_letters(logs: Logs, topic: str, dead_letters: DeadLetters, start: int = 0) -> int:
    """Dead letters from `start` on. Returns where to go on when more have come."""
    first = (await logs.starts(topic, [DLQ_PARTITION]))[DLQ_PARTITION]
    end = (await logs.ends(topic, [DLQ_PARTITION]))[DLQ_PARTITION]
    async for records in logs.read(topic, DLQ_PARTITION, max(first, start), end):
        if first and not start and not dead_letters.reaches_back_to_ms:
            dead_letters.reaches_back_to_ms = records[0].timestamp
        for record in records:
            dead_letters.take_letter(record.offset, record.headers, record.value or b"")
    return end
