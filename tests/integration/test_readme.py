"""The README's commands, run in their order, as a newcomer would."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.settings import default_cache_dir
from tests.support.readme import README, blocks
from tests.support.waiting import eventually_blocking

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

SETTING_UP = ("make ", ". .venv/bin/activate")
"""What has been done already when tests run; `make demo` has a test of its own."""


PATIENCE_SECONDS = 60.0


class Newcomer:
    """A shell in a copy of what the README speaks of, with the command line on its PATH."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.background: list[subprocess.Popen[bytes]] = []
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CACTUS_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "CACTUS_CACHE": str(default_cache_dir()),
        }

    def run(self, line: str) -> str:
        """What it says. What a newcomer would try again in a moment is tried again."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        done = self._once(line)
        while done.returncode != 0 and line.startswith("cactus ") and time.monotonic() < deadline:
            time.sleep(0.5)
            done = self._once(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _once(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=self.directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, line: str, ready: str) -> None:
        log = self.directory / "background.log"
        with log.open("wb") as output:
            self.background.append(
                subprocess.Popen(
                    line.split(),
                    cwd=self.directory,
                    env=self._environment,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )
        eventually_blocking(lambda: ready in log.read_text(), seconds=120)


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    for name in ("deploy/programs", "tests/scenarios"):
        shutil.copytree(README.parent / name, tmp_path / name)
    somebody = Newcomer(tmp_path)
    yield somebody
    for process in somebody.background:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="README NOT RUN: there is no curl here")
def test_every_command_of_the_readme_does_what_it_says(newcomer: Newcomer) -> None:
    said = {}
    for block in blocks():
        if block.kind == "toml":
            (newcomer.directory / "cactus.toml").write_text(block.text)
        if block.kind != "sh":
            continue
        for line in block.text.splitlines():
            if line.startswith(SETTING_UP):
                continue
            if "background" in block.words:
                newcomer.start(line, ready="everything is ready")
            else:
                said[line] = newcomer.run(line)

    assert "200" in said["cactus balance mia"]
    assert "welcome" in said["cactus entries mia"]
    assert "PASS" in said["cactus audit"]
