"""One run: a cluster, workers, a load, faults, then healing, draining and the audit."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.publish import publish
from deploy.topics import apply_topics
from schemas.program.load import load_program
from schemas.topics import Topics
from tests.chaos.broker import Broker
from tests.chaos.life import Life
from tests.chaos.load import Load, Promised
from tests.chaos.logs import Logs, read_logs
from tests.chaos.nemesis import Nemesis
from tests.chaos.oracle import Oracle, conserved
from tests.chaos.refold import differences
from tests.chaos.schedule import Fault, draw_faults
from tests.chaos.watch import Watch
from tests.chaos.workers import Workers

PARTITIONS = 8
CUSTOMERS = 5_000
READY_SECONDS_MAX = 60.0
FAULT_SECONDS = 5.0
"""What a fault takes on average: over as long the load is spread."""
DRAIN_SECONDS_MAX = 120.0
TELL_SECONDS = 5.0
PROGRAM = Path(__file__).with_name("program.yaml")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    seed: int
    facts: int = 100_000
    faults: int = 32
    workers: int = 2
    keep: bool = False

    @property
    def load_seconds(self) -> float:
        return self.faults * FAULT_SECONDS


@dataclass(slots=True)
class Result:
    """What a run found: no breaches is a pass. `figures` are for people, in their order."""

    breaches: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)


async def run(options: Options, say: Say) -> Result:
    """Logs and data of a run that does not pass are left where it says."""
    directory = Path(tempfile.mkdtemp(prefix="cactus-chaos-"))
    say(f"everything of this run is under {directory}, and is removed if it passes")
    async with _Ordeal.of(options, directory, say) as ordeal:
        result = await ordeal.live()
    if not result.breaches and not options.keep:
        shutil.rmtree(directory)
    return result


class _Ordeal:
    """Everything a run needs, started."""

    def __init__(
        self, options: Options, broker: Broker, servers: str, directory: Path, say: Say
    ) -> None:
        topics = Topics()
        self._options = options
        self._say = say
        self._servers = servers
        self._topics = topics
        self._began = time.monotonic()
        self.workers = Workers(
            directory, servers, topics, count=options.workers, partitions=PARTITIONS
        )
        self.watch = Watch(servers, topics, PARTITIONS)
        self._nemesis = Nemesis(self.workers, broker, self.watch, self._tell)
        life = Life(
            options.seed,
            customers=CUSTOMERS,
            began_at=int(time.time()),
            lasts_seconds=int(options.load_seconds),
        )
        self._load = Load(servers, topics, life, count=options.facts, seconds=options.load_seconds)

    @classmethod
    @asynccontextmanager
    async def of(cls, options: Options, directory: Path, say: Say) -> "AsyncIterator[_Ordeal]":
        broker = Broker(directory / "kafka")
        servers = (await broker.start()).bootstrap_servers
        try:
            ordeal = cls(options, broker, servers, directory, say)
            await apply_topics(servers, Topics(), partitions=PARTITIONS)
            await publish(servers, Topics(), load_program(PROGRAM.read_text()), int(time.time()))
            await ordeal.watch.start()
            ordeal.workers.start()
            try:
                yield ordeal
            finally:
                await ordeal.workers.stop()
                await ordeal.watch.stop()
        finally:
            await broker.stop()

    async def live(self) -> Result:
        faults = draw_faults(self._options.seed, self._options.faults)
        following = asyncio.create_task(self.watch.follow())
        telling = asyncio.create_task(self._tell_often())
        try:
            waiting = await self._survive(faults)
        finally:
            for task in (following, telling):
                task.cancel()
            await asyncio.gather(following, telling, return_exceptions=True)
        return await self._audit(waiting)

    async def _survive(self, faults: tuple[Fault, ...]) -> str:
        """Load and faults together; then heal and drain. Returns what still waits at the end."""
        loading = asyncio.create_task(self._load.run())
        if not await self.watch.until_committing(READY_SECONDS_MAX):
            return "the first commit: no worker came up"
        await self._nemesis.strike(faults)
        self._tell("healing: nothing is broken from here on")
        await self._nemesis.heal()
        await loading
        self._tell("everything is said; waiting until everything is folded")
        waiting = await self.watch.until_drained(DRAIN_SECONDS_MAX)
        self._tell(f"still waiting: {waiting}" if waiting else "drained")
        return waiting

    async def _audit(self, waiting: str) -> Result:
        await self.workers.stop()
        self._tell("auditing")
        logs = await read_logs(self._servers, self._topics)
        promised = self._load.promised
        oracle = Oracle(logs, promised)
        result = Result(breaches=[*oracle.breaches(), *differences(logs)])
        if waiting:
            result.breaches.append(f"not drained after {DRAIN_SECONDS_MAX:.0f} s: {waiting}")
        earned, undone, lifetime = conserved(oracle.books.values())
        if earned - undone != lifetime:
            result.breaches.append(f"wrong: {earned} earned − {undone} reversed ≠ {lifetime}")
        result.figures = self._figures(logs, oracle, promised, (earned, undone, lifetime))
        return result

    def _figures(
        self, logs: Logs, oracle: Oracle, promised: Promised, sums: tuple[int, int, int]
    ) -> dict[str, str]:
        restores = list(self.workers.logged("partition restored"))
        again = [each for each in restores if each["start"] > 0]
        ends = self.workers.logged("the worker ends here")
        fenced = [each for each in ends if "ProducerFenced" in each.get("exception", "")]
        nemesis = self._nemesis
        return {
            "messages acknowledged": f"{len(promised.messages):,}",
            "of them Chargebee events": f"{len(logs.raw):,}",
            "facts in the log": f"{len(logs.facts):,}",
            "of them repeats": f"{oracle.repeats:,}",
            "distinct facts": f"{len(oracle.facts):,}",
            "customers": f"{len(oracle.books):,}",
            "points events": f"{len(logs.points):,}",
            "points earned − reversed = lifetime": "{:,} − {:,} = {:,}".format(*sums),
            "dead letters": f"{len(logs.dlq):,}",
            "transactions": f"{self.watch.commits:,}",
            "faults": f"{sum(nemesis.done.values())}, {nemesis.at_work} of them at work",
            **{f"  {kind}": str(count) for kind, count in sorted(nemesis.done.items())},
            "workers": ", ".join(f"{n} {how}" for how, n in self.workers.exits.most_common()),
            "zombies fenced by Kafka": str(len(fenced)),
            "assignments": str(sum(1 for _ in self.workers.logged("_on_partitions_assigned"))),
            "partitions restored": f"{len(restores)}, {len(again)} of them only what was new",
            "seconds": f"{time.monotonic() - self._began:.0f}",
        }

    async def _tell_often(self) -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            promised = self._load.promised
            self._tell(
                f"{promised.asked:,} said, {len(promised.messages):,} acknowledged, "
                f"{sum(self.watch.positions.values()):,} folded in {self.watch.commits:,} "
                f"transactions, {len(self.workers.alive)} workers"
                + (f", still waiting: {self.watch.waiting}" if self.watch.waiting else "")
            )

    def _tell(self, line: str) -> None:
        self._say(f"{time.monotonic() - self._began:4.0f} s  {line}")
