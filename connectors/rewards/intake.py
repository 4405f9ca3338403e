"""Takes reward commands from Kafka into the ledger: commands and position in one transaction.

Kafka's own committed offset is a lag display only; where to go on stands beside the rewards.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from importlib.metadata import version

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter

from connectors.publish import Publisher, Record
from connectors.rewards.ledger import Ledger, NewReward
from schemas.codec import REWARDS, DecodeError
from schemas.rewards import GrantReward, RevokeReward

log = structlog.get_logger(__name__)

COMMANDS = Counter(
    "cactus_reward_commands_received_total", "Reward commands by what became of them", ["result"]
)
BATCH_MAX = 500
POLL_MS = 500


def build_consumer(
    bootstrap_servers: str, *, group_id: str, client_id: str = "rewarder"
) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        group_id=group_id,
        client_id=client_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )


class _GoOnWhereLedgerEnds(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, consumer: AIOKafkaConsumer, ledger: Ledger) -> None:
        self._consumer = consumer
        self._ledger = ledger

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Nothing to give back: what was received is in the ledger."""

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        for topic in {each.topic for each in assigned}:
            positions = await self._ledger.positions(topic)
            for each in assigned:
                if each.topic != topic:
                    continue
                if each.partition in positions:
                    self._consumer.seek(each, positions[each.partition])
                else:
                    await self._consumer.seek_to_beginning(each)


class Intake:
    """Reads one topic of commands until stopped. `arrived` is told the sites of new rewards."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        ledger: Ledger,
        dead_letters: Publisher,
        *,
        topic: str,
        arrived: Callable[[set[str]], None],
        lag: Callable[[str, int], None],
    ) -> None:
        self._consumer = consumer
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._topic = topic
        self._arrived = arrived
        self._lag = lag
        self._assigned = False

    def complaint(self) -> str | None:
        """What stands against readiness: Kafka has not given this process its partitions."""
        return None if self._assigned else "no partitions of the reward commands yet"

    async def run(self, stopping: asyncio.Event) -> None:
        listener = _GoOnWhereLedgerEnds(self._consumer, self._ledger)
        self._consumer.subscribe([self._topic], listener=listener)
        await self._consumer.start()
        try:
            while not stopping.is_set():
                batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH_MAX)
                self._assigned = bool(self._consumer.assignment())
                for partition, records in batches.items():
                    await self._take(partition, records)
                await self._show_lag()
        finally:
            self._assigned = False
            await self._consumer.stop()

    async def _take(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        grants, revocations = [], {}
        for record in records:
            try:
                command = REWARDS.decode(record.value or b"")
            except DecodeError as error:
                log.warning(
                    "reward_command_unreadable", partition=record.partition, offset=record.offset
                )
                COMMANDS.labels("unreadable").inc()
                await self._dead_letters.publish(_dead_letter(record, error))
                continue
            if isinstance(command, RevokeReward):
                revocations[command.reward_id] = record.value
            else:
                grants.append(_new_reward(command, record.value))
        received = await self._ledger.receive(
            grants,
            revocations,
            topic=partition.topic,
            partition=partition.partition,
            next_offset=records[-1].offset + 1,
        )
        COMMANDS.labels("inserted").inc(received.inserted)
        COMMANDS.labels("repeated").inc(received.repeated)
        for reward_id in received.conflicting:
            # Whoever wrote the second one broke the rule that a reward id means one thing.
            COMMANDS.labels("conflicting").inc()
            log.error("reward_command_conflicts", reward_id=reward_id, kept="the first")
        COMMANDS.labels("withdrawn").inc(len(received.withdrawn))
        for reward_id in received.late:
            self._notice_late(reward_id)
        if received.inserted:
            self._arrived({new.site for new in grants})
        await self._show_position(partition, records[-1].offset + 1)

    def _notice_late(self, reward_id: str) -> None:
        COMMANDS.labels("not_revoked").inc()
        log.warning(
            "reward_not_revoked",
            reward_id=reward_id,
            reason="it was given, or may have been, and this release does not take rewards back; "
            "it is recorded in the ledger",
        )

    async def _show_position(self, partition: TopicPartition, next_offset: int) -> None:
        try:
            await self._consumer.commit({partition: next_offset})
        except KafkaError:  # after a rebalance; only a display is out of date
            log.debug("reward_position_not_shown", partition=partition.partition)

    async def _show_lag(self) -> None:
        lag = 0
        for partition in self._consumer.assignment():
            end = self._consumer.last_stable_offset(partition)
            if end is not None and end >= 0:
                lag += max(0, end - await self._consumer.position(partition))
        self._lag(self._topic, lag)


def _new_reward(command: GrantReward, value: bytes) -> NewReward:
    return NewReward(
        reward_id=command.reward_id, site=command.site, customer=command.customer, command=value
    )


def _dead_letter(record: ConsumerRecord, error: Exception) -> Record:
    """The original bytes, and what stands against them."""
    return Record(
        key=record.key or b"",
        value=record.value or b"",
        headers={
            "topic": record.topic,
            "partition": str(record.partition),
            "offset": str(record.offset),
            "class": type(error).__name__,
            "error": str(error)[:500],
            "attempts": "1",
            "code_version": version("hellocactus"),
        },
    )
