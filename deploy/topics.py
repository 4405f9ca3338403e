"""Make the topics that are missing and check those that exist; never shrink or re-partition one.

A customer has one partition number everywhere, and the account state of a partition lives beside
its facts: a changed partition count would separate them. So a difference is an error to be resolved
by hand, never by us.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from deploy.errors import OperatingError
from schemas.topics import Topics, TopicSpec

READY_SECONDS_MAX = 30.0
POLL_SECONDS = 0.05
DLQ_PARTITIONS = 1


class TopicsDiffer(OperatingError):
    """Existing topics are not as they must be."""


class ClusterUnreachable(OperatingError):
    """No Kafka answers where we were told."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply_topics` found and did, by topic name."""

    created: list[str]
    present: list[str]


async def apply_topics(
    bootstrap_servers: str, topics: Topics, *, partitions: int, replication: int = 1
) -> Applied:
    """Create what is missing, check the rest, and return when every topic has its leaders."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        present = [spec for spec in topics if spec.name in existing]
        missing = [spec for spec in topics if spec.name not in existing]
        # All is checked before anything is made: a refusal leaves the cluster as it was.
        differences = await _differences(admin, present, partitions)
        if differences:
            raise TopicsDiffer(_explain(differences))
        await _create(admin, missing, partitions, replication)
        await _await_leaders(admin, [spec.name for spec in topics])
        # Somebody may have made one of these a moment before us, and otherwise.
        if missing and (differences := await _differences(admin, missing, partitions)):
            raise TopicsDiffer(_explain(differences))
    except (KafkaError, OSError) as error:
        msg = f"Kafka at {bootstrap_servers} did not do it: {error}"
        raise ClusterUnreachable(msg) from error
    finally:
        await admin.close()
    return Applied([spec.name for spec in missing], [spec.name for spec in present])


async def partitions_of(bootstrap_servers: str, topic: str) -> list[int]:
    """The numbers of the partitions that a topic has. Raises `OperatingError`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
        [described] = await admin.describe_topics([topic])
    except (KafkaError, OSError) as error:
        msg = f"Kafka at {bootstrap_servers} does not tell of {topic}: {error!r}"
        raise ClusterUnreachable(msg) from error
    finally:
        await admin.close()
    if described["error_code"] or not described["partitions"]:
        raise OperatingError(f"There is no topic {topic}: run `cactus topics apply`.")
    return sorted(each["partition"] for each in described["partitions"])


def _partitions_of(spec: TopicSpec, partitions: int) -> int:
    return partitions if spec.same_partitions else DLQ_PARTITIONS


async def _create(
    admin: AIOKafkaAdminClient, missing: Sequence[TopicSpec], partitions: int, replication: int
) -> None:
    if not missing:
        return
    response = await admin.create_topics(
        [
            NewTopic(
                name=spec.name,
                num_partitions=_partitions_of(spec, partitions),
                replication_factor=replication,
                topic_configs=spec.configs,
            )
            for spec in missing
        ]
    )
    for name, code, *rest in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:  # another was first: checked below
            why = rest[0] if rest and rest[0] else error.__name__
            msg = f"Topic {name} could not be created: {why}"
            raise TopicsDiffer(msg)


async def _differences(
    admin: AIOKafkaAdminClient, present: Sequence[TopicSpec], partitions: int
) -> list[str]:
    if not present:
        return []
    counts = {
        topic["topic"]: len(topic["partitions"])
        for topic in await admin.describe_topics([spec.name for spec in present])
    }
    configs = await _configs(admin, present)
    found: list[str] = []
    for spec in present:
        wanted = _partitions_of(spec, partitions)
        if counts[spec.name] != wanted:
            found.append(f"{spec.name} has {counts[spec.name]} partitions, not {wanted}")
        for key, value in spec.configs.items():
            actual = configs[spec.name].get(key, "")
            if actual != value:
                found.append(f"{spec.name} has {key}={actual or 'unset'}, not {value}")
    return found


async def _configs(
    admin: AIOKafkaAdminClient, present: Sequence[TopicSpec]
) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, spec.name) for spec in present]
    answers: list[Any] = await admin.describe_configs(resources)
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for _code, _message, _type, name, entries in answer.resources
    }


def _explain(differences: list[str]) -> str:
    return (
        "Topics exist and are not as they must be; those were left alone:\n  "
        + "\n  ".join(differences)
        + "\nPartition counts are fixed at creation. Use the count they were made with "
        "(CACTUS_PARTITIONS), set retention and clean-up back with Kafka's own tools, "
        "or start a new installation with another CACTUS_TOPIC_PREFIX."
    )


async def _await_leaders(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """A topic just created has no leader for some milliseconds, and producers would see errors."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline:
        described = await admin.describe_topics(names)
        if all(
            topic["error_code"] == 0 and all(part["leader"] >= 0 for part in topic["partitions"])
            for topic in described
        ):
            return
        await asyncio.sleep(POLL_SECONDS)
    msg = f"Topics were created but have no leader after {READY_SECONDS_MAX:.0f} s."
    raise ClusterUnreachable(msg)
