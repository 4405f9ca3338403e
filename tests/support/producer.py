"""A producer that keeps what it is given and answers when it is told to."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from streams.core.ports import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    topic: str
    value: bytes | None
    key: bytes | None
    timestamp_ms: int | None
    headers: Headers


@dataclass(slots=True)
class HoldingProducer:
    """Stands for the part of `AIOKafkaProducer` that stages use: `send` answers by a future, which
    `answer_all` and `fail_all` resolve.
    """

    sent: list[Sent] = field(default_factory=list)
    waiting: list["asyncio.Future[None]"] = field(default_factory=list)

    async def send(  # noqa: PLR0917 - the signature of what it stands for
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Headers | None = None,
    ) -> "asyncio.Future[Any]":
        del partition
        self.sent.append(
            Sent(topic=topic, value=value, key=key, timestamp_ms=timestamp_ms,
                 headers=headers or [])
        )  # fmt: skip
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        return future

    def answer_all(self) -> None:
        for future in self.waiting:
            future.set_result(None)
        self.waiting.clear()

    def fail_all(self, error: Exception) -> None:
        for future in self.waiting:
            future.set_exception(error)
        self.waiting.clear()
