"""Whole batches through Faust: one synthetic record for each partition's list."""

from aiokafka.structs import TopicPartition

from streams.core.batches import BatchSchema, PartitionBatch, WholeBatches
from tests.support.records import FACTS_TOPIC, record


def test_each_partition_gives_one_record_that_holds_its_list() -> None:
    first = [record(4, b"a"), record(7, b"b")]
    second = [record(1, b"c", partition=5)]
    fetched = {
        TopicPartition(FACTS_TOPIC, 3): first,
        TopicPartition(FACTS_TOPIC, 4): [],
        TopicPartition(FACTS_TOPIC, 5): second,
    }

    given = list(WholeBatches().iterate(fetched))  # type: ignore[abstract]  # Faust's oversight

    assert [where.partition for where, _ in given] == [3, 5]
    assert [batch.value for _, batch in given] == [first, second]


def test_a_batch_stands_at_its_last_record_so_that_acknowledging_it_acknowledges_all() -> None:
    last = record(7, b"b")
    batch = PartitionBatch([record(4, b"a"), last])

    assert (batch.topic, batch.partition, batch.offset) == (FACTS_TOPIC, 3, 7)
    assert (batch.timestamp, batch.timestamp_type) == (last.timestamp, last.timestamp_type)
    assert (batch.key, batch.headers) == (None, ())


def test_the_schema_hands_the_list_on_untouched() -> None:
    records = [record(4, b"not JSON")]

    assert BatchSchema().loads_value(None, PartitionBatch(records)) is records
