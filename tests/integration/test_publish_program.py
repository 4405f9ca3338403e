"""Publishing on a real broker: numbered once, known to every partition or to none."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.kafka import Running
from deploy.publish import PublishFailedError, publish, read_programs
from schemas.codec import FACTS
from schemas.facts import ProgramPublished
from schemas.program.load import load_program
from schemas.program.model import Program
from schemas.topics import Topics
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.integration

NOW = 1_796_079_600  # 1 December 2026, midnight in Berlin
PARTITIONS = 3
TEXT = """\
program: small
site: {site}
timezone: Europe/Berlin
earn:
  - {{id: pay, on: payment_succeeded, points: {points}}}
"""


def program(points: int = 5, site: str = "acme", **changes: Any) -> Program:
    return load_program(TEXT.format(points=points, site=site)).model_copy(update=changes)


async def facts(broker: Running, topics: Topics) -> dict[int, list[ProgramPublished]]:
    """What read_committed sees on each facts partition, up to its end."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topics.facts, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: dict[int, list[ProgramPublished]] = {number: [] for number in range(PARTITIONS)}
        while any([await consumer.position(each) < ends[each] for each in partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=100)).items():
                for record in records:
                    fact = FACTS.decode(record.value)
                    assert isinstance(fact, ProgramPublished)
                    found[partition.partition].append(fact)
        return found
    finally:
        await consumer.stop()


async def test_a_first_version_reaches_the_programs_topic_and_every_partition(
    broker: Running,
) -> None:
    topics = await fresh_topics(broker, PARTITIONS)

    published = await publish(broker.bootstrap_servers, topics, program(), NOW)

    assert published.changed
    assert published.partitions == PARTITIONS
    assert published.program.version == 1
    assert published.program.effective_at() == NOW
    assert await read_programs(broker.bootstrap_servers, topics) == [published.program]
    seen = await facts(broker, topics)
    for known in seen.values():
        assert [Program.model_validate(each.document) for each in known] == [published.program]
        assert [(each.id, each.site, each.customer) for each in known] == [
            ("program:small:1", "acme", "")
        ]


async def test_versions_count_up_for_each_program_of_each_site(broker: Running) -> None:
    topics = await fresh_topics(broker, PARTITIONS)
    servers = broker.bootstrap_servers

    first = await publish(servers, topics, program(5), NOW)
    second = await publish(servers, topics, program(6), NOW + 60)
    other = await publish(servers, topics, program(5, site="other"), NOW + 60)

    assert [each.program.version for each in (first, second, other)] == [1, 2, 1]
    assert [(each.site, each.version) for each in await read_programs(servers, topics)] == [
        ("acme", 1),
        ("acme", 2),
        ("other", 1),
    ]


async def test_an_unchanged_program_is_not_published_again(broker: Running) -> None:
    topics = await fresh_topics(broker, PARTITIONS)
    servers = broker.bootstrap_servers
    await publish(servers, topics, program(), NOW)

    again = await publish(servers, topics, program(), NOW + 3600)

    assert not again.changed
    assert again.program.version == 1
    assert {len(known) for known in (await facts(broker, topics)).values()} == {1}


async def test_a_version_that_would_never_apply_is_refused_and_leaves_nothing(
    broker: Running,
) -> None:
    topics = await fresh_topics(broker, PARTITIONS)
    servers = broker.bootstrap_servers
    await publish(servers, topics, program(), NOW)
    early = load_program(TEXT.format(points=9, site="acme") + "effective_from: 2026-01-01T00:00\n")

    with pytest.raises(PublishFailedError, match="would never apply"):
        await publish(servers, topics, early, NOW + 60)

    assert len(await read_programs(servers, topics)) == 1
    assert {len(known) for known in (await facts(broker, topics)).values()} == {1}


async def test_publishers_at_the_same_time_never_share_a_version(broker: Running) -> None:
    topics = await fresh_topics(broker, PARTITIONS)
    servers = broker.bootstrap_servers

    tried = await asyncio.gather(
        *(publish(servers, topics, program(points), NOW + points) for points in range(1, 5)),
        return_exceptions=True,
    )

    unexpected = [each for each in tried if isinstance(each, BaseException)]
    assert all(isinstance(each, PublishFailedError) for each in unexpected), unexpected
    versions = [each.version for each in await read_programs(servers, topics)]
    assert versions == list(range(1, len(versions) + 1))
    assert versions, "at least the last to begin must have got through"
    for known in (await facts(broker, topics)).values():
        assert [each.version for each in known] == versions


async def test_a_publisher_that_died_half_way_leaves_nothing_to_see(broker: Running) -> None:
    topics = await fresh_topics(broker, PARTITIONS)
    dead = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, transactional_id="cactus-programs-acme"
    )
    await dead.start()
    await dead.begin_transaction()
    await dead.send_and_wait(topics.facts, b"half a program", partition=0)

    published = await publish(broker.bootstrap_servers, topics, program(), NOW)

    assert published.program.version == 1
    assert [len(known) for known in (await facts(broker, topics)).values()] == [1, 1, 1]
    await dead.stop()


async def test_without_a_broker_it_says_so() -> None:
    with pytest.raises(PublishFailedError, match="did not take the program"):
        await publish("127.0.0.1:1", Topics("x."), program(), NOW)


async def test_without_topics_it_says_what_to_do(broker: Running) -> None:
    with pytest.raises(PublishFailedError, match="cactus topics apply"):
        await publish(broker.bootstrap_servers, Topics("nowhere."), program(), NOW)
