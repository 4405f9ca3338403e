"""Says all commands of a run to the broker: at a steady pace, but no faster than they are settled.

What is revoked should mostly have been given by then, and every fault should meet work.
"""

import asyncio
import time
from collections.abc import Callable

from aiokafka import AIOKafkaProducer

from schemas import ids
from schemas.codec import REWARDS
from tests.chaos_rewards.wishes import Wishes

STEP_SECONDS = 0.05
OPEN_MAX = 2_000
"""Enough for those at work while commands change hands: a dead rewarder's wait for six seconds."""


class Load:
    """`said` counts the commands; all are acknowledged when `run` returns. `settled` tells how
    many different ones are done with.
    """

    def __init__(
        self,
        servers: str,
        topic: str,
        wishes: Wishes,
        *,
        seconds: float,
        settled: Callable[[], int],
    ) -> None:
        self._topic = topic
        self._commands = wishes.said
        self._seconds = seconds
        self._settled = settled
        self._different: set[tuple[type, str]] = set()
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
            due = time.monotonic()
            for command in self._commands:
                while due > time.monotonic() + STEP_SECONDS or self._open() > OPEN_MAX:  # noqa: ASYNC110
                    await asyncio.sleep(STEP_SECONDS)
                due = max(due, time.monotonic() - STEP_SECONDS) + self._seconds / len(
                    self._commands
                )
                key = ids.account_key(command.site, command.customer).encode()
                sendings.append(
                    await self._producer.send(self._topic, REWARDS.encode(command), key=key)
                )
                self.said += 1
                self._different.add((type(command), command.reward_id))
            await asyncio.gather(*sendings)
        finally:
            await self._producer.stop()

    def _open(self) -> int:
        """Also what has not even reached the ledger."""
        return len(self._different) - self._settled()
