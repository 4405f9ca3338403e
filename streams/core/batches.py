"""Whole partition batches through Faust, by its public settings.

Faust spends about a quarter of a millisecond on each message it delivers. A scheduler that yields
one synthetic record per partition batch, and a schema that hands its list through, pay that once
per batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import faust
from aiokafka.structs import ConsumerRecord, TopicPartition
from faust.transport.utils import DefaultSchedulingStrategy

Record: TypeAlias = "ConsumerRecord[bytes, bytes]"


class PartitionBatch:
    """Looks like a consumer record to Faust; its value is the records of one partition."""

    __slots__ = (
        "checksum",
        "headers",
        "key",
        "offset",
        "partition",
        "serialized_key_size",
        "serialized_value_size",
        "timestamp",
        "timestamp_type",
        "topic",
        "value",
    )

    def __init__(self, records: Sequence[Record]) -> None:
        last = records[-1]
        self.topic = last.topic
        self.partition = last.partition
        # The last offset: acknowledging the batch then acknowledges all of it.
        self.offset = last.offset
        self.timestamp = last.timestamp
        self.timestamp_type = last.timestamp_type
        self.headers = ()
        self.key = None
        self.value = records
        self.checksum = None
        self.serialized_key_size = 0
        self.serialized_value_size = 0


class WholeBatches(DefaultSchedulingStrategy):
    """A ConsumerScheduler for `faust.App`."""

    def iterate(
        self, records: Mapping[TopicPartition, Sequence[Record]]
    ) -> Iterator[tuple[TopicPartition, Any]]:
        for partition, batch in records.items():
            if batch:
                yield partition, PartitionBatch(batch)


class BatchSchema(faust.Schema[Any, Any]):
    """Hands the list of records to the agent untouched."""

    def loads_key(self, app: Any, message: Any, **_options: Any) -> None:
        del app, message

    def loads_value(self, app: Any, message: Any, **_options: Any) -> Any:
        del app
        return message.value
