"""The projector: points log in, SQL views and reward commands out.

Commands are produced, and awaited, before the SQL transaction that moves the position: a crash in
between repeats a command, which has the same id, and never loses one. Any error ends the process
with nothing half written; it starts again from the position in the database.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge, Histogram

from projections.balances import Logged
from projections.errors import LogBroken, SequenceGap
from projections.log import Chunk, Log, LogUnavailable, Record
from projections.rewards import react
from projections.store import Move, Store
from projections.tally import Tally
from schemas.codec import POINTS, REWARDS, DecodeError
from schemas.ids import account_key
from schemas.topics import HEADER_TRACEPARENT, header_in

BATCH_RECORDS_MAX = 4_000
SILENCE_SECONDS_MAX = 10.0

EVENTS = Counter("cactus_projected_events_total", "Points events written to the views.")
REPEATS = Counter("cactus_projected_repeats_total", "Points events the views knew already.")
COMMANDS = Counter("cactus_reward_commands_total", "Reward commands produced.", ["type"])
BATCH_SECONDS = Histogram(
    "cactus_projection_batch_seconds",
    "From records read to SQL committed",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
POINTS_MOVED = Counter(
    "cactus_points_total", "Points that came to accounts or left them", ["program", "kind"]
)
OUTSTANDING = Gauge(
    "cactus_points_outstanding", "Points that accounts hold: balance and pending", ["program"]
)

log = structlog.get_logger(__name__)

Passed = Callable[[Sequence[int]], None]
Count = Callable[[int], None]
Trace = Callable[[Sequence[Record]], tuple[Sequence[Record], Callable[[], None]] | None]
"""Opens a span for each traced record: the same records under the new spans, and how to end them.
None where no record is traced.
"""


def _unheard(*_what: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who hears what of the projector. `lag` is told how many records wait and the timestamp in ms
    of the last one read, by partition; `projected` the timestamps of records whose rows can be
    read; the others how many events break what must hold.
    """

    lag: Callable[[Mapping[int, int], Mapping[int, int]], None] = _unheard
    projected: Passed = _unheard
    gaps: Count = _unheard
    unreadable: Count = _unheard
    unbalanced: Count = _unheard
    trace: Trace | None = None


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
    trace = header_in(record.headers, HEADER_TRACEPARENT) if record.headers else None
    text = record.value.decode()
    return Logged(record.partition, record.offset, record.timestamp, text, event, trace)


def build_producer(bootstrap_servers: str) -> AIOKafkaProducer:
    """For commands: a retry inside it repeats none and keeps their order."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True, linger_ms=5
    )


class Projector:
    """Runs until told to stop. `store` must be migrated, `log` open, `producer` started and
    idempotent.
    """

    def __init__(
        self,
        log: Log,
        store: Store,
        producer: AIOKafkaProducer,
        rewards_topic: str,
        listeners: Listeners | None = None,
    ) -> None:
        self._log = log
        self._store = store
        self._producer = producer
        self._rewards_topic = rewards_topic
        self._listeners = listeners or Listeners()
        self._positions: dict[int, int] = {}
        self._read_ms: dict[int, int] = {}

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
        for program, points in (await self._store.outstanding()).items():
            OUTSTANDING.labels(program).set(points)
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
        self._listeners.lag(self._log.lag(), self._read_ms)
        return records

    async def _apply(self, chunks: Sequence[Chunk]) -> None:
        began = time.monotonic()
        records: Sequence[Record] = [record for chunk in chunks for record in chunk.records]
        trace = self._listeners.trace
        traced = None if trace is None else trace(records)
        try:
            batch = [decode_record(each) for each in (records if traced is None else traced[0])]
        except LogBroken:
            self._listeners.unreadable(1)
            raise
        await self._command(batch)
        moves = {
            chunk.partition: Move(self._positions[chunk.partition], chunk.next_offset)
            for chunk in chunks
        }
        tally = Tally()
        try:
            fresh = await self._store.apply(batch, moves, tally)
        except SequenceGap:
            self._listeners.gaps(1)
            raise
        if traced is not None:
            traced[1]()
        for chunk in chunks:
            self._positions[chunk.partition] = chunk.next_offset
            if chunk.records:
                self._read_ms[chunk.partition] = chunk.records[-1].timestamp
        self._measure(batch, fresh, began)
        self._count(tally)

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
                    headers=trace_of(logged),
                )
                pending.append(sending)
            await asyncio.gather(*pending)
        except KafkaError as error:
            msg = f"Reward commands could not be written to {self._rewards_topic}: {error!r}."
            raise LogUnavailable(msg) from error

    def _measure(self, batch: Sequence[Logged], fresh: int, began: float) -> None:
        EVENTS.inc(fresh)
        REPEATS.inc(len(batch) - fresh)
        took = time.monotonic() - began
        BATCH_SECONDS.observe(took)
        self._listeners.projected([logged.recorded_at_ms for logged in batch])
        log.debug("events projected", records=len(batch), fresh=fresh, seconds=round(took, 3))

    def _count(self, tally: Tally) -> None:
        for (program, kind), points in tally.points.items():
            POINTS_MOVED.labels(program, kind).inc(points)
        for program, points in tally.outstanding.items():
            OUTSTANDING.labels(program).inc(points)
        if tally.unbalanced:
            self._listeners.unbalanced(tally.unbalanced)
            log.error("figures are not the sum of the lots", events=tally.unbalanced)


def trace_of(logged: Logged) -> list[tuple[str, bytes]]:
    """The header under which a command goes on with its event's trace."""
    return [] if logged.traceparent is None else [(HEADER_TRACEPARENT, logged.traceparent)]
