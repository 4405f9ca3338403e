"""One peer after the other over the same facts: how fast, at what cost, and all of it there."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.facts import Load
from tests.bench.peer import Peer, running
from tests.bench.stage import Stage, Watcher, committed_consumer, read_points, set_up, write

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one peer. `digest` is over all its points events, whatever their order."""

    peer: str
    guarantee: str
    facts: int
    events: int
    seconds: float
    cpu_seconds: float
    rss_peak_mb: float
    digest: int

    @property
    def facts_per_second(self) -> float:
        return self.facts / self.seconds

    @property
    def facts_per_cpu_second(self) -> float:
        return self.facts / self.cpu_seconds


@dataclass(frozen=True, slots=True)
class Course:
    """What every peer has before it: the same warm-up and the same load."""

    warm_up: Load
    load: Load
    partitions: int


class WrongOutput(Exception):
    """A peer did not write the points events that the facts give."""


async def race(
    bootstrap_servers: str, peer: Peer, course: Course, *, run: str, directory: Path, say: Say
) -> Result:
    """Measured from the instant the load becomes readable to the last committed output."""
    async with set_up(bootstrap_servers, run, course.partitions, directory) as stage:
        await write(stage, stage.topics.facts, course.warm_up.records)
        async with committed_consumer(stage) as consumer:
            with running(peer.child(stage), directory / "worker.log") as process:
                watcher = Watcher(stage, consumer, process)
                say(f"{peer.name}: warming up with {len(course.warm_up.records):,} facts")
                await watcher.until(course.warm_up.events)
                say(f"{peer.name}: writing {len(course.load.records):,} facts")
                before = watcher.cpu_seconds()
                began = await write(stage, stage.topics.facts, course.load.records)
                say(f"{peer.name}: folding")
                ended = await watcher.until(course.warm_up.events + course.load.events)
        count, digest = await read_points(stage)
    _check(stage, count, course.warm_up.events + course.load.events)
    return Result(
        peer=peer.name,
        guarantee=peer.guarantee,
        facts=len(course.load.records),
        events=count,
        seconds=ended.at - began,
        cpu_seconds=ended.cpu_seconds - before,
        rss_peak_mb=watcher.rss_peak / 2**20,
        digest=digest,
    )


def _check(stage: Stage, count: int, expected: int) -> None:
    if count != expected:
        msg = f"{stage.name} wrote {count:,} points events, and {expected:,} are right"
        raise WrongOutput(msg)
