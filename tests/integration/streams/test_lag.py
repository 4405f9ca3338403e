"""The lag that workers show: true at every instant, and never made of markers."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.kafka import Running
from schemas.topics import Topics
from streams.core.lag import LagMeter
from streams.core.partition_log import partition_end
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.integration


async def say(broker: Running, topic: str, count: int, *, transaction: str | None = None) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, transactional_id=transaction
    )
    await producer.start()
    try:
        if transaction is not None:
            await producer.begin_transaction()
        for _ in range(count):
            await producer.send_and_wait(topic, b"fact", partition=0)
        if transaction is not None:
            await producer.commit_transaction()
    finally:
        await producer.stop()


async def behind(broker: Running, topics: Topics, position: int) -> int:
    meter = LagMeter(broker.bootstrap_servers, topics.prefix)
    await meter.start()
    try:
        return await meter.behind(topics.facts, {0: position, 1: 0})
    finally:
        await meter.stop()


async def test_what_lies_between_a_position_and_the_end_waits(broker: Running) -> None:
    topics = await fresh_topics(broker)
    await say(broker, topics.facts, 30)

    assert await behind(broker, topics, 0) == 30
    assert await behind(broker, topics, 29) == 1
    assert await behind(broker, topics, 30) == 0


async def test_a_transaction_marker_at_the_end_is_nothing_to_wait_for(broker: Running) -> None:
    topics = await fresh_topics(broker)
    await say(broker, topics.facts, 2, transaction=topics.prefix)

    assert await partition_end(broker.bootstrap_servers, topics.facts, 0) == 3
    assert await behind(broker, topics, 2) == 0
    assert await behind(broker, topics, 1) == 2


async def test_what_a_group_has_not_committed_waits_from_the_beginning_on(broker: Running) -> None:
    topics = await fresh_topics(broker)
    await say(broker, topics.raw, 5)
    meter = LagMeter(broker.bootstrap_servers, topics.prefix)
    await meter.start()
    committer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap_servers,
        group_id=topics.prefix,
        enable_auto_commit=False,
    )
    await committer.start()
    try:
        assert await meter.uncommitted(topics.raw, {0, 1}) == 5
        committer.assign([TopicPartition(topics.raw, 0)])
        await committer.commit({TopicPartition(topics.raw, 0): 3})
        assert await meter.uncommitted(topics.raw, {0, 1}) == 2
        assert await meter.uncommitted(topics.raw, set()) == 0
    finally:
        await committer.stop()
        await meter.stop()
