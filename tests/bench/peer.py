"""What a peer is to the benchmark, and the fold that every peer runs."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil

from deploy.lifeline import lifeline
from schemas.codec import FACTS, POINTS
from schemas.facts import ProgramPublished
from streams.account.ordering import fold
from streams.account.programs import Programs
from streams.account.state import Account
from tests.bench.stage import Stage

ON_OUR_FOLD = (sys.executable, "-m", "tests.support.compiled")
STOP_SECONDS_MAX = 20.0
LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Child:
    """How to start a worker process."""

    arguments: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Peer:
    """One worker to measure. `guarantee` is what it promises for state and output together."""

    name: str
    guarantee: str
    child: Callable[[Stage], Child]


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer's process is told."""

    bootstrap_servers: str
    app_id: str
    facts: str
    points: str
    partitions: int
    directory: str


def module(name: str, stage: Stage) -> Child:
    """Run a module of ours with its `Work` as the only argument, on the fold that ours runs."""
    work = Work(
        bootstrap_servers=stage.bootstrap_servers,
        app_id=stage.name,
        facts=stage.topics.facts,
        points=stage.topics.points,
        partitions=stage.partitions,
        directory=str(stage.directory),
    )
    return Child([*ON_OUR_FOLD, name, msgspec.json.encode(work).decode()])


def told() -> Work:
    """The work of this process."""
    return msgspec.json.decode(sys.argv[1], type=Work)


@contextmanager
def running(child: Child, log: Path) -> Iterator[psutil.Process]:
    """The process while it is needed; it ends with this one whatever happens."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            lifeline(child.arguments),
            env={**os.environ, **child.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield psutil.Process(process.pid)
    except Exception as error:
        last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        error.add_note("\n".join(["the worker's last words:", *last]))
        raise
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class EventFold:
    """One fact at a time, as a framework that delivers single messages asks for it."""

    def __init__(self) -> None:
        self._programs = Programs()

    def fold(self, account: Account, value: bytes, offset: int) -> list[bytes]:
        """The encoded points events of one fact; `account` is changed in place.

        The program's publication is the first record of each partition, so it is known in time.
        """
        fact = FACTS.decode(value)
        if isinstance(fact, ProgramPublished):
            self._programs = self._programs.with_published(fact)
            return []
        return [POINTS.encode(event) for event in fold(account, fact, offset, self._programs)]
