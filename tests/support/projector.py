"""The projector as a process of its own, and the commands that read what it wrote."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy.kafka import Running
from schemas.topics import Topics

DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.02


class Cactus:
    """The command line over one installation's topics and databases."""

    def __init__(self, broker: Running, topics: Topics, home: Path, **settings: str) -> None:
        self._home = home
        self._environment = {
            **os.environ,
            "CACTUS_HOME": str(home),
            "CACTUS_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "CACTUS_TOPIC_PREFIX": topics.prefix,
            "CACTUS_LOG__LEVEL": "warning",
            **settings,
        }

    @asynccontextmanager
    async def running(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A command while it runs; killed at the end where it still does."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy", *arguments),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def run(self, *arguments: str) -> tuple[int | None, str, str]:
        """Exit code, output and complaints of a command that ends."""
        async with self.running(*arguments) as process:
            said = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
        return process.returncode, said[0].decode(), said[1].decode()

    async def json(self, *arguments: str) -> Any:
        code, said, complaint = await self.run(*arguments, "--json")
        assert code == 0, complaint
        return json.loads(said)

    async def await_ready(self, role: str = "projector") -> None:
        """Until the process of a role that started last says it is ready."""
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(DEADLINE_SECONDS):
            while not await self._is_ready(client, role):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(POLL_SECONDS)

    async def _is_ready(self, client: httpx.AsyncClient, role: str) -> bool:
        try:
            record = json.loads((self._home / "run" / f"{role}.json").read_bytes())
            return (await client.get(f"{record['url']}/readyz")).is_success
        except (OSError, ValueError, httpx.HTTPError):
            return False
