"""Our roles as processes of their own, with settings for a measurement, and a key to ask with."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from deploy.service.access import open_own_access
from deploy.settings import Settings, load_settings
from projections.access.database import access
from projections.access.keys import create_key
from tests.bench.ours import home
from tests.bench.peer import Child, running
from tests.bench.stage import Stage
from tests.support.year import SITE

READY_SECONDS_MAX = 60.0
ENDLESS = "100000000"
USER = "chargebee"
PASSWORD = "a-long-password"


def environment(stage: Stage, **more: str) -> dict[str, str]:
    sites = [{"site": SITE, "webhook_credentials": [f"{USER}:{PASSWORD}"]}]
    return {
        "CACTUS_HOME": str(home(stage)),
        "CACTUS_KAFKA__BOOTSTRAP_SERVERS": stage.bootstrap_servers,
        "CACTUS_TOPIC_PREFIX": stage.topics.prefix,
        "CACTUS_APP_ID": stage.name,
        "CACTUS_PARTITIONS": str(stage.partitions),
        "CACTUS_LOG__FORMAT": "json",
        "CACTUS_SITES": json.dumps(sites),
        "CACTUS_API__REQUESTS_PER_MINUTE": ENDLESS,
        "CACTUS_API__WRITES_PER_MINUTE": ENDLESS,
        **more,
    }


@contextmanager
def role(stage: Stage, name: str, settings: dict[str, str]) -> Iterator[psutil.Process]:
    child = Child([sys.executable, "-m", "deploy", name], settings)
    with running(child, stage.directory / f"{name}.log") as process:
        yield process


def cpu_seconds(process: psutil.Process) -> float:
    """What it has used so far, whatever else the machine did."""
    used = process.cpu_times()
    return float(used.user + used.system)


async def until_ready(stage: Stage, name: str) -> None:
    """Until its `/readyz` says so."""
    run_file = home(stage) / "run" / f"{name}.json"
    async with (
        asyncio.timeout(READY_SECONDS_MAX),
        httpx.AsyncClient(trust_env=False, timeout=5.0) as client,
    ):
        while True:
            await asyncio.sleep(0.1)
            try:
                url = json.loads(await asyncio.to_thread(run_file.read_bytes))["url"]
                if (await client.get(f"{url}/readyz")).is_success:
                    return
            except (OSError, ValueError, httpx.TransportError):
                continue  # it has not come so far yet


async def make_key(directory: Path, access_url: str | None = None) -> str:
    overrides = {} if access_url is None else {"database": {"access_url": access_url}}
    settings: Settings = load_settings(home=directory, **overrides)
    async with open_own_access(settings) as engine, access(engine) as connection:
        _, text = await create_key(connection, site=SITE, name="bench", scopes=["admin"], now=0)
    return text
