"""Takes reward commands from Kafka into the ledger: commands and position in one transaction.

Kafka's own committed offset is a lag display only; where to go on stands beside the rewards.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter

from connectors.publish import Publisher, Record
from connectors.rewards.entries import (
    NewRevocation,
    NewReward,
    Received,
    Way,
    new_revocation,
    new_reward,
)
from connectors.rewards.ledger import Ledger
from schemas.codec import REWARDS, DecodeError
from schemas.dead_letters import attempts
from schemas.rewards import RevokeReward
from schemas.topics import HEADER_TRACEPARENT, header_in

log = structlog.get_logger(__name__)

COMMANDS = Counter(
    "cactus_reward_commands_received_total", "Reward commands by what became of them", ["result"]
)
BATCH_MAX = 500
POLL_MS = 500


Trace = Callable[
    [Sequence[ConsumerRecord]], tuple[Sequence[ConsumerRecord], Callable[[], None]] | None
]
"""Opens a span for each traced record: the same records under the new spans, and how to end them.
None where no record is traced.
"""


def _unheard(*_what: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who hears what of the intake. `lag` is told how many commands wait and the timestamp in ms of
    the last one read, by partition; `buried` the class of what goes to the DLQ; `conflicting` how
    many commands came under the id of another; `rebalanced` of each assignment.
    """

    lag: Callable[[Mapping[int, int], Mapping[int, int]], None] = _unheard
    buried: Callable[[str], None] = _unheard
    conflicting: Callable[[int], None] = _unheard
    rebalanced: Callable[[object], None] = _unheard
    trace: Trace | None = None


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
    def __init__(
        self, consumer: AIOKafkaConsumer, ledger: Ledger, rebalanced: Callable[[object], None]
    ) -> None:
        self._consumer = consumer
        self._ledger = ledger
        self._rebalanced = rebalanced

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Nothing to give back: what was received is in the ledger."""

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._rebalanced(assigned)
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
        listeners: Listeners | None = None,
    ) -> None:
        self._consumer = consumer
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._topic = topic
        self._arrived = arrived
        self._listeners = listeners or Listeners()
        self._read_ms: dict[int, int] = {}
        self._assigned = False

    def complaint(self) -> str | None:
        """What stands against readiness: Kafka has not given this process its partitions."""
        return None if self._assigned else "no partitions of the reward commands yet"

    async def run(self, stopping: asyncio.Event) -> None:
        rebalanced = self._listeners.rebalanced
        listener = _GoOnWhereLedgerEnds(self._consumer, self._ledger, rebalanced)
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
        trace = self._listeners.trace
        traced = None if trace is None else trace(records)
        grants: list[NewReward] = []
        revocations: list[NewRevocation] = []
        for record in records if traced is None else traced[0]:
            try:
                command = REWARDS.decode(record.value or b"")
            except DecodeError as error:
                log.warning(
                    "reward_command_unreadable", partition=record.partition, offset=record.offset
                )
                COMMANDS.labels("unreadable").inc()
                self._listeners.buried(type(error).__name__)
                await self._dead_letters.publish(_dead_letter(record, error))
                continue
            if isinstance(command, RevokeReward):
                revocations.append(new_revocation(command, record.value, way_of(record)))
            else:
                grants.append(new_reward(command, record.value, way_of(record)))
        received = await self._ledger.receive(
            grants,
            revocations,
            topic=partition.topic,
            partition=partition.partition,
            next_offset=records[-1].offset + 1,
        )
        if traced is not None:
            traced[1]()
        self._read_ms[partition.partition] = records[-1].timestamp
        self._notice(received)
        if received.inserted or received.revocations:
            self._arrived({new.site for new in grants} | {new.site for new in revocations})
        await self._show_position(partition, records[-1].offset + 1)

    def _notice(self, received: Received) -> None:
        COMMANDS.labels("inserted").inc(received.inserted)
        COMMANDS.labels("repeated").inc(received.repeated)
        COMMANDS.labels("revocation").inc(received.revocations)
        COMMANDS.labels("cancelled").inc(received.cancelled)
        for reward_id in received.conflicting:
            # Whoever wrote the second one broke the rule that a reward id means one thing.
            COMMANDS.labels("conflicting").inc()
            self._listeners.conflicting(1)
            log.error("reward_command_conflicts", reward_id=reward_id, kept="the first")

    async def _show_position(self, partition: TopicPartition, next_offset: int) -> None:
        try:
            await self._consumer.commit({partition: next_offset})
        except KafkaError:  # after a rebalance; only a display is out of date
            log.debug("reward_position_not_shown", partition=partition.partition)

    async def _show_lag(self) -> None:
        waiting = {}
        for partition in self._consumer.assignment():
            end = self._consumer.last_stable_offset(partition)
            if end is not None and end >= 0:
                behind = end - await self._consumer.position(partition)
                waiting[partition.partition] = max(0, behind)
        self._listeners.lag(waiting, self._read_ms)


def way_of(record: ConsumerRecord) -> Way:
    """The time of arrival has travelled along as the record's timestamp."""
    trace = header_in(record.headers, HEADER_TRACEPARENT) if record.headers else None
    return Way(
        arrived_ms=record.timestamp,
        traceparent="" if trace is None else trace.decode("ascii", "replace"),
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
            "attempts": str(attempts(record.headers)),
            "code_version": version("hellocactus"),
        },
    )
