"""One writer per partition: takes all that waits, folds it, commits one transaction, acknowledges.

The position in the accounts topic is the authority. What lies before it is skipped; where a batch
starts beyond it, the writer reads what lies between by itself. Any unexpected exception goes to
`crash`, which ends the process before anything is committed: the next one does the work again.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import structlog
from aiokafka import AIOKafkaProducer
from prometheus_client import Counter, Gauge, Histogram

from schemas.topics import Topics
from streams.core.batches import Record
from streams.core.partition_log import read_partition
from streams.core.ports import Buried, Fold, Output, Passed, Trace, unheard
from streams.core.restore import Kept, refuse_position_beyond_log
from streams.core.transaction import PartitionProducer

FOLDED = Counter("cactus_facts_folded_total", "Facts folded, repeats and rejected ones included")
REPEATS = Counter("cactus_facts_repeated_total", "Facts whose natural key the account knew")
REJECTED = Counter("cactus_facts_rejected_total", "Records of the facts topic that are no facts")
TIME_WRITTEN = Counter("cactus_time_facts_total", "TimeReached facts written")
COMMIT_SECONDS = Histogram(
    "cactus_fold_commit_seconds",
    "One transaction, begin to commit",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
FOUND = Counter(
    "cactus_reconcile_gap_facts_total",
    "Facts that the poller brought and no webhook before it: lost webhooks, or late ones",
)
RESTORE_SECONDS = Histogram(
    "cactus_restore_seconds",
    "Taking over one partition",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
RESTORED = Counter("cactus_restored_states_total", "Account states read while taking over")
WAITING = Gauge("cactus_facts_in_flight", "Facts delivered and not yet committed")

TICK_SECONDS = 0.25
CLOSE_SECONDS_MAX = 5.0
FACTS_PER_TRANSACTION_MAX = 5_000
"""The event loop stands still while they are folded: a third of a second, well within what the
worker's liveness allows."""

log = structlog.get_logger(__name__)

