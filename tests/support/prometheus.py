"""A real Prometheus that watches one installation, for the length of a with block."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.embedded.ports import free_ports
from deploy.monitoring.kit import write_kit
from tests.support.tools import tool

START_SECONDS_MAX = 30.0
LOOK_SECONDS = 0.2
EVERY = "1s"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Its HTTP API."""

    client: httpx.AsyncClient

    async def query(self, expr: str) -> list[dict[str, Any]]:
        """The instant vector; raises where Prometheus finds the expression wrong."""
        answer = await self.client.get("/api/v1/query", params={"query": expr})
        document = answer.json()
        assert document["status"] == "success", (expr, document)
        data = document["data"]
        assert data["resultType"] in {"vector", "scalar"}
        found: list[dict[str, Any]] = data["result"]
        return found

    async def values(self, expr: str) -> list[float]:
        """Those that are numbers."""
        values = [float(each["value"][1]) for each in await self.query(expr)]
        return [value for value in values if not math.isnan(value)]

    async def firing(self) -> set[tuple[str, str]]:
        """(alert, role) of what fires now."""
        return {(name, role) for name, role, state in await self._alerts() if state == "firing"}

    async def noticed(self, alert: str) -> set[str]:
        """The roles that an alert has seen, whether or not it has held for long enough to fire."""
        return {role for name, role, _ in await self._alerts() if name == alert}

    async def _alerts(self) -> list[tuple[str, str, str]]:
        answer = await self.client.get("/api/v1/alerts")
        return [
            (each["labels"]["alertname"], each["labels"].get("role", ""), each["state"])
            for each in answer.json()["data"]["alerts"]
        ]

    async def rule_errors(self) -> list[str]:
        """What went wrong when rules were evaluated."""
        answer = await self.client.get("/api/v1/rules")
        return [
            f"{rule['name']}: {rule['lastError']}"
            for group in answer.json()["data"]["groups"]
            for rule in group["rules"]
            if rule.get("lastError")
        ]


@asynccontextmanager
async def watching(run_dir: Path, directory: Path, *, hasten: float) -> AsyncIterator[Prometheus]:
    """It asks every second; alerts must hold `hasten` times shorter than in real life."""
    kit = write_kit(directory, run_dir, every=EVERY, runbooks="", grafana="", hasten=hasten)
    [port] = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        tool("prometheus"),
        f"--config.file={kit.prometheus}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    )
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30
        ) as client:
            async with asyncio.timeout(START_SECONDS_MAX):
                while not await _is_ready(client):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(LOOK_SECONDS)
            yield Prometheus(client)
    finally:
        process.kill()
        await process.wait()


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/-/ready")).is_success
    except httpx.HTTPError:
        return False
