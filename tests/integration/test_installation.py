"""A whole installation comes up, and nothing of it is left however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.settings import default_cache_dir
from tests.support.processes import all_gone
from tests.support.waiting import eventually_blocking

pytestmark = pytest.mark.integration

ROLE = """
import time
from deploy.settings import load_settings
from deploy.telemetry import HealthServer, Vitals
settings = load_settings()
with HealthServer(Vitals("worker", {"all": lambda: None}), settings.health, settings.run_dir):
    while True:
        time.sleep(60)
"""
INSTALLATION = f"""
import asyncio, sys
from deploy.installation import run_installation
from deploy.settings import load_settings
from deploy.supervisor import Job
job = Job(name="worker", command=[sys.executable, "-c", {ROLE!r}])
say = lambda name, line: print(name, line, flush=True)
asyncio.run(run_installation(load_settings(), [job], say))
"""


class Installation:
    """One running as a process of its own, its output in a file."""

    def __init__(self, home: Path) -> None:
        self._output = home / "output.txt"
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", INSTALLATION],
                env={
                    **os.environ,
                    "CACTUS_HOME": str(home),
                    "CACTUS_CACHE": str(default_cache_dir()),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def says(self, what: str) -> bool:
        return what in self._output.read_text()

    def await_line(self, what: str) -> None:
        eventually_blocking(lambda: self.says(what), seconds=120)

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def roles(self) -> list[psutil.Process]:
        return [each for each in self.descendants() if _is_role(each)]


def _is_role(process: psutil.Process) -> bool:
    try:
        return "HealthServer" in str(process.cmdline())
    except psutil.NoSuchProcess:  # it ended while we looked
        return False


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    running = Installation(tmp_path)
    yield running
    running.process.kill()
    running.process.wait()


def test_it_comes_up_and_ctrl_c_stops_everything_in_order(installation: Installation) -> None:
    installation.await_line("everything is ready")
    family = installation.descendants()
    assert len(family) >= 3  # the role, the broker's keeper, the broker

    installation.process.send_signal(signal.SIGINT)

    assert installation.process.wait(60) == 0
    assert installation.says("everything is stopped")
    assert not installation.says("does not stop")
    eventually_blocking(lambda: all_gone(family))


def test_ctrl_c_while_the_broker_starts_leaves_nothing(installation: Installation) -> None:
    eventually_blocking(lambda: len(installation.descendants()) >= 2, seconds=60)
    family = installation.descendants()

    installation.process.send_signal(signal.SIGINT)

    assert installation.process.wait(60) == 0
    eventually_blocking(lambda: all_gone(family))


def test_nothing_is_left_after_kill_9(installation: Installation) -> None:
    installation.await_line("everything is ready")
    family = installation.descendants()

    installation.process.kill()

    eventually_blocking(lambda: all_gone(family))


def test_a_role_that_is_killed_comes_back(installation: Installation) -> None:
    installation.await_line("everything is ready")
    role = next(
        each for each in installation.descendants() if "HealthServer" in str(each.cmdline())
    )

    role.kill()

    installation.await_line("worker was ended by SIGKILL")
    eventually_blocking(lambda: [each for each in installation.roles() if each.pid != role.pid])
