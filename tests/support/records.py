"""Kafka records as a consumer hands them over, for code that only reads them."""

from collections.abc import Sequence

from aiokafka.structs import ConsumerRecord

from schemas import ids
from schemas.codec import FACTS
from schemas.facts import AnyFact
from streams.core.batches import Record

FACTS_TOPIC = "loyalty.facts.v1"
TIMESTAMP_MS = 1_764_547_200_000


def record(
    offset: int,
    value: bytes | None,
    *,
    key: bytes | None = b"acme:ann",
    topic: str = FACTS_TOPIC,
    partition: int = 3,
    headers: Sequence[tuple[str, bytes]] = (),
) -> Record:
    return ConsumerRecord(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp=TIMESTAMP_MS + offset,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=tuple(headers),
    )


def fact_record(offset: int, fact: AnyFact) -> Record:
    """As a producer of facts writes it."""
    key = ids.account_key(fact.site, fact.customer).encode()
    return record(offset, FACTS.encode(fact), key=key)
