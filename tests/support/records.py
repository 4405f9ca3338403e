"""Records as Kafka hands them to a fold."""

from aiokafka.structs import ConsumerRecord

from streams.core.batches import Record


def record(offset: int, value: bytes) -> Record:
    return ConsumerRecord("facts", 3, offset, 7, 0, b"key", value, None, 0, len(value), ())
