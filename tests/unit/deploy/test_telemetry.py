"""Health pages and logs."""

import asyncio
import io
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter

from deploy.rolecall import await_ready
from deploy.settings import Health, Log
from deploy.telemetry import (
    HealthPortTaken,
    HealthServer,
    Vitals,
    build_health,
    configure_logging,
)


async def get(vitals: Vitals, path: str, registry: CollectorRegistry = REGISTRY) -> httpx.Response:
    transport = httpx.ASGITransport(build_health(vitals, registry))
    async with httpx.AsyncClient(transport=transport, base_url="http://role") as client:
        return await client.get(path)


async def test_a_role_is_ready_when_no_probe_complains() -> None:
    answer = await get(Vitals("worker", {"kafka": lambda: None}), "/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"role": "worker", "ready": True, "probes": {"kafka": "ok"}}


async def test_a_complaint_names_its_probe() -> None:
    probes = {"kafka": lambda: None, "database": lambda: "locked"}

    answer = await get(Vitals("projector", probes), "/readyz")

    assert answer.status_code == 503
    assert answer.json()["probes"] == {"kafka": "ok", "database": "locked"}


async def test_a_probe_that_breaks_is_a_complaint() -> None:
    def broken() -> str | None:
        raise RuntimeError("boom")

    answer = await get(Vitals("worker", {"kafka": broken}), "/readyz")

    assert answer.status_code == 503
    assert "boom" in answer.json()["probes"]["kafka"]


async def test_metrics_are_those_of_the_registry() -> None:
    registry = CollectorRegistry()
    Counter("cactus_pricks", "Pricks.", registry=registry).inc(3)

    answer = await get(Vitals("worker"), "/metrics", registry)

    assert "cactus_pricks_total 3.0" in answer.text


async def test_a_turning_loop_is_alive() -> None:
    vitals = Vitals("worker")
    vitals.watch_loop()

    assert await asyncio.to_thread(vitals.is_alive)


async def test_a_stuck_loop_is_not_alive() -> None:
    vitals = Vitals("worker")
    stuck, release = threading.Event(), threading.Event()

    async def hang() -> None:
        vitals.watch_loop()
        stuck.set()
        release.wait(60)

    role = threading.Thread(target=lambda: asyncio.run(hang()))
    role.start()
    stuck.wait(10)
    try:
        assert (await get(vitals, "/livez")).status_code == 503
    finally:
        release.set()
        role.join()


async def test_health_is_served_where_the_run_file_says(tmp_path: Path) -> None:
    vitals = Vitals("worker", {"kafka": lambda: None})
    with HealthServer(vitals, Health(), tmp_path):
        stored = json.loads((tmp_path / "worker.json").read_bytes())
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{stored['url']}/livez")
        assert answer.status_code == 200
        assert await await_ready(tmp_path, ["worker"], deadline_seconds=10) == {}

    assert not (tmp_path / "worker.json").exists()


async def test_a_role_that_never_gets_ready_says_why(tmp_path: Path) -> None:
    vitals = Vitals("worker", {"restore": lambda: "12 of 40 partitions"})
    with HealthServer(vitals, Health(), tmp_path):
        late = await await_ready(tmp_path, ["worker", "receiver"], deadline_seconds=0.5)

    assert "12 of 40 partitions" in late["worker"]
    assert "has not said" in late["receiver"]


def test_a_health_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        server = HealthServer(Vitals("worker"), Health(ports={"worker": port}), tmp_path)
        with pytest.raises(HealthPortTaken, match=str(port)):
            server.start()


@pytest.fixture
def _logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.usefixtures("_logging_restored")
def test_json_logs_hold_our_fields_and_those_of_libraries() -> None:
    stream = io.StringIO()
    configure_logging(Log(format="json"), role="worker", stream=stream)

    structlog.get_logger("streams.core").info("restored", partition=3)
    logging.getLogger("faust.app").warning("late by %s", 2)

    ours, theirs = map(json.loads, stream.getvalue().splitlines())
    assert (ours["event"], ours["partition"], ours["role"]) == ("restored", 3, "worker")
    assert (theirs["event"], theirs["level"]) == ("late by 2", "warning")
    assert time.strptime(ours["timestamp"][:19], "%Y-%m-%dT%H:%M:%S")
