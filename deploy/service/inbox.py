"""The inbox of the service: facts and custom events, durable on Kafka when it returns."""

from typing import Self

import msgspec

from connectors.publish import KafkaPublisher, PublishError, Record, RecordTooLargeError
from projections.service.ports import InboxUnavailable
from schemas.codec import FACTS
from schemas.custom import CustomEvent
from schemas.facts import AnyFact
from schemas.ids import account_key
from schemas.topics import Topics


class KafkaInbox:
    """Writes to the customer's partition of the facts topic, or of the custom events' one."""

    def __init__(self, bootstrap_servers: str, topics: Topics) -> None:
        self._facts = KafkaPublisher(bootstrap_servers, topics.facts)
        self._events = KafkaPublisher(bootstrap_servers, topics.custom)

    async def __aenter__(self) -> Self:
        await self._facts.start()
        await self._events.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._facts.stop()
        await self._events.stop()

    def complaint(self) -> str | None:
        return self._facts.complaint() or self._events.complaint()

    async def send(self, fact: AnyFact) -> None:
        await _publish(self._facts, fact.site, fact.customer, FACTS.encode(fact))

    async def send_event(self, event: CustomEvent) -> None:
        await _publish(self._events, event.site, event.customer, msgspec.json.encode(event))


async def _publish(publisher: KafkaPublisher, site: str, customer: str, value: bytes) -> None:
    key = account_key(site, customer).encode()
    try:
        await publisher.publish(Record(key=key, value=value, headers={}))
    except PublishError as error:
        raise InboxUnavailable(str(error), error.retry_after_seconds) from error
    except RecordTooLargeError as error:
        raise InboxUnavailable(f"Kafka takes no record as large as this: {error}") from error
