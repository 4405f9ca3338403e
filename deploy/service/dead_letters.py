"""The DLQ desk of these settings, and the same as the service's port."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.clock import wall_clock
from deploy.cluster import bootstrap_servers, topics_of
from deploy.dead_letters.desk import Decided, Desk, sender
from deploy.dead_letters.letters import Letter
from deploy.dead_letters.reading import DeadLetterLog
from deploy.service.refusals import as_refusals
from deploy.settings import Settings
from projections.service.ports import DeadLetter, DecisionRefused
from streams.core.dead_letters import REQUEST_BYTES_MAX


def desk_of(settings: Settings, access: AsyncEngine) -> Desk:
    """Connects to Kafka anew whenever it is asked for something."""
    servers, topics = bootstrap_servers(settings), topics_of(settings)

    async def send(letter: Letter) -> tuple[int, int]:
        async with _producing(servers) as producer:
            return await sender(producer)(letter)

    return Desk(DeadLetterLog(servers, topics.dlq), access, send, topics, wall_clock)


@asynccontextmanager
async def open_desk(settings: Settings, access: AsyncEngine) -> AsyncIterator[Desk]:
    """One that sends everything with one producer, which starts when there is something to send."""
    servers, topics = bootstrap_servers(settings), topics_of(settings)
    started: list[AIOKafkaProducer] = []
    async with AsyncExitStack() as stack:

        async def send(letter: Letter) -> tuple[int, int]:
            if not started:
                started.append(await stack.enter_async_context(_producing(servers)))
            return await sender(started[0])(letter)

        yield Desk(DeadLetterLog(servers, topics.dlq), access, send, topics, wall_clock)


@asynccontextmanager
async def _producing(bootstrap_servers: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        max_request_size=REQUEST_BYTES_MAX,
    )
    try:
        try:
            await producer.start()
        except KafkaError as error:
            raise DecisionRefused(
                f"Kafka does not answer ({error!r}): nothing was sent."
            ) from error
        yield producer
    finally:
        await producer.stop()


class KafkaDeadLetters:
    """The service's port."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def page(
        self, limit: int, before: tuple[int, int] | None, class_: str | None
    ) -> list[DeadLetter]:
        found: list[DeadLetter] = []
        with as_refusals():
            async for each in self._desk.newest_first(before=before):
                if class_ in (None, each.letter.class_):
                    found.append(_told(each))
                if len(found) == limit:
                    break
        return found

    async def show(self, partition: int, offset: int) -> DeadLetter | None:
        with as_refusals():
            found = await self._desk.find(partition, offset)
        return None if found is None else _told(found)

    async def replay(self, partition: int, offset: int, by: str, reason: str) -> str:
        with as_refusals():
            return await self._desk.replay(partition, offset, by, reason)

    async def discard(self, partition: int, offset: int, by: str, reason: str) -> None:
        with as_refusals():
            await self._desk.discard(partition, offset, by, reason)


def _told(decided: Decided) -> DeadLetter:
    letter = decided.letter
    return DeadLetter(
        partition=letter.partition,
        offset=letter.offset,
        at=letter.at,
        topic=letter.topic,
        source_partition=letter.source_partition,
        source_offset=letter.source_offset,
        class_=letter.class_,
        error=letter.error,
        attempts=letter.attempts,
        code_version=letter.code_version,
        key=letter.key,
        value=letter.value,
        state=decided.state,
    )