Crash = Callable[[BaseException], NoReturn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What every writer of a worker shares."""

    bootstrap_servers: str
    app_id: str
    topics: Topics
    make_fold: Callable[[int], Fold]
    clock: Callable[[], int]
    time_producer: AIOKafkaProducer
    crash: Crash
    folded: Passed = unheard
    buried: Buried = unheard
    trace: Trace | None = None


class Batch:
    """Records of one delivery and how to acknowledge them."""

    __slots__ = ("acknowledge", "records")

    def __init__(self, records: list[Record], acknowledge: Callable[[], Any]) -> None:
        self.records = records
        self.acknowledge = acknowledge


class Writer:
    """The only writer of its partition while its transactional id holds."""

    def __init__(self, partition: int, services: Services, kept: Kept | None = None) -> None:
        self.partition = partition
        self.is_restored = False
        self.read_ms = 0
        self._services = services
        self._producer = PartitionProducer(
            services.bootstrap_servers, services.app_id, services.topics, partition
        )
        self._state = kept or Kept(services.make_fold(partition))
        self._inbox: list[Batch] = []
        self._wake = asyncio.Event()
        self._in_flight = 0
        self._closing = False
        self._task = asyncio.create_task(self._run(), name=f"writer-{partition}")

    @property
    def next_offset(self) -> int:
        return self._state.next_offset

    def put(self, batch: Batch) -> None:
        self._inbox.append(batch)
        self._in_flight += len(batch.records)
        WAITING.inc(len(batch.records))
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Facts delivered and not yet taken up."""
        return sum(len(batch.records) for batch in self._inbox)

    async def close(self) -> Kept | None:
        """Finish the transaction under way and stop. None where it could not be finished: what is
        in memory may then be ahead of the log, and must not be kept.
        """
        self._closing = True
        self._wake.set()
        await asyncio.wait({self._task}, timeout=CLOSE_SECONDS_MAX)
        self._task.cancel()
        [failure] = await asyncio.gather(self._task, return_exceptions=True)
        # A producer whose broker is away would wait for it for ever. The next owner's ends what
        # this one leaves open.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await self._producer.close()
        WAITING.dec(self._in_flight)
        return self._state if failure is None else None

    async def _run(self) -> None:
        try:
            await self._open()
            while not self._closing:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), TICK_SECONDS)
                self._wake.clear()
                while self._inbox and not self._closing:
                    batches, self._inbox = self._inbox, []
                    await self._take(batches)
                if not self._closing:
                    await self._tell_time()
        except BaseException as error:
            # Cancelled by `close`. By anybody else it would be a writer that silently is no more.
            if isinstance(error, asyncio.CancelledError) and self._closing:
                raise
            self._services.crash(error)  # whatever it is, the process ends

    async def _open(self) -> None:
        began = time.monotonic()
        await self._producer.open()
        start, count = self._state.restored_to, 0
        async for records in read_partition(
            self._services.bootstrap_servers,
            self._services.topics.accounts,
            self.partition,
            start=start,
        ):
            self._state.take_up(records)
            count += len(records)
            if self._closing:
                return  # what was read so far is whole as far as it goes
        await refuse_position_beyond_log(
            self._services.bootstrap_servers,
            self._services.topics,
            self.partition,
            self._state.next_offset,
        )
        self.is_restored = True
        took = time.monotonic() - began
        RESTORE_SECONDS.observe(took)
        RESTORED.inc(count)
        log.info(
            "partition restored",
            partition=self.partition,
            states=count,
            start=start,
            next_offset=self._state.next_offset,
            seconds=round(took, 3),
        )

    async def _take(self, batches: list[Batch]) -> None:
        fresh: list[Record] = []
        at = self._state.next_offset
        for batch in batches:
            if batch.records[0].offset > at:
                await self._fold(fresh)
                await self._read_gap(batch.records[0].offset)
                fresh, at = [], max(at, self._state.next_offset)
            # Each record moves the position, so that what is delivered twice is folded once even
            # within one take.
            for record in batch.records:
                if record.offset >= at:
                    fresh.append(record)
                    at = record.offset + 1
        await self._fold(fresh)
        taken = sum(len(batch.records) for batch in batches)
        self._in_flight -= taken
        WAITING.dec(taken)
        for batch in batches:
            batch.acknowledge()

    async def _read_gap(self, end: int) -> None:
        """Faust's committed offset ran ahead of ours, or only transaction markers lie between."""
        async for records in read_partition(
            self._services.bootstrap_servers,
            self._services.topics.facts,
            self.partition,
            start=self._state.next_offset,
            end=end,
        ):
            log.info("reading ahead of delivery", partition=self.partition, records=len(records))
            await self._fold(records)

    async def _fold(self, fresh: Sequence[Record]) -> None:
        """Fold records that lie, in order, at or after the position, and commit."""
        for start in range(0, len(fresh), FACTS_PER_TRANSACTION_MAX):
            await self._transact(fresh[start : start + FACTS_PER_TRANSACTION_MAX])

    async def _transact(self, fresh: Sequence[Record]) -> None:
        assert fresh[0].offset >= self._state.next_offset
        trace = self._services.trace
        traced = None if trace is None else trace(fresh)
        output = self._state.fold.apply(fresh if traced is None else traced[0])
        after = fresh[-1].offset + 1
        with COMMIT_SECONDS.time():
            restored_to = await self._producer.commit(output, after)
        self._state.next_offset = after
        self._state.restored_to = restored_to
        if traced is not None:
            traced[1]()
        self._count(fresh, output)

    def _count(self, fresh: Sequence[Record], output: Output) -> None:
        FOLDED.inc(len(fresh))
        REPEATS.inc(output.repeats)
        FOUND.inc(output.found)
        REJECTED.inc(len(output.rejected))
        for rejected in output.rejected:
            self._services.buried(rejected.error_class)
        self.read_ms = fresh[-1].timestamp
        self._services.folded([record.timestamp for record in fresh])
        log.debug(
            "facts folded",
            partition=self.partition,
            next_offset=self._state.next_offset,
            facts=len(fresh),
            repeats=output.repeats,
            rejected=len(output.rejected),
            points_events=len(output.events),
        )

    async def _tell_time(self) -> None:
        """Time is a fact: write it to our own partition, where it takes its place in the order."""
        due = self._state.fold.due(self._services.clock())
        if not due:
            return
        producer = self._services.time_producer
        sent = [
            await producer.send(
                self._services.topics.facts, value, key=key, partition=self.partition
            )
            for key, value in due
        ]
        await asyncio.gather(*sent)
        TIME_WRITTEN.inc(len(due))
