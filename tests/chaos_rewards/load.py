"""Says all commands of a run to the broker, at a steady pace."""

import asyncio
import time

from aiokafka import AIOKafkaProducer

from schemas import ids
from schemas.codec import REWARDS
from tests.chaos_rewards.wishes import Wishes

STEP_SECONDS = 0.05


class Load:
    """`said` counts the commands; all are acknowledged when `run` returns."""

    def __init__(self, servers: str, topic: str, wishes: Wishes, *, seconds: float) -> None:
        self._topic = topic
        self._commands = wishes.said
        self._seconds = seconds
        self._producer = AIOKafkaProducer(
            bootstrap_servers=servers, acks="all", enable_idempotence=True, linger_ms=5
        )
        self.said = 0

    @property
    def progress(self) -> float:
        return self.said / len(self._commands)

    async def run(self) -> None:
        await self._producer.start()
        try:
            sendings = []
            began = time.monotonic()
            for command in self._commands:
                if began + self._seconds * self.progress > time.monotonic() + STEP_SECONDS:
                    await asyncio.sleep(STEP_SECONDS)
                key = ids.account_key(command.site, command.customer).encode()
                sendings.append(
                    await self._producer.send(self._topic, REWARDS.encode(command), key=key)
                )
                self.said += 1
            await asyncio.gather(*sendings)
        finally:
            await self._producer.stop()
