"""A small installation at work, every role a process that can be killed, for those who watch it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
from aiohttp import web

from deploy.clock import write_clock
from deploy.embedded.ports import free_ports
from deploy.kafka import Running
from deploy.publish import publish
from deploy.rolecall import await_ready
from deploy.sandbox.hooks import SECRET
from deploy.sandbox.life import LifeSettings
from deploy.sandbox.sandbox import API_KEY, SandboxSettings
from deploy.sandbox.server import RunningSandbox, running
from deploy.sandbox.webhooks import Endpoint
from schemas.program.load import load_program
from schemas.topics import Topics
from tests.support.serving import serving
from tests.support.topics import fresh_topics
from tests.support.year import SITE, SPIKES

ROLES = ("receiver", "poller", "worker", "projector", "rewarder", "api")
DAYS = 60
READY_SECONDS_MAX = 120.0
CREDENTIALS = ("hook", "of-a-test")
TREES = (
    "  - {id: tree, when: {on: payment_succeeded}, charity: {webhook: trees, payload: {n: 1}}}\n"
)
"""Given by another service, which then sees what a call carries."""


class Watched:
    """Its roles, started and killed by name. `called` are the headers that the service got."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment: Mapping[str, str] = {}
        self.called: list[Mapping[str, str]] = []
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    @property
    def run_dir(self) -> Path:
        return self.home / "run"

    async def start(self, *roles: str) -> None:
        """Return when they are ready."""
        for role in roles:
            (self.run_dir / f"{role}.json").unlink(missing_ok=True)
            self._processes[role] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "deploy", role), env={**os.environ, **self.environment}
            )
        late = await await_ready(self.run_dir, list(roles), deadline_seconds=READY_SECONDS_MAX)
        assert not late, late

    async def kill(self, role: str) -> None:
        process = self._processes.pop(role)
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def stop(self) -> None:
        for role in list(self._processes):
            await self.kill(role)

    async def take_tree(self, request: web.Request) -> web.Response:
        self.called.append(dict(request.headers))
        return web.json_response({"id": "tree"})


@contextmanager
def sandbox(webhooks: str) -> Iterator[RunningSandbox]:
    user, password = CREDENTIALS
    endpoint = Endpoint(url=webhooks, user=user, password=password)
    life = LifeSettings(customers=25, days=DAYS)
    with running(SandboxSettings(life=life, endpoints=(endpoint,))) as started:
        yield started


@asynccontextmanager
async def watched(broker: Running, home: Path, **settings: str) -> AsyncIterator[Watched]:
    """Every role runs, and two months of webhooks have been taken."""
    topics = await fresh_topics(broker)
    port, api_port = free_ports(2)
    with sandbox(f"http://127.0.0.1:{port}/webhooks/{SITE}") as site:
        here = Watched(home)
        async with serving(here.take_tree) as trees:
            environment = _environment(
                broker, topics, home, site=site, ports=(port, api_port), trees=trees
            )
            here.environment = environment | settings
            write_clock(home / "clock", site.sandbox.life.end)
            program = load_program(SPIKES.read_text(encoding="utf-8") + TREES)
            await publish(broker.bootstrap_servers, topics, program, 0)
            try:
                await here.start(*ROLES)
                async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
                    lived = await client.post(f"{site.url}/sandbox/advance", json={"days": DAYS})
                    lived.raise_for_status()
                    # Refused, for it has no key, and counted.
                    await client.get(f"http://127.0.0.1:{api_port}/v1/customers/nobody")
                yield here
            finally:
                await here.stop()


def _environment(
    broker: Running,
    topics: Topics,
    home: Path,
    *,
    site: RunningSandbox,
    ports: tuple[int, int],
    trees: str,
) -> dict[str, str]:
    port, api_port = ports
    access = {
        "site": SITE,
        "api_key": API_KEY,
        "api_url": site.url,
        "webhook_credentials": [":".join(CREDENTIALS)],
    }
    return {
        "CACTUS_HOME": str(home),
        "CACTUS_TOPIC_PREFIX": topics.prefix,
        "CACTUS_PARTITIONS": "2",
        "CACTUS_APP_ID": f"{topics.prefix}app",
        "CACTUS_CLOCK_FILE": str(home / "clock"),
        "CACTUS_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "CACTUS_SITES": json.dumps([access]),
        "CACTUS_RECEIVER__PORT": str(port),
        "CACTUS_API__PORT": str(api_port),
        "CACTUS_POLLER__INTERVAL_SECONDS": "30",
        "CACTUS_CHARGEBEE__REQUESTS_PER_MINUTE": "60000",
        "CACTUS_ENDPOINTS": json.dumps([{"name": "trees", "url": trees, "secrets": [SECRET]}]),
        "CACTUS_OUTGOING__ALLOW_LOOPBACK": "true",
        "CACTUS_LOG__LEVEL": "warning",
        "CACTUS_LOG__FORMAT": "json",
    }
