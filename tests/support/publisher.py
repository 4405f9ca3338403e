"""A publisher that keeps what it is given, or fails as Kafka would."""

from connectors.publish import Record


class InMemoryPublisher:
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.failure: Exception | None = None

    async def publish(self, record: Record) -> None:
        if self.failure is not None:
            raise self.failure
        self.records.append(record)
