"""Build the Faust app of a worker: the translate agent and the fold agent.

Faust keeps membership, assignment and delivery; every batch it delivers is handed on at once, so
that its own buffers never fill and it never pauses a partition.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import faust
from aiokafka import AIOKafkaProducer

from schemas.topics import Topics
from streams.core.acknowledge import Acknowledgements
from streams.core.batches import BatchSchema, WholeBatches
from streams.core.dead_letters import REQUEST_BYTES_MAX
from streams.core.ports import unheard
from streams.core.restore import Kept
from streams.core.transport import BatchTransport
from streams.core.underway import Underway
from streams.core.writer import Batch, Services, Writer
from streams.translate import Translator

IN_FLIGHT_MAX = 40_000
POLL_RECORDS_MAX = 5_000
FETCH_BYTES_MAX = 4 << 20
"""Of each partition at a time. The more facts come together, the fewer times an account is encoded;
what was fetched ahead is bounded by aiokafka's 50 MB for each broker.
"""
SESSION_TIMEOUT_SECONDS = 10.0
HEARTBEAT_SECONDS = 3.0
COMMIT_SECONDS = 1.0
METADATA_AGE_MS_MAX = 5_000
"""Who leads the group while a broker starts may be told of no partitions, and then gives nobody
any. It looks again this soon, and not in Faust's five minutes.
"""
ROOM_POLL_SECONDS = 0.01
TRANSLATED_AT_ONCE_MAX = 32
"""Batches whose facts Kafka has not acknowledged yet. With few events a second a batch holds one,
and one acknowledgement after the other would let through a hundred events a second.
"""
KEPT_SECONDS = 300.0


class Writers:
    """The writers of the partitions this worker has now, and for a while what those of lost ones
    left.
    """

    def __init__(self, services: Services, *, kept_seconds: float = KEPT_SECONDS) -> None:
        self._services = services
        self._kept_seconds = kept_seconds
        self._writers: dict[int, Writer] = {}
        self._kept: dict[int, Kept] = {}
        self._settled = False
        self._retired = False

    def open(self, partition: int) -> Writer:
        writer = self._writers.get(partition)
        if writer is None:
            kept = self._kept.pop(partition, None)
            writer = self._writers[partition] = Writer(partition, self._services, kept)
        return writer

    async def close(self, partitions: set[int]) -> None:
        """Give partitions up. What they hold is kept for minutes: a partition often comes straight
        back, and then only what others have written since must be read.
        """
        leaving = {each: self._writers.pop(each) for each in partitions if each in self._writers}
        kept = await asyncio.gather(*(writer.close() for writer in leaving.values()))
        for partition, state in zip(leaving, kept, strict=True):
            if state is not None:
                self._kept[partition] = state
                loop = asyncio.get_running_loop()
                loop.call_later(self._kept_seconds, self._forget, partition, state)

    def _forget(self, partition: int, state: Kept) -> None:
        """It has not come back: its accounts are another worker's to hold."""
        if self._kept.get(partition) is state:
            del self._kept[partition]

    async def retire(self) -> None:
        """Give everything up for good: what is delivered from here on is left to the next owner."""
        self._retired = True
        await self.close(set(self._writers))

    def deliver(self, partition: int, batch: Batch) -> None:
        """Hand a batch to its writer at once."""
        if not self._retired:
            self.open(partition).put(batch)

    async def settle(self, assigned: set[int]) -> None:
        """Writers for all of `assigned`, so that time passes for partitions without traffic too."""
        self._settled = True
        if not self._retired:
            for partition in assigned:
                self.open(partition)

    def complaint(self) -> str | None:
        """Why the worker is not ready, or None."""
        if not self._settled:
            return "no partitions were assigned yet"
        restoring = [each for each, writer in self._writers.items() if not writer.is_restored]
        return f"restoring partitions {sorted(restoring)}" if restoring else None

    @property
    def partitions(self) -> dict[int, Writer]:
        return self._writers

    def _waiting(self) -> int:
        return sum(writer.waiting for writer in self._writers.values())

    async def room(self) -> None:
        """Return when fewer facts than the bound wait: until then nothing more is taken."""
        while self._waiting() > IN_FLIGHT_MAX:  # noqa: ASYNC110 - rare, and writers come and go
            await asyncio.sleep(ROOM_POLL_SECONDS)


