"""`cactus poller --once` as a process: from the sandbox's Events API to a real broker."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import orjson
import pytest

from deploy.clock import write_clock
from deploy.kafka import Running
from deploy.sandbox.life import LifeSettings
from deploy.sandbox.sandbox import API_KEY, SandboxSettings
from deploy.sandbox.server import RunningSandbox, running
from deploy.sandbox.terms import DAY
from tests.integration.connectors.test_receiver import raw_records
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.integration


def poll(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy", "poller", "--once", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def control(site: RunningSandbox, what: str, body: object) -> None:
    httpx.post(f"{site.url}/sandbox/{what}", json=body, timeout=30).raise_for_status()


def happened(site: RunningSandbox) -> list[tuple[str, str, str, int]]:
    """Id, type, customer and time of every event of the life so far."""
    answer = httpx.get(f"{site.url}/sandbox/truth", timeout=30).json()
    return [tuple(note) for note in answer["events"]]


def status(site: RunningSandbox) -> dict[str, int]:
    found: dict[str, int] = httpx.get(f"{site.url}/sandbox/status", timeout=30).json()
    return found


async def test_a_back_fill_brings_every_event_chargebee_keeps_and_then_only_the_new(
    broker: Running, tmp_path: Path
) -> None:
    topics = await fresh_topics(broker, 2)
    clock = tmp_path / "clock"
    with running(SandboxSettings(life=LifeSettings(customers=30, days=200))) as site:
        control(site, "advance", {"days": 120})
        write_clock(clock, status(site)["now"])
        sites = [{"site": "sandbox", "api_key": API_KEY, "api_url": site.url}]
        environment = os.environ | {
            "CACTUS_HOME": str(tmp_path),
            "CACTUS_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "CACTUS_TOPIC_PREFIX": topics.prefix,
            "CACTUS_SITES": json.dumps(sites),
            "CACTUS_CLOCK_FILE": str(clock),
            "CACTUS_CHARGEBEE__REQUESTS_PER_MINUTE": "60000",
        }
        done = poll(environment, "--backfill", "P90D")
        assert done.returncode == 0, done.stderr
        records = await raw_records(broker.bootstrap_servers, topics)
        assert {dict(record.headers)["source"] for record in records} == {b"poller"}
        polled = {orjson.loads(record.value)["id"] for record in records}
        notes = happened(site)
        oldest = status(site)["now"] - 90 * DAY
        assert polled == {note[0] for note in notes if note[3] > oldest}

        before = len(records)
        control(site, "advance", {"days": 3})
        write_clock(clock, status(site)["now"])
        assert poll(environment).returncode == 0
        later = (await raw_records(broker.bootstrap_servers, topics))[before:]
        assert 0 < len(later) < before
        notes = happened(site)
        every = {
            orjson.loads(record.value)["id"]
            for record in await raw_records(broker.bootstrap_servers, topics)
        }
        assert every == {note[0] for note in notes if note[3] > oldest}


async def test_a_wrong_key_and_a_senseless_back_fill_are_said(
    broker: Running, tmp_path: Path
) -> None:
    topics = await fresh_topics(broker, 2)
    sites = [{"site": "sandbox", "api_key": "wrong", "api_url": "http://127.0.0.1:1"}]
    environment = os.environ | {
        "CACTUS_HOME": str(tmp_path),
        "CACTUS_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "CACTUS_TOPIC_PREFIX": topics.prefix,
        "CACTUS_SITES": json.dumps(sites),
    }
    senseless = poll(environment, "--backfill", "P5Y")
    assert (senseless.returncode, "at most P90D" in senseless.stderr) == (2, True)
    with running(SandboxSettings(life=LifeSettings(customers=5, days=30))) as site:
        sites[0]["api_url"] = site.url
        wrong = poll(environment | {"CACTUS_SITES": json.dumps(sites)})
    assert wrong.returncode == 1
    assert "Chargebee did not answer for sandbox" in wrong.stderr
    assert not any("Traceback" in each.stderr for each in (senseless, wrong))
