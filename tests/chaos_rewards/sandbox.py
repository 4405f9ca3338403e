"""The others, as the run sees them: one process that plays them all, and its control by HTTP."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from deploy.clock import write_clock
from deploy.lifeline import lifeline
from deploy.sandbox.faults import Fault

START_SECONDS_MAX = 30.0
CALL_SECONDS_MAX = 60.0


class Others:
    """`clock` is the engine's clock, which goes as the site's does."""

    def __init__(self, directory: Path, *, seed: int, customers: int, clock: Path) -> None:
        self._log = directory / "sandbox.log"
        self._arguments = (str(seed), str(customers))
        self._clock = clock
        self._popen: subprocess.Popen[bytes] | None = None
        self._client = httpx.AsyncClient(trust_env=False, timeout=CALL_SECONDS_MAX)
        self.url = ""

    async def start(self) -> None:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        with self._log.open("wb") as output:
            self._popen = subprocess.Popen(  # noqa: ASYNC220 - it only starts
                lifeline(
                    [sys.executable, "-m", "tests.chaos_rewards.site", str(port), *self._arguments]
                ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        async with asyncio.timeout(START_SECONDS_MAX):
            while not await self._answers():  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await self.follow_clock()

    async def stop(self) -> None:
        await self._client.aclose()
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()

    async def trouble(self, faults: Sequence[Fault]) -> None:
        """These faults and no others from now on."""
        body = {"clear": True, "faults": msgspec.to_builtins(list(faults))}
        await self._post("faults", body)

    async def pass_time(self, seconds: int) -> None:
        """On both clocks at once."""
        await self._post("advance", {"days": seconds / 86_400})
        await self.follow_clock()

    async def follow_clock(self) -> None:
        write_clock(self._clock, int((await self._get("status"))["now"]))

    async def ledger(self) -> dict[str, Any]:
        return await self._get("ledger")

    async def happened(self) -> dict[str, int]:
        """How often each fault of a call has happened."""
        happened: dict[str, int] = (await self._get("faults"))["happened"]
        return happened

    async def calls(self) -> dict[str, Any]:
        calls: dict[str, Any] = (await self._get("status"))["api"]
        return calls

    async def _answers(self) -> bool:
        assert self._popen is not None
        if self._popen.poll() is not None:
            raise RuntimeError(f"the sandbox ended: {self._log.read_text()[-2000:]}")
        try:
            await self._get("status")
        except httpx.TransportError:
            return False
        return True

    async def _get(self, what: str) -> dict[str, Any]:
        answer = (await self._client.get(f"{self.url}/sandbox/{what}")).raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    async def _post(self, what: str, body: dict[str, Any]) -> None:
        (await self._client.post(f"{self.url}/sandbox/{what}", json=body)).raise_for_status()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
