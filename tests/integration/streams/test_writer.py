"""One partition's writer on a real broker: exactly once, whatever Faust delivers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NoReturn

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from deploy.kafka import Running
from schemas.topics import POSITION_KEY, Topics
from streams.core.batches import Record
from streams.core.restore import ForeignRecordError, Kept, PositionBeyondLogError
from streams.core.transaction import RecordTooLargeError
from streams.core.writer import Batch, Services, Writer
from tests.support.counting_fold import CountingFold
from tests.support.reading import read_all
from tests.support.topics import fresh_topics
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


class Crashed(Exception):
    pass


class Stage:
    """A broker with topics, and a way to run writers that do not end the test when they crash."""

    def __init__(self, broker: Running, topics: Topics, producer: AIOKafkaProducer) -> None:
        self.broker, self.topics, self.producer = broker, topics, producer
        self.folds: list[CountingFold] = []
        self.crashes: list[BaseException] = []
        self.acknowledged: list[int] = []

    def writer(self, kept: Kept | None = None) -> Writer:
        return Writer(0, self._services(), kept)

    def _services(self) -> Services:
        return Services(
            bootstrap_servers=self.broker.bootstrap_servers,
            app_id=self.topics.prefix,
            topics=self.topics,
            make_fold=self._make_fold,
            clock=lambda: 0,
            time_producer=self.producer,
            crash=self._crash,
        )

    def _make_fold(self, _partition: int) -> CountingFold:
        self.folds.append(CountingFold())
        return self.folds[-1]

    def _crash(self, error: BaseException) -> NoReturn:
        self.crashes.append(error)
        raise Crashed from error

    async def say(self, *values: bytes, key: bytes = b"acme:ann") -> None:
        for value in values:
            await self.producer.send_and_wait(self.topics.facts, value, key=key, partition=0)

    async def read(self, topic: str) -> list[Record]:
        return await read_all(self.broker, topic)

    async def deliver(self, writer: Writer, start: int = 0) -> int:
        """Hand over what lies in the facts topic from `start` on; returns the offset after it."""
        records = [each for each in await self.read(self.topics.facts) if each.offset >= start]
        after: int = records[-1].offset + 1
        writer.put(Batch(records, lambda: self.acknowledged.append(after)))
        return after

    async def points(self) -> list[bytes | None]:
        return [record.value for record in await self.read(self.topics.points)]


@asynccontextmanager
async def closing(writer: Writer) -> AsyncIterator[Writer]:
    try:
        yield writer
    finally:
        await writer.close()


@pytest.fixture
async def stage(broker: Running) -> AsyncIterator[Stage]:
    topics = await fresh_topics(broker)
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()
    yield Stage(broker, topics, producer)
    await producer.stop()


def reached(writer: Writer, offset: int) -> Callable[[], bool]:
    return lambda: writer.next_offset >= offset


async def test_events_states_and_position_are_committed_together_and_then_acknowledged(
    stage: Stage,
) -> None:
    await stage.say(b"a", b"b", b"c")
    async with closing(stage.writer()) as writer:
        after = await stage.deliver(writer)
        await eventually(lambda: bool(stage.acknowledged))

    states = {record.key: record.value for record in await stage.read(stage.topics.accounts)}
    assert await stage.points() == [b"1", b"2", b"3"]
    assert states == {b"acme:ann": b"3", POSITION_KEY: b"%d" % after}
    assert stage.acknowledged == [after]


async def test_facts_delivered_twice_are_folded_once(stage: Stage) -> None:
    await stage.say(b"a", b"b")
    async with closing(stage.writer()) as writer:
        await stage.deliver(writer)
        await stage.deliver(writer)
        await eventually(lambda: len(stage.acknowledged) == 2)

    assert await stage.points() == [b"1", b"2"]


async def test_a_writer_that_follows_goes_on_where_the_last_one_committed(stage: Stage) -> None:
    await stage.say(b"a", b"b")
    async with closing(stage.writer()) as first:
        await eventually(reached(first, await stage.deliver(first)))
    await stage.say(b"c")
    async with closing(stage.writer()) as second:
        await eventually(reached(second, await stage.deliver(second)))

    assert await stage.points() == [b"1", b"2", b"3"]


async def test_facts_that_delivery_skipped_are_read_from_the_log(stage: Stage) -> None:
    """Faust may have committed past what our transaction holds: the position is the authority."""
    await stage.say(b"a", b"b", b"c")
    async with closing(stage.writer()) as writer:
        await eventually(reached(writer, await stage.deliver(writer, start=2)))

    assert await stage.points() == [b"1", b"2", b"3"]


async def test_a_zombie_is_fenced_and_writes_nothing(stage: Stage) -> None:
    await stage.say(b"a")
    async with closing(stage.writer()) as zombie:
        await eventually(reached(zombie, await stage.deliver(zombie)))
        async with closing(stage.writer()) as owner:
            await eventually(lambda: owner.is_restored)
            await stage.say(b"b")
            after = await stage.deliver(zombie, start=1)
            await eventually(lambda: bool(stage.crashes))
            assert isinstance(stage.crashes[0], KafkaError)
            await stage.deliver(owner)
            await eventually(reached(owner, after))

    assert await stage.points() == [b"1", b"2"]


async def test_a_partition_given_back_restores_only_what_is_new(stage: Stage) -> None:
    await stage.say(b"a", b"b")
    first = stage.writer()
    await eventually(reached(first, await stage.deliver(first)))
    kept = await first.close()
    assert kept is not None

    async with closing(stage.writer(kept)) as again:
        await eventually(lambda: again.is_restored)
        await stage.say(b"c")
        await eventually(reached(again, await stage.deliver(again)))

    assert len(stage.folds) == 1
    assert stage.folds[0].restored == 0
    assert await stage.points() == [b"1", b"2", b"3"]


async def test_what_another_worker_wrote_meanwhile_is_read_when_a_partition_comes_back(
    stage: Stage,
) -> None:
    await stage.say(b"a")
    first = stage.writer()
    await eventually(reached(first, await stage.deliver(first)))
    kept = await first.close()
    await stage.say(b"b")
    async with closing(stage.writer()) as other:
        await eventually(reached(other, await stage.deliver(other)))
    await stage.say(b"c")
    async with closing(stage.writer(kept)) as again:
        await eventually(reached(again, await stage.deliver(again)))

    assert await stage.points() == [b"1", b"2", b"3"]


async def test_a_record_that_is_no_fact_goes_to_the_dlq_and_folding_goes_on(stage: Stage) -> None:
    await stage.say(b"a", b"bad", b"b")
    async with closing(stage.writer()) as writer:
        await eventually(reached(writer, await stage.deliver(writer)))

    buried = await stage.read(stage.topics.dlq)
    assert [(each.value, each.headers) for each in buried] == [(b"bad", (("error", b"bad"),))]
    assert await stage.points() == [b"1", b"2"]


async def test_an_output_of_several_batches_is_committed_whole(stage: Stage) -> None:
    """More states than one batch of a megabyte takes, and then a state that fills one alone."""
    async with closing(stage.writer()) as writer:
        await eventually(lambda: writer.is_restored)
        stage.folds[0].padding = b"0" * 300_000
        await stage.say(*(b"a" for _ in range(9)))
        await eventually(reached(writer, await stage.deliver(writer)))

    assert len(await stage.points()) == 9


async def test_a_record_larger_than_the_topic_takes_is_an_error_that_says_what_to_do(
    stage: Stage,
) -> None:
    async with closing(stage.writer()) as writer:
        await eventually(lambda: writer.is_restored)
        stage.folds[0].padding = b"0" * 1_100_000
        await stage.say(b"a")
        await stage.deliver(writer)
        await eventually(lambda: bool(stage.crashes))

    [error] = stage.crashes
    assert isinstance(error, RecordTooLargeError)
    assert f"max.message.bytes of {stage.topics.points}" in str(error)
    assert await stage.points() == []
    assert stage.acknowledged == []


async def test_a_tombstone_among_the_accounts_is_an_error_that_names_it(stage: Stage) -> None:
    """It would make an account forget its facts: going on would pay them again."""
    await stage.producer.send_and_wait(stage.topics.accounts, None, key=b"acme:ann", partition=0)

    async with closing(stage.writer()):
        await eventually(lambda: bool(stage.crashes))

    assert isinstance(stage.crashes[0], ForeignRecordError)
    assert f"{stage.topics.accounts}-0 holds at offset 0" in str(stage.crashes[0])


async def test_a_position_that_the_facts_never_reached_is_an_error_not_silence(
    stage: Stage,
) -> None:
    """As after the facts topic was made anew: every fact up to the position would be skipped."""
    await stage.say(b"a")
    await stage.producer.send_and_wait(stage.topics.accounts, b"2", key=POSITION_KEY, partition=0)

    async with closing(stage.writer()):
        await eventually(lambda: bool(stage.crashes))

    assert isinstance(stage.crashes[0], PositionBeyondLogError)
    assert "ends at offset 1" in str(stage.crashes[0])


async def test_a_writer_closed_while_it_restores_keeps_what_it_has_read(stage: Stage) -> None:
    await stage.say(b"a", b"b")
    async with closing(stage.writer()) as first:
        await eventually(reached(first, await stage.deliver(first)))
    hasty = stage.writer()
    kept = await hasty.close()
    assert kept is not None
    assert not hasty.is_restored

    await stage.say(b"c")
    async with closing(stage.writer(kept)) as again:
        await eventually(reached(again, await stage.deliver(again)))

    assert await stage.points() == [b"1", b"2", b"3"]


async def test_a_writer_that_fails_keeps_nothing(stage: Stage) -> None:
    """Its fold has taken up what was never committed: kept, it would leave facts out."""
    await stage.say(b"a")
    zombie = stage.writer()
    await eventually(lambda: zombie.is_restored)
    async with closing(stage.writer()) as owner:
        await eventually(lambda: owner.is_restored)
        await stage.deliver(zombie)
        await eventually(lambda: bool(stage.crashes))

        assert stage.folds[0].counts == {b"acme:ann": 1}
        assert await zombie.close() is None


async def test_a_writer_cancelled_by_a_stranger_ends_the_process(stage: Stage) -> None:
    """Else its partition would silently stand still."""
    writer = stage.writer()
    await eventually(lambda: writer.is_restored)

    writer._task.cancel()
    await eventually(lambda: bool(stage.crashes))

    assert isinstance(stage.crashes[0], asyncio.CancelledError)
    assert await writer.close() is None


async def test_what_is_due_is_written_to_the_own_facts_partition(stage: Stage) -> None:
    async with closing(stage.writer()) as writer:
        await eventually(lambda: writer.is_restored)
        stage.folds[0].told = [(b"acme:ann", b"time")]
        await eventually(lambda: not stage.folds[0].told)

        async def written() -> bool:
            return [each.value for each in await stage.read(stage.topics.facts)] == [b"time"]

        deadline = 50
        while not await written():
            deadline -= 1
            assert deadline > 0, "the fact of time never came"
