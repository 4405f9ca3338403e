"""A Faust transport that reads committed records only.

Programs are published in a transaction, and an aborted one must not be folded: replays could never
agree. Faust reads committed only in its own exactly-once mode, which we do not use, so the consumer
it makes is told otherwise before it starts.
"""

from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as AIOKafkaConsumer
from faust.transport.drivers.aiokafka import Transport as AIOKafkaTransport


class _CommittedThread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        assert consumer._isolation_level == "read_uncommitted", "aiokafka changed"  # noqa: SLF001
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - no public way after creation
        return consumer


class _CommittedConsumer(AIOKafkaConsumer):
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)


class CommittedTransport(AIOKafkaTransport):
    """Set it as `app.transport`."""

    Consumer = _CommittedConsumer
