"""Topics are made as specified, and a difference is refused."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.embedded.ports import free_ports
from deploy.kafka import Running
from deploy.topics import ClusterUnreachable, TopicsDiffer, apply_topics
from schemas.topics import Topics
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.integration


async def partition_counts(broker: Running, topics: Topics) -> dict[str, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        described = await admin.describe_topics([spec.name for spec in topics])
    finally:
        await admin.close()
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def test_every_topic_is_made_with_its_partitions(broker: Running) -> None:
    topics = await fresh_topics(broker, partitions=3)

    counts = await partition_counts(broker, topics)

    assert counts.pop(topics.dlq) == 1
    assert set(counts.values()) == {3}
    assert len(counts) == 7


async def test_applying_again_checks_and_changes_nothing(broker: Running) -> None:
    topics = await fresh_topics(broker)

    applied = await apply_topics(broker.bootstrap_servers, topics, partitions=2)

    assert applied.created == []
    assert len(applied.present) == 8


@pytest.mark.parametrize("partitions", [1, 4])
async def test_another_partition_count_is_refused(broker: Running, partitions: int) -> None:
    topics = await fresh_topics(broker, partitions=2)

    with pytest.raises(TopicsDiffer, match=f"has 2 partitions, not {partitions}"):
        await apply_topics(broker.bootstrap_servers, topics, partitions=partitions)

    assert (await partition_counts(broker, topics))[topics.facts] == 2


@pytest.mark.parametrize(
    ("configs", "complaint"),
    [
        ({"cleanup.policy": "compact"}, "cleanup.policy=compact, not delete"),
        ({"retention.ms": "1000"}, "retention.ms=1000, not -1"),
    ],
)
async def test_facts_that_would_not_be_kept_for_ever_are_refused(
    broker: Running, configs: dict[str, str], complaint: str
) -> None:
    topics = Topics(f"differ{len(complaint)}.")
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topics.facts, 2, 1, topic_configs=configs)])
    await admin.close()
    while (await partition_counts(broker, topics))[topics.facts] != 2:  # noqa: ASYNC110 - a broker signals none
        await asyncio.sleep(0.05)

    with pytest.raises(TopicsDiffer, match=complaint):
        await apply_topics(broker.bootstrap_servers, topics, partitions=2)

    # Refused before anything was made.
    assert (await partition_counts(broker, topics))[topics.points] == 0


async def test_a_topic_made_otherwise_at_the_same_moment_is_noticed(broker: Running) -> None:
    topics = Topics("race.")
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topics.facts, 3, 1)])
        # No wait here: the cluster may or may not list it yet, and both must end in a refusal.
        with pytest.raises(TopicsDiffer, match="has 3 partitions, not 2"):
            await apply_topics(broker.bootstrap_servers, topics, partitions=2)
    finally:
        await admin.close()


async def test_a_cluster_that_does_not_answer_is_named() -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"

    with pytest.raises(ClusterUnreachable, match=address):
        await apply_topics(address, Topics(), partitions=1)
