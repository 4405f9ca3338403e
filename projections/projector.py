"""The projector: points log in, SQL views and reward commands out.

Commands are produced, and awaited, before the SQL transaction that moves the position: a crash in
between repeats a command, which has the same id, and never loses one. Any error ends the process
with nothing half written; it starts again from the position in the database.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge, Histogram

from projections.balances import Logged
from projections.errors import LogBroken, SequenceGap
from projections.log import Chunk, Log, LogUnavailable, Record
from projections.rewards import react
from projections.store import Move, Store
from schemas.codec import POINTS, REWARDS, DecodeError
from schemas.ids import account_key

BATCH_RECORDS_MAX = 4_000
SILENCE_SECONDS_MAX = 10.0

EVENTS = Counter("cactus_projected_events_total", "Points events written to the views.")
REPEATS = Counter("cactus_projected_repeats_total", "Points events the views knew already.")
COMMANDS = Counter("cactus_reward_commands_total", "Reward commands produced.", ["type"])
GAPS = Counter("cactus_sequence_gaps_total", "Gaps found in an account's sequence. Must stay 0.")
UNREADABLE = Counter("cactus_unreadable_points_total", "Points events not understood. Must stay 0.")
BATCH_SECONDS = Histogram("cactus_projection_batch_seconds", "From records read to SQL committed.")
EVENT_TO_BALANCE_SECONDS = Histogram(
    "cactus_event_to_balance_seconds",
    "From the timestamp of a points record to the SQL commit that makes its balance readable.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400),
)
POSITION_TIME = Gauge("cactus_projected_timestamp_seconds", "When a batch was last committed.")

log = structlog.get_logger(__name__)

ReportLag = Callable[[int], None]


def decode_record(record: Record) -> Logged:
    """A record of the points topic. Raises `LogBroken` where this code does not know it."""
    try:
        event = POINTS.decode(record.value or b"")
    except DecodeError as error:
        msg = (
            f"The points event at {record.topic}/{record.partition}/{record.offset} cannot be "
            f"read: {error}. Upgrade this process before the one that writes; nothing was skipped."
        )
        raise LogBroken(msg) from error
    assert record.value is not None
    return Logged(record.partition, record.offset, record.timestamp, record.value.decode(), event)


def build_producer(bootstrap_servers: str) -> AIOKafkaProducer:
    """For commands: a retry inside it repeats none and keeps their order."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True, linger_ms=5
    )


class Projector:
    """Runs until told to stop. `store` must be migrated, `log` open, `producer` started and
    idempotent; `report_lag` is told how many records are still to be read.
    """

    def __init__(
        self,
        log: Log,
        store: Store,
        producer: AIOKafkaProducer,
        rewards_topic: str,
        report_lag: ReportLag,
    ) -> None:
        self._log = log
        self._store = store
        self._producer = producer
        self._rewards_topic = rewards_topic
        self._report_lag = report_lag
        self._positions: dict[int, int] = {}

    def complaint(self) -> str | None:
        """What stands against readiness. May be called from another thread."""
        if not self._log.has_answered():
            return "it has not read yet"
        silent_seconds = self._log.silent_seconds()
        if silent_seconds > SILENCE_SECONDS_MAX:
            return f"Kafka has not answered for {silent_seconds:.0f} s"
        return None

    async def open(self) -> None:
        """Take up the positions that the database holds."""
        partitions = await self._log.partitions()
        known = await self._store.open_positions(partitions)
        self._positions = {partition: known[partition] for partition in partitions}
        self._log.assign(self._positions)
        log.info("projecting", topic=self._log.topic, partitions=len(partitions))

    async def run(self, stop: asyncio.Event) -> None:
        """Project from where `open` began; a batch at hand is finished."""
        while not stop.is_set():
            await self.step()

    async def step(self) -> int:
        """Read once and apply what came. Returns how many records there were."""
        chunks = await self._log.read(BATCH_RECORDS_MAX)
        records = sum(len(chunk.records) for chunk in chunks)
        if chunks:
            await self._apply(chunks)
        self._report_lag(self._log.lag())
        return records

    async def _apply(self, chunks: Sequence[Chunk]) -> None:
        began = time.monotonic()
        try:
            batch = [decode_record(record) for chunk in chunks for record in chunk.records]
        except LogBroken:
            UNREADABLE.inc()
            raise
        await self._command(batch)
        moves = {
            chunk.partition: Move(self._positions[chunk.partition], chunk.next_offset)
            for chunk in chunks
        }
        try:
            fresh = await self._store.apply(batch, moves)
        except SequenceGap:
            GAPS.inc()
            raise
        for chunk in chunks:
            self._positions[chunk.partition] = chunk.next_offset
        self._measure(batch, fresh, began)

    async def _command(self, batch: Sequence[Logged]) -> None:
        pending = []
        try:
            for logged in batch:
                command = react(logged.event)
                if command is None:
                    continue
                COMMANDS.labels(type(command).__name__).inc()
                sending = await self._producer.send(
                    self._rewards_topic,
                    REWARDS.encode(command),
                    key=account_key(command.site, command.customer).encode(),
                    partition=logged.partition,
                    timestamp_ms=logged.recorded_at_ms,
                )
                pending.append(sending)
            await asyncio.gather(*pending)
        except KafkaError as error:
            msg = f"Reward commands could not be written to {self._rewards_topic}: {error!r}."
            raise LogUnavailable(msg) from error

    @staticmethod
    def _measure(batch: Sequence[Logged], fresh: int, began: float) -> None:
        EVENTS.inc(fresh)
        REPEATS.inc(len(batch) - fresh)
        BATCH_SECONDS.observe(time.monotonic() - began)
        now = time.time()
        POSITION_TIME.set(now)
        for logged in batch:
            EVENT_TO_BALANCE_SECONDS.observe(max(0.0, now - logged.recorded_at_ms / 1000))
