"""Publish a program version: to the programs topic and, as a fact, to every facts partition.

One Kafka transaction holds both, so no partition knows a version that another will never see. The
transactional id is the site's: of two publishers the later fences the earlier, and versions are
numbered only after that.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from deploy.errors import OperatingError
from deploy.topics import partitions_of
from schemas import ids
from schemas.codec import FACTS
from schemas.facts import ProgramPublished
from schemas.program.model import Program
from schemas.program.periods import local_text, parse_zone, to_local
from schemas.topics import Topics

READ_SECONDS_MAX = 30.0
POLL_MS = 200
PUBLISHER_KEY = "@programs"


class PublishFailedError(OperatingError):
    """The program was not published, and nothing of it is to be seen."""


@dataclass(frozen=True, slots=True)
class Published:
    """What stands after publishing; `changed` is false where the same program stood already."""

    program: Program
    changed: bool
    partitions: int


def program_key(program: Program) -> bytes:
    """`site:program:version`."""
    return f"{program.site}:{program.program}:{program.version}".encode()


async def publish(bootstrap_servers: str, topics: Topics, program: Program, now: int) -> Published:
    """Number the program, fill `effective_from` with `now` where absent, and publish it.

    Raises `PublishFailedError`, also for a version that would never apply.
    """
    async with _producer(bootstrap_servers, program.site) as producer:
        known = await read_programs(bootstrap_servers, topics)
        mine = [each for each in known if _line(each) == _line(program)]
        latest = max(mine, key=lambda each: each.version, default=None)
        if latest is not None and same_program(program, latest):
            return Published(latest, changed=False, partitions=0)
        version = 1 if latest is None else latest.version + 1
        numbered = program.model_copy(update={"version": version})
        if numbered.effective_from is None:
            start = local_now(now, program.timezone)
            numbered = numbered.model_copy(update={"effective_from": start})
        refuse_unreachable(numbered, known, now)
        partitions = await producer.partitions_for(topics.facts)
        async with producer.transaction():
            await _send(producer, topics, numbered, sorted(partitions), now)
        return Published(numbered, changed=True, partitions=len(partitions))


async def read_programs(bootstrap_servers: str, topics: Topics) -> list[Program]:
    """Every published version, by site, program and version."""
    partitions = await _partitions_of_programs(bootstrap_servers, topics)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        consumer.assign(partitions)
        ends = await _true_ends(bootstrap_servers, consumer.assignment())
        values = await asyncio.wait_for(_read_all(consumer, ends), READ_SECONDS_MAX)
    except (KafkaError, OSError, TimeoutError) as error:
        raise PublishFailedError(
            f"The programs topic of {bootstrap_servers} cannot be read: {error!r}. "
            "Does the broker run, and did `cactus topics apply`?"
        ) from error
    finally:
        await consumer.stop()
    try:
        programs = [Program.model_validate(msgspec.json.decode(value)) for value in values.values()]
    except (ValidationError, msgspec.DecodeError) as error:
        raise PublishFailedError(f"{topics.programs} holds what is no program: {error}") from error
    return sorted(programs, key=lambda each: (each.site, each.program, each.version))


async def _partitions_of_programs(bootstrap_servers: str, topics: Topics) -> list[TopicPartition]:
    """Asked for first: a consumer waits forty seconds for a topic that nobody made."""
    try:
        numbers = await partitions_of(bootstrap_servers, topics.programs)
    except OperatingError as error:
        raise PublishFailedError(f"The programs cannot be read. {error}") from error
    return [TopicPartition(topics.programs, number) for number in numbers]


def same_program(draft: Program, published: Program) -> bool:
    """Whether they say the same. A draft without `effective_from` does not ask for a new one."""
    start = draft.effective_from or published.effective_from
    return published == draft.model_copy(
        update={"version": published.version, "effective_from": start}
    )


def retired(program: Program, known: list[Program], now: int) -> Program:
    """The version that ends a program: it keeps all that refunds and dates need, from now on.

    Raises `PublishFailedError` where the site has another program by now, or none yet: to retire
    this one would then end what it is not.
    """
    started = [each for each in known if each.site == program.site and each.effective_at() <= now]
    holds = max(started, key=lambda each: (each.effective_at(), each.version), default=None)
    if holds is None or holds.program != program.program:
        which = "no program" if holds is None else f"{holds.program} version {holds.version}"
        raise PublishFailedError(
            f"{program.program} does not apply to {program.site} now, {which} does: there is "
            "nothing to retire."
        )
    return program.model_copy(update={"retired": True, "effective_from": None})


def refuse_unreachable(program: Program, known: list[Program], now: int) -> None:
    """Raise where another version of the site wins at every instant from now on."""
    at = max(now, program.effective_at())
    for other in known:
        start = other.effective_at()
        if other.site == program.site and program.effective_at() < start <= at:
            raise PublishFailedError(
                f"This version would never apply: {other.program} version {other.version} applies "
                f"since {local_text(start)}. Write a later effective_from, or leave it out for now."
            )


def local_now(now: int, zone: str) -> datetime:
    """What `effective_from` is when the file leaves it out: local time to the second."""
    if now <= 0:
        raise PublishFailedError("The clock does not run yet: write effective_from in the program.")
    return to_local(now, parse_zone(zone)).replace(tzinfo=None, fold=0)


def _line(program: Program) -> tuple[str, str]:
    return program.site, program.program


async def _send(
    producer: AIOKafkaProducer, topics: Topics, program: Program, partitions: list[int], now: int
) -> None:
    fact = ProgramPublished(
        id=ids.program_published(program.program, program.version),
        site=program.site,
        customer="",
        occurred_at=now,
        program=program.program,
        version=program.version,
        document=program.document(),
    )
    sent = [
        await producer.send(
            topics.programs, key=program_key(program), value=msgspec.json.encode(program.document())
        )
    ]
    key = ids.account_key(program.site, PUBLISHER_KEY).encode()
    value = FACTS.encode(fact)
    sent += [
        await producer.send(topics.facts, key=key, value=value, partition=partition)
        for partition in partitions
    ]
    await asyncio.gather(*sent)


@asynccontextmanager
async def _producer(bootstrap_servers: str, site: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        transactional_id=f"cactus-programs-{site}",
        acks="all",
    )
    try:
        await producer.start()
        yield producer
    except (KafkaError, OSError) as error:
        raise PublishFailedError(
            f"Kafka at {bootstrap_servers} did not take the program: {error!r}. Nothing was "
            "published; another publisher of this site may have been at work: try again."
        ) from error
    finally:
        await producer.stop()


async def _read_all(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]
) -> dict[bytes, bytes]:
    """The last value of every key, up to `ends`."""
    partitions = consumer.assignment()
    values: dict[bytes, bytes] = {}
    while any([await consumer.position(each) < ends[each] for each in partitions]):
        for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
            for record in records:
                if record.key is not None and record.value is not None:
                    values[record.key] = record.value
    return values


async def _true_ends(
    bootstrap_servers: str, partitions: set[TopicPartition]
) -> dict[TopicPartition, int]:
    """Where the partitions end, what is not committed yet included.

    A commit is acknowledged before its markers stand in every partition: who then read only to the
    last stable offset would miss what was just published.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, group_id=None)
    await consumer.start()
    try:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return ends
    finally:
        await consumer.stop()
