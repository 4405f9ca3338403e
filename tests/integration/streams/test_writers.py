"""The writers of one worker: opened, given up, kept, bounded."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from typing import NoReturn

import pytest
from aiokafka import AIOKafkaProducer

from deploy.kafka import Running
from schemas.topics import Topics
from streams.app import IN_FLIGHT_MAX, Writers
from streams.core.writer import Batch, Services
from tests.support.counting_fold import CountingFold
from tests.support.reading import read_all
from tests.support.records import record
from tests.support.topics import fresh_topics
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


class Stage:
    def __init__(self, broker: Running, topics: Topics, producer: AIOKafkaProducer) -> None:
        self.folds: list[CountingFold] = []
        self.broker, self.topics, self.producer = broker, topics, producer
        self.services = Services(
            bootstrap_servers=broker.bootstrap_servers,
            app_id=topics.prefix,
            topics=topics,
            make_fold=self._make_fold,
            clock=lambda: 0,
            time_producer=producer,
            crash=_crash,
        )
        self.writers = Writers(self.services)

    def _make_fold(self, _partition: int) -> CountingFold:
        self.folds.append(CountingFold())
        return self.folds[-1]

    async def say(self, value: bytes) -> Batch:
        """Into the log of partition 0, and as the batch that delivers it."""
        sent = await self.producer.send_and_wait(
            self.topics.facts, value, key=b"acme:ann", partition=0
        )
        return Batch([record(sent.offset, value, partition=0)], lambda: None)

    async def settle(self, *partitions: int) -> None:
        await self.writers.settle(set(partitions))
        await eventually(lambda: self.writers.complaint() is None)

    async def points(self) -> list[bytes | None]:
        return [each.value for each in await read_all(self.broker, self.topics.points)]


def _crash(error: BaseException) -> NoReturn:
    raise AssertionError("a writer crashed") from error


@pytest.fixture
async def stage(broker: Running) -> AsyncIterator[Stage]:
    topics = await fresh_topics(broker)
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()
    stage = Stage(broker, topics, producer)
    yield stage
    await stage.writers.retire()
    await producer.stop()


async def test_a_worker_complains_until_it_has_partitions_and_they_are_restored(
    stage: Stage,
) -> None:
    assert stage.writers.complaint() == "no partitions were assigned yet"

    await stage.writers.settle({0, 1})
    assert stage.writers.complaint() == "restoring partitions [0, 1]"
    await eventually(lambda: stage.writers.complaint() is None)


async def test_a_partition_that_comes_back_keeps_its_fold(stage: Stage) -> None:
    await stage.settle(0, 1)
    stage.writers.deliver(0, await stage.say(b"a"))
    await eventually(lambda: stage.writers.partitions[0].next_offset == 1)

    await stage.writers.close({0, 1})
    assert stage.writers.partitions == {}
    await stage.settle(0)
    stage.writers.deliver(0, await stage.say(b"b"))
    await eventually(lambda: stage.writers.partitions[0].next_offset == 2)

    assert len(stage.folds) == 2
    assert sum(fold.restored for fold in stage.folds) == 0
    assert await stage.points() == [b"1", b"2"]


async def test_a_partition_that_stays_away_is_forgotten_and_its_memory_given_back(
    stage: Stage,
) -> None:
    writers = Writers(stage.services, kept_seconds=0.05)
    await writers.settle({0})
    await writers.close({0})
    [fold] = stage.folds
    held = weakref.ref(fold)
    del fold
    stage.folds.clear()
    assert held() is not None

    def is_gone() -> bool:
        gc.collect()
        return held() is None

    await eventually(is_gone)


async def test_what_is_delivered_after_everything_was_given_up_is_left_to_the_next_owner(
    stage: Stage,
) -> None:
    await stage.settle(0)
    await stage.writers.retire()

    stage.writers.deliver(0, await stage.say(b"a"))
    await stage.writers.settle({0})

    assert stage.writers.partitions == {}


async def test_no_more_is_taken_while_too_many_facts_wait(stage: Stage) -> None:
    many = [record(offset, b"a", partition=0) for offset in range(IN_FLIGHT_MAX + 1)]
    stage.writers.deliver(0, Batch(many, lambda: None))
    room = asyncio.create_task(stage.writers.room())
    await asyncio.sleep(0)
    assert not room.done()

    await eventually(room.done)
    assert stage.writers.partitions[0].waiting == 0
