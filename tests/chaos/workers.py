"""Real worker processes, started, frozen and killed, and started again as a supervisor would."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.lifeline import lifeline
from schemas.topics import Topics

BACKOFF_SECONDS = 1.0
POLL_SECONDS = 0.1
STOP_SECONDS_MAX = 20.0

EXITS = {
    0: "stopped when asked",
    1: "found no broker at their start",
    70: "ended themselves to start anew",
    -signal.SIGKILL: "killed",
    -signal.SIGTERM: "terminated while they started",
}


def app_id(topics: Topics) -> str:
    """The workers' consumer group."""
    return f"{topics.prefix}chaos"


@dataclass(slots=True)
class Worker:
    number: int
    process: subprocess.Popen[bytes]
    log: Path
    is_frozen: bool = False
    is_leaving: bool = False


class Workers:
    """Keeps `count` workers at work, whatever befalls them, until `stop`."""

    def __init__(
        self,
        directory: Path,
        bootstrap_servers: str,
        topics: Topics,
        *,
        count: int,
        partitions: int,
    ) -> None:
        self._directory = directory
        self._count = count
        self._environment = {
            **os.environ,
            "CACTUS_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
            "CACTUS_TOPIC_PREFIX": topics.prefix,
            "CACTUS_APP_ID": app_id(topics),
            "CACTUS_PARTITIONS": str(partitions),
            "CACTUS_LOG__LEVEL": "info",
            "CACTUS_LOG__FORMAT": "json",
        }
        self._all: list[Worker] = []
        self.exits: Counter[str] = Counter()
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep())

    @property
    def alive(self) -> list[Worker]:
        """Those that could be at work: neither ended, nor frozen, nor asked to stop."""
        return [
            each
            for each in self._all
            if each.process.poll() is None and not each.is_frozen and not each.is_leaving
        ]

    def choose(self, victim: float) -> Worker | None:
        alive = self.alive
        return alive[int(victim * len(alive))] if alive else None

    def kill(self, worker: Worker) -> None:
        worker.process.kill()

    def terminate(self, worker: Worker) -> None:
        worker.is_leaving = True
        worker.process.terminate()

    def freeze(self, worker: Worker) -> None:
        worker.is_frozen = True
        worker.process.send_signal(signal.SIGSTOP)

    def resume(self, worker: Worker) -> None:
        worker.process.send_signal(signal.SIGCONT)
        worker.is_frozen = False

    async def stop(self) -> None:
        """Ask every worker to stop, and insist where one does not."""
        assert self._keeper is not None
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        for worker in self.alive:
            self.terminate(worker)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while any(each.process.poll() is None for each in self._all):
            if time.monotonic() > deadline:
                self.kill_all()
            await asyncio.sleep(POLL_SECONDS)
        self._reap()

    def kill_all(self) -> None:
        for worker in self._all:
            if worker.process.poll() is None:
                worker.process.kill()
                worker.process.wait()

    def logged(self, event: str) -> Iterator[dict[str, Any]]:
        """Every log line of every worker that says `event`."""
        needle = event.encode()
        for path in sorted(self._directory.glob("worker-*.log")):
            for line in path.read_bytes().splitlines():
                if needle in line:
                    record = json.loads(line)
                    if event in record.get("event", ""):
                        yield record

    async def _keep(self) -> None:
        started_at = 0.0
        while True:
            self._reap()
            if len(self.alive) < self._count and time.monotonic() - started_at > BACKOFF_SECONDS:
                self._launch()
                started_at = time.monotonic()
            await asyncio.sleep(POLL_SECONDS)

    def _reap(self) -> None:
        ended = [each for each in self._all if each.process.poll() is not None]
        for worker in ended:
            self._all.remove(worker)
            code = worker.process.returncode
            self.exits[EXITS.get(code, f"exit code {code}")] += 1

    def _launch(self) -> None:
        number = sum(1 for _ in self._directory.glob("worker-*.log"))
        log = self._directory / f"worker-{number:03}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                lifeline([sys.executable, "-m", "deploy", "worker"]),
                env={**self._environment, "CACTUS_HOME": str(self._directory / f"home-{number}")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._all.append(Worker(number, process, log))
