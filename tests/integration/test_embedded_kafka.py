"""The embedded Kafka, really started and stopped, from code and from the command line."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.embedded import ports
from deploy.kafka import EmbeddedKafka, PortTaken, has_controller
from deploy.settings import default_cache_dir
from tests.support.waiting import eventually_blocking

pytestmark = pytest.mark.integration


def embedded(directory: Path, port: int = 0) -> EmbeddedKafka:
    return EmbeddedKafka(directory, jar_cache=default_cache_dir() / "jars", port=port)


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    broker = embedded(tmp_path / "kafka")
    yield broker
    broker.stop()


def test_a_started_broker_answers_and_starting_it_again_finds_it(kafka: EmbeddedKafka) -> None:
    first = kafka.start(tied=True)

    assert asyncio.run(has_controller(first.bootstrap_servers))
    assert kafka.start(tied=True) == first
    assert kafka.status() == first


def test_a_stopped_broker_is_gone_and_comes_back_on_its_port(kafka: EmbeddedKafka) -> None:
    first = kafka.start(tied=True)

    assert kafka.stop()
    assert kafka.status() is None
    assert not psutil.pid_exists(first.pid)
    assert not kafka.stop()
    assert kafka.start(tied=True).bootstrap_servers == first.bootstrap_servers


def test_a_killed_broker_comes_back(kafka: EmbeddedKafka) -> None:
    first = kafka.start(tied=True)
    kafka.kill()

    assert kafka.status() is None
    second = kafka.start(tied=True)
    assert second.pid != first.pid
    assert second.bootstrap_servers == first.bootstrap_servers


def test_a_taken_port_that_was_asked_for_is_named(tmp_path: Path) -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            embedded(tmp_path, port=port).start(tied=True)


def test_a_remembered_port_that_is_taken_now_is_replaced_and_the_data_kept(
    kafka: EmbeddedKafka,
) -> None:
    first = kafka.start(tied=True)
    kafka.stop()
    port = int(first.bootstrap_servers.rpartition(":")[2])
    with socket.create_server((ports.LOOPBACK, port)):
        second = kafka.start(tied=True)

    assert second.bootstrap_servers != first.bootstrap_servers
    assert asyncio.run(has_controller(second.bootstrap_servers))


def cactus(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy", *arguments],
        env={**os.environ, "CACTUS_HOME": str(home), "CACTUS_CACHE": str(default_cache_dir())},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_line_starts_uses_and_stops_a_broker(tmp_path: Path) -> None:
    assert cactus(tmp_path, "kafka", "status").returncode == 3
    refused = cactus(tmp_path, "topics", "apply")
    assert refused.returncode == 1
    assert "cactus kafka start" in refused.stderr

    started = cactus(tmp_path, "kafka", "start", "--json")
    try:
        assert started.returncode == 0, started.stderr
        status = json.loads(cactus(tmp_path, "kafka", "status", "--json").stdout)
        assert status == {"running": True, **json.loads(started.stdout)}
        applied = json.loads(cactus(tmp_path, "topics", "apply", "--json").stdout)
        assert "loyalty.facts.v1" in applied["created"]
    finally:
        stopped = cactus(tmp_path, "kafka", "stop")

    assert "stopped" in stopped.stdout
    assert not psutil.pid_exists(status["pid"])


def test_a_broker_in_the_foreground_ends_with_a_killed_parent(tmp_path: Path) -> None:
    kafka = embedded(tmp_path / "kafka")
    environment = {
        **os.environ,
        "CACTUS_HOME": str(tmp_path),
        "CACTUS_CACHE": str(default_cache_dir()),
    }
    command = [sys.executable, "-m", "deploy", "kafka", "run"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as parent:
        eventually_blocking(lambda: kafka.status() is not None, seconds=90)
        running = kafka.status()
        parent.kill()

    assert running is not None
    eventually_blocking(lambda: not psutil.pid_exists(running.pid))
