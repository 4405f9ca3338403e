"""The role `api` as a process, over a worker and a projector: asked, answered, asked about then."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.embedded.ports import free_ports
from deploy.kafka import Running
from deploy.publish import publish
from projections.service.gate import BELIEVED_SECONDS
from schemas.program.load import load_program
from tests.support.projector import Cactus
from tests.support.topics import fresh_topics
from tests.support.year import SITE, SPIKES

pytestmark = pytest.mark.integration

HER = "/v1/customers/ann"
WAIT = {"Prefer": "wait"}
DEADLINE_SECONDS = 30.0


def gift(name: str, points: int) -> dict[str, Any]:
    return {"id": name, "points": points, "actor": "ann", "reason": "goodwill"}


async def posted(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The outcome of a request; its id makes it safe to ask until it is folded in time."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            answer = await client.post(path, json=body, headers=WAIT)
            assert answer.status_code in {200, 202, 503}, answer.text
            if answer.status_code == 200:
                outcome: dict[str, Any] = answer.json()
                return outcome


async def test_what_is_asked_for_is_folded_told_and_told_as_of_then(
    broker: Running, tmp_path: Path
) -> None:
    topics = await fresh_topics(broker)
    await publish(
        broker.bootstrap_servers, topics, load_program(SPIKES.read_text("utf-8")), int(time.time())
    )
    [port] = free_ports(1)
    cactus = Cactus(
        broker,
        topics,
        tmp_path,
        CACTUS_API__PORT=str(port),
        CACTUS_APP_ID=f"{topics.prefix}app",
        CACTUS_PARTITIONS="2",
    )
    made = await cactus.json("keys", "create", "--site", SITE, "--scope", "admin")
    headers = {"Authorization": f"Bearer {made['key']}"}
    async with (
        cactus.running("worker"),
        cactus.running("projector"),
        cactus.running("api") as api,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=10.0
        ) as client,
    ):
        for role in ("worker", "projector", "api"):
            await cactus.await_ready(role)
        first = await posted(client, f"{HER}/adjustments", gift("first", 300))
        assert first["entries"][0]["type"] == "PointsAdjusted"
        then = first["entries"][0]["occurred_at"]
        now = (await client.get(HER)).json()
        assert (now["balance"], now["sequence"]) == (300, first["entries"][-1]["sequence"])
        assert now["tier"]["next_tier"] == "seedling"  # nothing was earned that counts

        await asyncio.sleep(2.1)  # instants are whole seconds: the next one is another
        await posted(client, f"{HER}/adjustments", gift("second", 50))
        assert (await client.get(HER)).json()["balance"] == 350
        assert (await client.get(HER, params={"at": then})).json()["balance"] == 300
        assert (await client.get(HER, params={"known_at": then + 1})).json()["balance"] == 300
        assert (await client.get(HER, params={"at": then - 60})).json()["balance"] == 0

        why = (await client.get(f"{HER}/entries/1/explanation")).json()
        assert why["sentences"]
        again = await client.post(f"{HER}/adjustments", json=gift("first", 301))
        assert again.status_code == 409
        owed = (await client.get("/v1/liability")).json()
        assert owed["outstanding"] == 350
        assert (await client.get("/v1/programs")).json()["in_force"]["id"] == "spikes"

        listed = await cactus.json("keys", "list")
        assert [each["key_id"] for each in listed] == [made["key_id"]]
        assert "key" not in listed[0]
        await cactus.json("keys", "revoke", made["key_id"])
        async with asyncio.timeout(BELIEVED_SECONDS + DEADLINE_SECONDS):
            while (await client.get(HER)).status_code != 401:  # noqa: ASYNC110 - it is believed
                await asyncio.sleep(0.2)
        api.terminate()
        assert await asyncio.wait_for(api.wait(), 20) == 0
