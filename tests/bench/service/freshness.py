"""How long it takes from a webhook to a balance that can be read, through every role.

For every webhook: until its entries are committed in the views. For one in twenty, also until the
API tells the entry and a balance that rests on it, asked over and over as an impatient app would.
"""

import asyncio
import base64
import contextlib
import time
from pathlib import Path

import httpx
from sqlalchemy import func, select

from deploy.embedded.ports import free_ports
from projections.database import open_engine
from projections.tables import entries
from tests.bench.ours import home
from tests.bench.race import Say
from tests.bench.service import roles
from tests.bench.service.load import Answered, Job, post_request, send_load
from tests.bench.service.table import MS, Row, row_of, statuses_of
from tests.bench.service.webhooks import Webhook, webhooks
from tests.bench.stage import Stage, set_up
from tests.support.year import SITE

PARTITIONS = 4
CONNECTIONS = 32
WARM_SECONDS = 10
GOAL_MS = 500.0
EVERY = 20
ASK_SECONDS = 0.02
GIVE_UP_SECONDS = 10.0
ROLES = ("receiver", "worker", "projector", "api")
BASIC = "Basic " + base64.b64encode(f"{roles.USER}:{roles.PASSWORD}".encode()).decode()


async def measure_freshness(
    bootstrap_servers: str, *, rate: int, seconds: int, directory: Path, say: Say
) -> list[Row]:
    async with set_up(bootstrap_servers, "freshness", PARTITIONS, directory / "fresh") as stage:
        receiver, api = free_ports(2)
        settings = roles.environment(
            stage, CACTUS_RECEIVER__PORT=str(receiver), CACTUS_API__PORT=str(api)
        )
        key = await roles.make_key(home(stage))
        told = webhooks(rate * (WARM_SECONDS + seconds))
        warm, measured = told[: rate * WARM_SECONDS], told[rate * WARM_SECONDS :]
        with contextlib.ExitStack() as running:
            for name in ROLES:
                running.enter_context(roles.role(stage, name, settings))
            for name in ROLES:
                await roles.until_ready(stage, name)
            say("warming up")
            await send_load(_job(receiver, rate, warm))
            say(f"{rate:,} webhooks a second for {seconds} s")
            answers, seen = await _watched(_job(receiver, rate, measured), measured, api, key)
            await asyncio.sleep(2.0)  # what is in flight still
            committed = await _committed(stage, measured, answers)
    note = statuses_of(answers)
    return [
        row_of("webhook → row committed", rate, committed, goal_ms=GOAL_MS, note=note),
        row_of("webhook → balance told by the API", rate / EVERY, seen, goal_ms=GOAL_MS),
    ]


def _job(port: int, rate: int, told: list[Webhook]) -> Job:
    requests = [post_request(f"/webhooks/{SITE}", BASIC, each.body) for each in told]
    return Job(port=port, rate=rate, connections=CONNECTIONS, requests=requests)


async def _watched(
    job: Job, told: list[Webhook], port: int, key: str
) -> tuple[list[Answered], list[float]]:
    """The answers, and for some webhooks how long until the API told of them."""
    sending = asyncio.create_task(send_load(job))
    headers = {"Authorization": f"Bearer {key}"}
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, limits=limits
    ) as client:
        readable = dict[int, asyncio.Task[float]]()
        for number in range(0, len(told), EVERY):
            readable[number] = asyncio.create_task(_until_told(client, told[number]))
            await asyncio.sleep(EVERY / job.rate)
        answers = await sending
        at = {number: await task for number, task in readable.items()}
    return answers, [at[number] - answers[number].due_at for number in at if at[number]]


async def _until_told(client: httpx.AsyncClient, webhook: Webhook) -> float:
    """The wall's time at which the API tells of it; 0 where that takes too long."""
    path = f"/v1/customers/{webhook.customer}"
    deadline = time.time() + GIVE_UP_SECONDS
    while time.time() < deadline:
        page = (await client.get(f"{path}/entries", params={"limit": 10})).json()
        mine = [
            each["sequence"]
            for each in page.get("items", [])
            if each["cause"]["source"] == webhook.event
        ]
        if mine:
            answer = await client.get(path)
            if answer.is_success and answer.json()["sequence"] >= max(mine):
                return time.time()
        await asyncio.sleep(ASK_SECONDS)
    return 0.0


async def _committed(stage: Stage, told: list[Webhook], answers: list[Answered]) -> list[float]:
    """From the instant each webhook was due to the commit of its first entry, in seconds."""
    url = f"sqlite+aiosqlite:///{(home(stage) / 'views.sqlite').absolute()}"
    engine = open_engine(url, read_only=True)
    async with engine.connect() as connection:
        rows = await connection.execute(
            select(entries.c.source, func.min(entries.c.projected_at_ms)).group_by(entries.c.source)
        )
        at_ms = {row[0]: row[1] for row in rows}
    await engine.dispose()
    # What was told before by another message gives no entry of its own.
    return [
        at_ms[each.event] / MS - answered.due_at
        for each, answered in zip(told, answers, strict=True)
        if each.event in at_ms
    ]
