"""Real rewarder processes: each is to die at another named step, and is started again for the next.

Those that have no step left live until somebody kills or freezes them.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from deploy.lifeline import lifeline

BACKOFF_SECONDS = 0.5
POLL_SECONDS = 0.1
STOP_SECONDS_MAX = 20.0
LOCKED = "database is locked"
"""SQLite has one writer: one that is frozen in the midst of writing keeps the others off."""


class Process:
    def __init__(self, number: int, step: str, popen: subprocess.Popen[bytes]) -> None:
        self.number = number
        self.step = step
        self.popen = popen
        self.is_frozen = False
        self.is_killed = False

    @property
    def is_at_work(self) -> bool:
        return self.popen.poll() is None and not self.is_frozen


class Rewarders:
    """Keeps `count` at work until `stop`. `steps` are the fault points in the order of their use;
    `died` counts those that were reached.
    """

    def __init__(self, directory: Path, *, count: int, steps: Iterable[str]) -> None:
        self._directory = directory
        self._count = count
        self._steps = list(steps)
        self._all: list[Process] = []
        self._started = 0
        self._is_armed = True
        self._keeper: asyncio.Task[None] | None = None
        self.died: Counter[str] = Counter()
        self.exits: Counter[str] = Counter()

    def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep())

    @property
    def at_work(self) -> list[Process]:
        return [each for each in self._all if each.is_at_work]

    @property
    def steps_left(self) -> list[str]:
        """Steps that nobody has died at yet."""
        return self._steps + [each.step for each in self._all if each.step]

    def disarm(self) -> None:
        """No step is given out any more."""
        self._is_armed = False
        self._steps.clear()

    def choose(self, victim: float) -> Process | None:
        at_work = self.at_work
        return at_work[int(victim * len(at_work))] if at_work else None

    def kill(self, process: Process) -> None:
        process.is_killed = True
        process.popen.kill()

    def freeze(self, process: Process) -> None:
        process.is_frozen = True
        process.popen.send_signal(signal.SIGSTOP)

    def resume(self, process: Process) -> None:
        process.popen.send_signal(signal.SIGCONT)
        process.is_frozen = False

    async def stop(self) -> None:
        if self._keeper is None:
            return
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        self._keeper = None
        for each in self.at_work:
            each.popen.terminate()
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while any(each.popen.poll() is None for each in self._all):
            if time.monotonic() > deadline:
                for each in self._all:
                    each.popen.kill()
            await asyncio.sleep(POLL_SECONDS)
        self._reap()

    async def _keep(self) -> None:
        started_at = 0.0
        while True:
            self._reap()
            if len(self.at_work) < self._count and time.monotonic() - started_at > BACKOFF_SECONDS:
                self._launch()
                started_at = time.monotonic()
            await asyncio.sleep(POLL_SECONDS)

    def _reap(self) -> None:
        for each in [each for each in self._all if each.popen.poll() is not None]:
            self._all.remove(each)
            code = each.popen.returncode
            if code != -signal.SIGKILL:
                self.exits[self._how_it_ended(each, code)] += 1
                self._give_out_again(each)
            elif each.is_killed:
                self.exits["killed at any moment"] += 1
                self._give_out_again(each)
            else:
                self.exits["killed at a named step"] += 1
                self.died[each.step.partition(":")[0]] += 1

    def _give_out_again(self, process: Process) -> None:
        """Its step was not reached: another must die there."""
        if process.step and self._is_armed:
            self._steps.insert(0, process.step)

    def _how_it_ended(self, process: Process, code: int) -> str:
        if code == 0:
            return "stopped when asked"
        log = (self._directory / f"rewarder-{process.number:03}.log").read_text(errors="replace")
        if LOCKED in log:
            return "ended, the ledger locked by a frozen one"
        if code == -signal.SIGTERM:
            return "terminated while they started"
        return f"exit code {code}"

    def _launch(self) -> None:
        self._started += 1
        number, step = self._started, self._steps.pop(0) if self._steps else ""
        armed = {"CACTUS_FAULT_POINT": step} if step else {}
        with (self._directory / f"rewarder-{number:03}.log").open("wb") as output:
            popen = subprocess.Popen(
                lifeline([sys.executable, "-m", "deploy", "rewarder"]),
                env={
                    **os.environ,
                    **armed,
                    "CACTUS_CONFIG": str(self._directory / "cactus.toml"),
                    "CACTUS_HOME": str(self._directory / f"home-{number}"),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._all.append(Process(number, step, popen))
