"""The demo as a process: it ends well, tells when it does not, and leaves nothing running."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.settings import default_cache_dir
from tests.support.console import token_in
from tests.support.processes import all_gone
from tests.support.waiting import eventually_blocking

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

SMALL = ("--customers", "25", "--days", "60")
SMALLEST = ("--customers", "5", "--days", "10")
PHASE_SECONDS_MAX = 120.0


class Demo:
    """One demo; what it prints is in files."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.home = directory / "demo"
        self._said = directory / "stderr.txt"
        self._told = directory / "stdout.txt"
        with self._said.open("wb") as said, self._told.open("wb") as told:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy", "demo", "--home", str(self.home), *options],
                env={**os.environ, "CACTUS_CACHE": str(default_cache_dir())},
                stdout=told,
                stderr=said,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def told(self) -> str:
        return self._told.read_text()

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    assert [each for each in psutil.process_iter() if _belongs_to(each, tmp_path)] == []


def _belongs_to(process: psutil.Process, directory: Path) -> bool:
    try:
        running = process.status() != psutil.STATUS_ZOMBIE
        return running and str(directory) in " ".join(process.cmdline())
    except psutil.Error:
        return False


def test_a_small_life_ends_with_an_audit_that_passes(directory: Path) -> None:
    demo = Demo(directory, "--exit", "--json", *SMALL)
    assert demo.process.wait(240) == 0, demo.said
    summary = json.loads(demo.told)
    assert summary["audit"]["checks"]
    assert [each for each in summary["audit"]["checks"] if each["breaches"]] == []
    assert summary["webhooks"]["duplicates"] > 0
    assert summary["repeats"] > 0
    assert summary["points"]["PointsEarned"] > 0
    assert summary["rewards"]["delivered"] > 0


def test_it_ends_with_a_console_that_its_one_time_password_opens(directory: Path) -> None:
    demo = Demo(directory, *SMALLEST)
    try:
        eventually_blocking(
            lambda: "one-time password" in demo.said or demo.process.poll() is not None, 240
        )
        found = re.search(r"console is at (\S+)\s+name (\S+), one-time password (\S+)", demo.said)
        assert found is not None, demo.said
        address, name, password = found.groups()
        with httpx.Client(trust_env=False, follow_redirects=True) as browser:
            door = browser.get(f"{address}/")
            form = {"name": name, "password": password, "csrf": token_in(door.text)}
            inside = browser.post(f"{address}/sign-in", data=form)
        assert "Change your password" in inside.text
    finally:
        demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(60) == 0, demo.said


def it_begins(demo: Demo) -> None:
    eventually_blocking(demo.home.with_suffix(".lock").exists, PHASE_SECONDS_MAX)


def kafka_starts(demo: Demo) -> None:
    eventually_blocking(demo.family, PHASE_SECONDS_MAX)


def roles_start(demo: Demo) -> None:
    eventually_blocking(lambda: [*(demo.home / "run").glob("*.json")], PHASE_SECONDS_MAX)


def a_year_is_lived(demo: Demo) -> None:
    eventually_blocking(lambda: "living a year" in demo.said, PHASE_SECONDS_MAX)


@pytest.mark.parametrize("until", [it_begins, kafka_starts, roles_start, a_year_is_lived])
def test_ctrl_c_in_any_phase_leaves_nothing_running(
    directory: Path, until: Callable[[Demo], None]
) -> None:
    demo = Demo(directory, "--exit", *SMALL)
    until(demo)
    family = demo.family() if demo.process.poll() is None else []
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(60) in {0, 130}, demo.said
    assert "Traceback" not in demo.said
    eventually_blocking(lambda: all_gone(family))
