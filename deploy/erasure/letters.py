"""Take the letters of one person out of the DLQ.

A log can only be cut off at its beginning. So what lies before the last letter of the person, and
is not theirs, is written again at the end, in one transaction and with its times; then all up to
that letter is cut off. Letters after it stay where they are. A crash in between leaves some twice,
which means the same as once, and the next erasure of the person finishes it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from deploy.dead_letters.letters import Letter
from deploy.dead_letters.reading import DeadLetterLog
from deploy.errors import OperatingError
from streams.core.dead_letters import REQUEST_BYTES_MAX

IsTheirs = Callable[[Letter], bool]


class DlqNotRewritten(OperatingError):
    """Kafka did not do it. Nothing is lost; letters of others may stand there twice."""


@dataclass(slots=True)
class Cut:
    """What of one partition is theirs, what is kept by writing it again, and where to cut."""

    theirs: list[Letter] = field(default_factory=list)
    kept: list[Letter] = field(default_factory=list)
    before_offset: int = 0


async def find_theirs(log: DeadLetterLog, is_theirs: IsTheirs) -> dict[int, Cut]:
    """By partition; those that hold nothing of the person are absent."""
    cuts: dict[int, Cut] = {}
    for partition, (start, end) in (await log.limits()).items():
        cut, others = Cut(), list[Letter]()
        async for letter in log.read(partition, start, end):
            if not is_theirs(letter):
                others.append(letter)
                continue
            cut.theirs.append(letter)
            cut.kept += others
            others = []
            cut.before_offset = letter.offset + 1
        if cut.theirs:
            cuts[partition] = cut
    return cuts


async def take_out(
    bootstrap_servers: str, log: DeadLetterLog, app_id: str, cuts: dict[int, Cut]
) -> None:
    """Raises `DlqNotRewritten`."""
    if not cuts:
        return
    try:
        await _write_again(bootstrap_servers, log.topic, f"{app_id}-erasure", cuts)
        await _cut_off(bootstrap_servers, log.topic, cuts)
    except KafkaError as error:
        msg = f"The DLQ could not be rewritten ({error!r}). Erase again when Kafka answers."
        raise DlqNotRewritten(msg) from error


async def _write_again(
    bootstrap_servers: str, topic: str, transactional_id: str, cuts: dict[int, Cut]
) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        transactional_id=transactional_id,
        acks="all",
        max_request_size=REQUEST_BYTES_MAX,
    )
    try:
        await producer.start()
        async with producer.transaction():
            for partition, cut in cuts.items():
                for letter in _once_each(cut.kept):
                    await producer.send(
                        topic,
                        letter.value,
                        key=letter.key,
                        partition=partition,
                        timestamp_ms=letter.timestamp_ms,
                        headers=[*letter.headers, *letter.own_headers],
                    )
    finally:
        await producer.stop()


async def _cut_off(bootstrap_servers: str, topic: str, cuts: dict[int, Cut]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
        await admin.delete_records(
            {
                TopicPartition(topic, partition): RecordsToDelete(before_offset=cut.before_offset)
                for partition, cut in cuts.items()
            }
        )
    finally:
        await admin.close()


def _once_each(letters: list[Letter]) -> list[Letter]:
    """Without what a crash of an earlier erasure has left twice."""
    first: dict[tuple[str, bytes], Letter] = {}
    for letter in letters:
        content = blake2b(letter.value, digest_size=16).digest()
        first.setdefault((letter.subject, content), letter)
    return list(first.values())
