"""The translate stage: what other systems sent becomes facts, at least once.

Facts are written by an idempotent producer and awaited before a batch is acknowledged, while the
next are sent already; the natural keys of facts absorb what a crash repeats. What cannot be
translated goes to the DLQ, bytes and all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from prometheus_client import Counter

from schemas import bounds, ids
from schemas.codec import FACTS, DecodeError, decode_custom
from schemas.facts import AnyFact, CustomEventReceived
from schemas.topics import (
    HEADER_SITE,
    HEADER_SOURCE,
    HEADER_TRACEPARENT,
    SOURCE_POLLER,
    Topics,
    header_in,
)
from schemas.translation import Translate, UntranslatableError
from streams.core.batches import Record
from streams.core.dead_letters import dead_headers, dead_value
from streams.core.ports import Buried, Headers, Passed, Trace, unheard

TRANSLATED = Counter("cactus_facts_translated_total", "Facts written by the translate stage")
IGNORED = Counter("cactus_events_ignored_total", "Events that are no facts, with a reason")

log = structlog.get_logger(__name__)

Sending = asyncio.Future[Any]

NamedProperties = Callable[[str, str], frozenset[str]]
"""(site, custom event name) → the properties that a known program of the site names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translator:
    """Turns records of the raw and the custom topic into facts. `read_ms` is the timestamp of the
    last record taken, by topic and partition.
    """

    topics: Topics
    producer: AIOKafkaProducer
    translate: Translate
    named_properties: NamedProperties
    code_version: str
    translated: Passed = unheard
    buried: Buried = unheard
    trace: Trace | None = None
    read_ms: dict[tuple[str, int], int] = field(default_factory=dict)

    async def take(self, records: Sequence[Record]) -> Awaitable[None]:
        """Send what the batch becomes, in its order. What is returned ends when Kafka has every
        fact and every DLQ record of it, and must be awaited.
        """
        traced = None if self.trace is None else self.trace(records)
        sent, facts = await self._send_all(records if traced is None else traced[0])
        return self._settle(records, sent, facts, None if traced is None else traced[1])

    async def _settle(
        self,
        records: Sequence[Record],
        sent: Sequence[Sending],
        facts: int,
        end_spans: Callable[[], None] | None,
    ) -> None:
        await asyncio.gather(*sent)
        if end_spans is not None:
            end_spans()
        TRANSLATED.inc(facts)
        last = records[-1]
        self.read_ms[last.topic, last.partition] = last.timestamp
        self.translated([record.timestamp for record in records])
        log.debug(
            "events translated",
            topic=last.topic,
            partition=last.partition,
            next_offset=last.offset + 1,
            records=len(records),
            facts=facts,
        )

    async def _send_all(self, records: Sequence[Record]) -> tuple[list[Sending], int]:
        """What is on its way, and how many facts are among it."""
        sent: list[Sending] = []
        translated = 0
        for record in records:
            try:
                facts = self._facts(record)
                for fact in facts:
                    bounds.check(fact)
            except (UntranslatableError, DecodeError) as error:
                sent.append(await self._bury(record, error))
                continue
            if not facts:
                IGNORED.inc()
            headers = _handed_on(record)
            sent += [await self._send(fact, record.timestamp, headers) for fact in facts]
            translated += len(facts)
        return sent, translated

    async def _send(self, fact: AnyFact, arrived_at_ms: int, headers: Headers) -> Sending:
        sending: Sending = await self.producer.send(
            self.topics.facts,
            FACTS.encode(fact),
            key=ids.account_key(fact.site, fact.customer).encode(),
            # The time of arrival travels along: it is where latency is measured from.
            timestamp_ms=arrived_at_ms,
            headers=headers,
        )
        return sending

    def _facts(self, record: Record) -> Sequence[AnyFact]:
        body = record.value or b""
        if record.topic == self.topics.custom:
            return (self._custom(body),)
        headers = dict(record.headers)
        site = headers.get(HEADER_SITE)
        if not site or not site.isascii():
            raise UntranslatableError("the record does not say its site in a header")
        return self.translate(body, site.decode()).facts

    def _custom(self, body: bytes) -> AnyFact:
        event = decode_custom(body)
        named = self.named_properties(event.site, event.name)
        return CustomEventReceived(
            id=ids.custom(event.id),
            site=event.site,
            customer=event.customer,
            occurred_at=event.occurred_at,
            source=event.id,
            name=event.name,
            properties={key: event.properties[key] for key in event.properties if key in named},
        )

    async def _bury(self, record: Record, error: Exception) -> Sending:
        self.buried(type(error).__name__)
        log.warning(
            "untranslatable", topic=record.topic, partition=record.partition, offset=record.offset
        )
        sending: Sending = await self.producer.send(
            self.topics.dlq,
            dead_value(record),
            key=record.key,
            headers=[*record.headers, *dead_headers(record, error, self.code_version)],
        )
        return sending


def _handed_on(record: Record) -> Headers:
    """What a fact carries of its record's headers: that no webhook brought it, and its trace."""
    headers: Headers = []
    if header_in(record.headers, HEADER_SOURCE) == SOURCE_POLLER.encode():
        headers.append((HEADER_SOURCE, SOURCE_POLLER.encode()))
    trace = header_in(record.headers, HEADER_TRACEPARENT)
    if trace is not None:
        headers.append((HEADER_TRACEPARENT, trace))
    return headers