def build(
    *,
    bootstrap_servers: str,
    app_id: str,
    topics: Topics,
    partitions: int,
    services: Services,
    translator: Translator,
    directory: Path,
    rebalanced: Callable[[object], None] = unheard,
) -> tuple[faust.App, Writers]:
    """The app, and its writers for whoever watches them. Faust makes `directory` and leaves it
    empty: it would make one wherever the worker is started. `rebalanced` hears of each assignment.
    """
    app = faust.App(
        app_id,
        broker=f"kafka://{bootstrap_servers.replace(',', ';')}",
        store="memory://",
        datadir=str(directory),
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=partitions,
        table_standby_replicas=0,
        broker_session_timeout=SESSION_TIMEOUT_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_commit_interval=COMMIT_SECONDS,
        broker_max_poll_records=POLL_RECORDS_MAX,
        consumer_max_fetch_size=FETCH_BYTES_MAX,
        consumer_metadata_max_age_ms=METADATA_AGE_MS_MAX,
        consumer_auto_offset_reset="earliest",
        stream_buffer_maxsize=64,
        # Writers acknowledge after their commit: a stop must not wait for those that never come.
        stream_wait_empty=False,
        ConsumerScheduler=WholeBatches,
        web_enabled=False,
        worker_redirect_stdouts=False,
        autodiscover=False,
    )
    app.transport = BatchTransport(app.conf.broker_consumer, app)
    writers = Writers(services)
    acknowledgements = Acknowledgements(app)
    _fold_agent(app, topics, writers, acknowledgements, rebalanced)
    _translate_agent(app, topics, translator, services, acknowledgements)
    return app, writers


def _fold_agent(
    app: faust.App,
    topics: Topics,
    writers: Writers,
    acknowledgements: Acknowledgements,
    rebalanced: Callable[[object], None],
) -> None:
    facts = app.topic(topics.facts, schema=BatchSchema(), value_type=bytes)

    @app.on_partitions_revoked.connect  # type: ignore[arg-type]  # Faust passes the partitions
    async def on_revoked(_app: Any, *revocation: Any, **_: Any) -> None:
        (revoked,) = revocation
        await writers.close({each.partition for each in revoked if each.topic == topics.facts})

    @app.on_partitions_assigned.connect  # type: ignore[arg-type]  # as above
    async def on_assigned(_app: Any, *assignment: Any, **_: Any) -> None:
        (assigned,) = assignment
        acknowledgements.settle()
        rebalanced(assigned)
        await writers.settle({each.partition for each in assigned if each.topic == topics.facts})

    async def fold(stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            acknowledge = partial(acknowledgements.acknowledge, event)
            writers.deliver(message.partition, Batch(message.value, acknowledge))
            await writers.room()

    app.agent(facts, name="fold")(fold)


def _translate_agent(
    app: faust.App,
    topics: Topics,
    translator: Translator,
    services: Services,
    acknowledgements: Acknowledgements,
) -> None:
    incoming = app.topic(topics.raw, topics.custom, schema=BatchSchema(), value_type=bytes)
    underway = Underway(TRANSLATED_AT_ONCE_MAX, services.crash)

    async def translate(stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                written = await translator.take(event.message.value)
            except Exception as error:  # noqa: BLE001 - Faust would restart the agent and go on
                services.crash(error)
            await underway.add(written, partial(acknowledgements.acknowledge, event))

    app.agent(incoming, name="translate")(translate)


def idempotent_producer(bootstrap_servers: str) -> AIOKafkaProducer:
    """For facts that are absorbed by their natural keys when a crash repeats them."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        max_batch_size=262_144,
        max_request_size=REQUEST_BYTES_MAX,
    )
