"""A Faust transport told three things for which Faust has no setting.

It reads committed records only: programs are published in a transaction, and an aborted one must
not be folded, or replays could never agree. And an acknowledged message stands for a whole batch:
Faust counts offsets one by one, takes what lies between two batches for a gap, and then commits a
batch per interval, or nothing ever again where a partition's first batch held one record.

And a fetch does not wait long for records. aiokafka has one fetch under way per broker, for the
partitions that are empty just then: where those are idle ones, the others get nothing meanwhile,
which with Faust's one and a half seconds stops a busy worker for as long, time and again.
"""

from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as AIOKafkaConsumer
from faust.transport.drivers.aiokafka import Transport as AIOKafkaTransport
from faust.types import TP

FETCH_WAIT_MS = 50


class _CommittedThread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        assert consumer._isolation_level == "read_uncommitted", "aiokafka changed"  # noqa: SLF001
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - no public way after creation
        assert consumer._fetch_max_wait_ms > FETCH_WAIT_MS, "aiokafka changed"  # noqa: SLF001
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 - as above
        return consumer


class _BatchConsumer(AIOKafkaConsumer):
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """What lies between the last records of two batches is in the second one."""

    def _new_offset(self, tp: TP) -> int | None:
        """The offset after the last batch acknowledged since the last commit.

        Batches of a partition are acknowledged in their order, so the greatest speaks for all.
        """
        acknowledged = self._acked[tp]
        if not acknowledged:
            return None
        last: int = max(acknowledged)
        acknowledged.clear()
        self._acked_index[tp].clear()
        return last + 1


class BatchTransport(AIOKafkaTransport):
    """Set it as `app.transport`."""

    Consumer = _BatchConsumer
