"""Produces the life of the customers, at a steady pace, while everything around it breaks.

The producer is idempotent and waits through broker restarts: what it was promised, and where, is
half of the truth that the audit holds the engine to.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata

from schemas import ids
from schemas.topics import HEADER_RECEIVED_AT, HEADER_SITE, HEADER_SOURCE, Topics
from tests.chaos.life import SITE, Life, Message

DELIVERY_SECONDS_MAX = 180.0
STEP_SECONDS = 0.05

Place = tuple[str, int, int]
"""(topic, partition, offset)."""


@dataclass(slots=True)
class Promised:
    """What Kafka acknowledged, by its place in the log, and what was asked of it."""

    messages: dict[Place, Message] = field(default_factory=dict)
    asked: int = 0
    refused: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def is_settled(self) -> bool:
        return len(self.messages) + len(self.refused) == self.asked


class Load:
    """Says `count` messages of `life`, evenly over `seconds`, then what is late."""

    def __init__(
        self, bootstrap_servers: str, topics: Topics, life: Life, *, count: int, seconds: float
    ) -> None:
        self._topics = topics
        self._life = life
        self._count = count
        self._seconds = seconds
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            request_timeout_ms=int(DELIVERY_SECONDS_MAX * 1000),
        )
        self.promised = Promised()

    async def run(self) -> Promised:
        """Returns when Kafka has answered for every message."""
        await self._producer.start()
        try:
            await self._say_all(islice(self._life, self._count))
            for message in self._life.rest():
                await self._say(message)
            await self._producer.flush()
            while not self.promised.is_settled:  # noqa: ASYNC110 - callbacks of the last batches
                await asyncio.sleep(STEP_SECONDS)
        finally:
            await self._producer.stop()
        return self.promised

    async def _say_all(self, messages: Iterator[Message]) -> None:
        began = time.monotonic()
        for message in messages:
            due = began + self._seconds * self.promised.asked / self._count
            if due > time.monotonic() + STEP_SECONDS:
                await asyncio.sleep(STEP_SECONDS)
            await self._say(message)

    async def _say(self, message: Message) -> None:
        raw = message.where == "raw"
        headers = [(HEADER_SITE, SITE), (HEADER_SOURCE, "chaos"), (HEADER_RECEIVED_AT, "0")]
        self.promised.asked += 1
        self.promised.kinds[_kind(message)] += 1
        sending = await self._producer.send(
            self._topics.raw if raw else self._topics.facts,
            message.value,
            key=ids.account_key(SITE, message.customer).encode(),
            headers=[(name, value.encode()) for name, value in headers] if raw else None,
        )
        sending.add_done_callback(lambda done: self._answered(message, done))

    def _answered(self, message: Message, done: "asyncio.Future[RecordMetadata]") -> None:
        if error := done.exception():
            self.promised.refused.append(repr(error))
            return
        at = done.result()
        self.promised.messages[at.topic, at.partition, at.offset] = message


def _kind(message: Message) -> str:
    what = message.fact.partition(":")[0] or "broken"
    return f"{what} as an event" if message.where == "raw" else what
