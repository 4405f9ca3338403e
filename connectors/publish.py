"""Publish records to Kafka durably: the port that receiver and poller use, and its Kafka adapter.

The adapter starts without a broker, says so, and connects when there is one.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, ProducerClosed
from prometheus_client import Gauge

from connectors.capacity import Capacity, CapacityFullError

log = structlog.get_logger(__name__)

UNDELIVERED = Gauge(
    "cactus_publisher_undelivered_messages", "Records that Kafka has not acknowledged yet"
)
CONNECTED = Gauge("cactus_publisher_connected_ratio", "1 while the broker answers, else 0")

DELIVERY_SECONDS_MAX = 5.0
UNDELIVERED_COUNT_MAX = 2_000
UNDELIVERED_BYTES_MAX = 64 * 2**20
PROBE_SECONDS = 1.0
STOP_SECONDS_MAX = 5.0
# Above the broker's own limit for a batch, so that there is only one figure: the broker's.
REQUEST_BYTES_MAX = 2 * 2**20


class PublishError(Exception):
    """The record was not acknowledged. It may have been written all the same."""

    retry_after_seconds = 30


class BrokerUnavailableError(PublishError):
    """Kafka cannot be reached, or did not acknowledge in time."""


class PublisherFullError(PublishError):
    """Too much waits for Kafka already."""

    retry_after_seconds = CapacityFullError.retry_after_seconds


class RecordTooLargeError(Exception):
    """Kafka will never take this record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    key: bytes
    value: bytes = field(repr=False)
    headers: Mapping[str, str]

    @property
    def size(self) -> int:
        return len(self.key) + len(self.value)


class Publisher(Protocol):
    async def publish(self, record: Record) -> None:
        """Return once the record is durable. Raises `PublishError` or `RecordTooLargeError`."""


Traced = Callable[[], AbstractContextManager[str | None]]
"""A span around one publication: the `traceparent` its record is to carry, None where it is not
traced.
"""
_NOT_TRACED = nullcontext()


def untraced() -> AbstractContextManager[str | None]:
    return _NOT_TRACED


class KafkaPublisher:
    """Writes to one topic with an idempotent producer, acknowledged by all in-sync replicas."""

    def __init__(
        self,
        bootstrap_servers: str,
        topic: str,
        *,
        capacity: Capacity | None = None,
        delivery_seconds_max: float = DELIVERY_SECONDS_MAX,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._delivery_seconds_max = delivery_seconds_max
        self._capacity = capacity or Capacity(
            count_max=UNDELIVERED_COUNT_MAX, bytes_max=UNDELIVERED_BYTES_MAX
        )
        self._producer: AIOKafkaProducer | None = None
        self._is_answering = False
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns at once where the broker is away: `complaint` tells, and connecting goes on."""
        await self._connect()
        self._keeper = asyncio.create_task(self._keep_connected(), name="publisher")

    async def stop(self) -> None:
        """Gives what is in flight a last, bounded chance."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        await self._disconnect()

    def complaint(self) -> str | None:
        """What stands against readiness."""
        if self._is_answering:
            return None
        return f"Kafka at {self._bootstrap_servers} does not answer, or has no topic {self._topic}"

    async def publish(self, record: Record) -> None:
        if self._producer is None or not self._is_answering:
            raise BrokerUnavailableError(self.complaint())
        try:
            self._capacity.take(1, record.size)
        except CapacityFullError as error:
            raise PublisherFullError(str(error)) from error
        try:
            async with asyncio.timeout(self._delivery_seconds_max):
                delivery = await self._send(self._producer, record)
                # Shielded: an idempotent producer goes on delivering after we stopped waiting.
                await asyncio.shield(delivery)
        except TimeoutError as error:
            raise BrokerUnavailableError(
                f"Kafka did not acknowledge within {self._delivery_seconds_max:g} s"
            ) from error
        except MessageSizeTooLargeError as error:
            raise RecordTooLargeError(str(error)) from error
        except KafkaError as error:
            self._distrust(error)
            raise BrokerUnavailableError(f"Kafka did not take the record: {error}") from error

    async def _send(self, producer: AIOKafkaProducer, record: Record) -> asyncio.Future[object]:
        """The record counts as held until Kafka answered, however long we wait for that."""
        headers = [(name, value.encode()) for name, value in record.headers.items()]
        try:
            delivery: asyncio.Future[object] = await producer.send(
                self._topic, record.value, key=record.key, headers=headers
            )
        except BaseException:
            self._capacity.give_back(1, record.size)
            raise
        UNDELIVERED.set(self._capacity.count)

        def release(done: asyncio.Future[object]) -> None:
            self._capacity.give_back(1, record.size)
            UNDELIVERED.set(self._capacity.count)
            if not done.cancelled():
                done.exception()  # seen: nobody may be waiting any more

        delivery.add_done_callback(release)
        return delivery

    def _distrust(self, error: KafkaError) -> None:
        """Have the producer replaced when it cannot go on: fenced, out of sequence, or closed."""
        if not error.retriable or isinstance(error, ProducerClosed):
            log.warning("publisher_failed", error=repr(error))
            self._set_answering(answering=False)

    async def _keep_connected(self) -> None:
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            if self._producer is None or not await self._probe():
                await self._disconnect()
                await self._connect()

    async def _probe(self) -> bool:
        """Whether a broker answers now, and the producer still works."""
        assert self._producer is not None
        if not self._is_answering:
            return False
        try:
            async with asyncio.timeout(self._delivery_seconds_max):
                answering = bool(await self._producer.client.force_metadata_update())
        except (TimeoutError, KafkaError):
            answering = False
        self._set_answering(answering=answering)
        # A broker that is away for a moment needs no new producer: what waits is delivered later.
        return answering or self._capacity.count > 0

    async def _connect(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=int(self._delivery_seconds_max * 1000),
            max_request_size=REQUEST_BYTES_MAX,
            max_batch_size=131_072,
        )
        try:
            async with asyncio.timeout(self._delivery_seconds_max):
                await producer.start()
                await producer.partitions_for(self._topic)
        except (TimeoutError, KafkaError, OSError) as error:
            log.warning("broker_unavailable", error=repr(error))
            await _close(producer)
            self._set_answering(answering=False)
            return
        self._producer = producer
        self._set_answering(answering=True)

    async def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        self._set_answering(answering=False)
        if producer is not None:
            await _close(producer)

    def _set_answering(self, *, answering: bool) -> None:
        if answering != self._is_answering:
            log.info("broker_answers" if answering else "broker_lost")
        self._is_answering = answering
        CONNECTED.set(int(answering))


async def _close(producer: AIOKafkaProducer) -> None:
    """Stop within a bound: a producer whose broker is away would wait for it for ever."""
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await producer.stop()
