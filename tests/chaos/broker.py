"""The broker of a run: killed without a word, and started again on the same data."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from deploy.kafka import EmbeddedKafka, Running
from deploy.settings import default_cache_dir

T = TypeVar("T")


class Broker:
    """An embedded Kafka that ends with this process."""

    def __init__(self, directory: Path) -> None:
        self._kafka = EmbeddedKafka(directory, jar_cache=default_cache_dir() / "jars")
        # One thread for all of it: the broker is tied to the life of the thread that started it.
        self._thread = ThreadPoolExecutor(1)

    async def start(self) -> Running:
        return await self._do(lambda: self._kafka.start(tied=True))

    async def kill(self, away_seconds: float) -> None:
        """End it as a crash would, and start it again after a while, where it was."""
        before = await self._do(self._kafka.status)
        await self._do(self._kafka.kill)
        await asyncio.sleep(away_seconds)
        after = await self.start()
        assert before is None or after.bootstrap_servers == before.bootstrap_servers

    async def stop(self) -> None:
        await self._do(self._kafka.stop)
        self._thread.shutdown()

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
