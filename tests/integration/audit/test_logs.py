"""Ends that are settled: no transaction is half seen."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from deploy.errors import OperatingError
from deploy.kafka import Running
from deploy.topic_logs import open_logs
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.integration


async def test_an_end_is_told_only_when_the_transaction_before_it_has_ended(
    broker: Running,
) -> None:
    topics = await fresh_topics(broker)
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, transactional_id=f"{topics.prefix}open"
    )
    await producer.start()
    await producer.begin_transaction()
    written = await producer.send_and_wait(topics.points, b"an event", partition=0)

    async with open_logs(broker.bootstrap_servers, "audit") as logs:
        asking = asyncio.create_task(logs.ends(topics.points, [0, 1]))
        done, _ = await asyncio.wait({asking}, timeout=0.5)
        assert not done, "the transaction is still open"
        await producer.commit_transaction()
        ends = await asking
        values = [
            record.value
            async for records in logs.read(topics.points, 0, 0, ends[0])
            for record in records
        ]
    await producer.stop()

    assert ends[0] > written.offset
    assert values == [b"an event"]
    assert ends[1] == 0


async def test_without_a_broker_it_says_so() -> None:
    with pytest.raises(OperatingError, match="cannot be read"):
        async with open_logs("127.0.0.1:1", "audit"):
            pass
