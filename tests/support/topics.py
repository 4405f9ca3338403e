"""The whole set of topics under a prefix of its own, so that tests share one broker."""

import uuid

from deploy.kafka import Running
from deploy.topics import apply_topics
from schemas.topics import Topics


async def fresh_topics(broker: Running, partitions: int = 2) -> Topics:
    """Every topic of an installation, empty, that no other test knows."""
    topics = Topics(f"t{uuid.uuid4().hex[:10]}.")
    await apply_topics(broker.bootstrap_servers, topics, partitions=partitions)
    return topics
