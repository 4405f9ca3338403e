"""All measurements of one run, one after the other on one broker."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.bench import bare, machine, ours, plain_faust, quix
from tests.bench.facts import multiply
from tests.bench.latency import measure_latency
from tests.bench.peer import Peer
from tests.bench.program import everything, known
from tests.bench.projector import measure_projector
from tests.bench.pure import PureRate, measure_pure
from tests.bench.race import Course, Result, Say, WrongOutput, race
from tests.bench.restore import measure_restore
from tests.bench.rewards import measure_bucket, measure_webhooks
from tests.bench.table import Report

PARTITIONS = 8
WARM_UP_SHARE = 50
WARM_UP_MIN = 1_000
PURE_FACTS_MAX = 50_000
PROJECTED_FACTS_MAX = 50_000
LATENCY_SECONDS = 20
WEBHOOKS = 15_000
REQUESTS_PER_MINUTE = 500


class Name(StrEnum):
    OURS = "ours"
    QUIX = "quix"
    FAUST = "faust"
    BARE = "bare"


class Figure(StrEnum):
    PURE = "pure"
    PEERS = "peers"
    RESTORE = "restore"
    LATENCY = "latency"
    PROJECTOR = "projector"
    REWARDER = "rewarder"


PEERS: dict[Name, Peer] = {
    Name.OURS: ours.PEER,
    Name.QUIX: quix.PEER,
    Name.FAUST: plain_faust.PEER,
    Name.BARE: bare.PEER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything. `rate` is facts a second, `repeat` how many races."""

    facts: int
    accounts: int
    repeat: int
    restored: int
    rate: int


class Suite:
    """Nothing else of ours runs while one measurement does."""

    def __init__(self, sizes: Sizes, servers: str, directory: Path, say: Say) -> None:
        self.report = Report(machine.describe(), ours.PEER.name)
        self._sizes = sizes
        self._servers = servers
        self._directory = directory
        self._say = say
        say(f"living {sizes.facts:,} facts of {sizes.accounts:,} accounts")
        self._load, self._events = multiply(sizes.facts, sizes.accounts, PARTITIONS)
        self._warm = max(WARM_UP_MIN, sizes.facts // WARM_UP_SHARE)

    async def measure(self, figure: Figure, peers: list[Peer]) -> None:
        match figure:
            case Figure.PURE:
                self._say("folding without Kafka")
                self.report.pure = self._pure()
            case Figure.PEERS:
                await self._race(peers)
            case Figure.RESTORE:
                await self._restore()
            case Figure.LATENCY:
                await self._latency()
            case Figure.PROJECTOR:
                await self._projector()
            case Figure.REWARDER:
                await self._rewarder()

    def _pure(self) -> list[PureRate]:
        """The chosen program, and the one that uses every key."""
        load = self._load.part(0, PURE_FACTS_MAX, 0)
        facts = len(load.records)
        accounts = min(facts, self._sizes.accounts)
        whole, _ = multiply(facts, accounts, PARTITIONS, programs=everything())
        return [
            *measure_pure("the program", known(), load, PARTITIONS),
            *measure_pure("every key", everything(), whole, PARTITIONS),
        ]

    async def _race(self, peers: list[Peer]) -> None:
        # The broker's first seconds are slow: nobody's race is run in them.
        await self._run(bare.PEER, self._course(WARM_UP_MIN, 4 * WARM_UP_MIN), "broker")
        course = self._course(self._warm, self._sizes.facts)
        for round_number in range(self._sizes.repeat):
            for number, peer in enumerate(peers):
                result = await self._run(peer, course, f"race{round_number}-{number}")
                first = self.report.races[0] if self.report.races else result
                if result.digest != first.digest:
                    raise WrongOutput(f"{peer.name} wrote other points events than {first.peer}")
                self.report.races.append(result)
                self._say(f"{peer.name}: {result.facts_per_second:,.0f} facts/s")

    async def _run(self, peer: Peer, course: Course, name: str) -> Result:
        return await race(
            self._servers, peer, course, run=name, directory=self._directory / name, say=self._say
        )

    def _course(self, start: int, stop: int) -> Course:
        """Facts from `start` to `stop`, with all before them as warm-up."""
        return Course(
            self._load.part(0, start, self._events[start]),
            self._load.part(start, stop, self._events[stop] - self._events[start]),
            PARTITIONS,
        )

    async def _restore(self) -> None:
        self.report.restored = await measure_restore(
            self._servers,
            self._sizes.restored,
            facts_per_account=self._sizes.facts // self._sizes.accounts,
            partitions=PARTITIONS,
            directory=self._directory / "restore",
            say=self._say,
        )

    async def _latency(self) -> None:
        stop = min(self._sizes.facts, self._warm + self._sizes.rate * LATENCY_SECONDS)
        course = self._course(self._warm, stop)
        self.report.latency = await measure_latency(
            self._servers,
            course.warm_up,
            course.load,
            rate=self._sizes.rate,
            partitions=PARTITIONS,
            directory=self._directory / "latency",
            say=self._say,
        )

    async def _projector(self) -> None:
        self.report.projected = await measure_projector(
            self._servers,
            self._load.part(0, PROJECTED_FACTS_MAX, 0),
            partitions=PARTITIONS,
            directory=self._directory / "projector",
            say=self._say,
        )

    async def _rewarder(self) -> None:
        self.report.given = await measure_webhooks(
            self._servers,
            WEBHOOKS,
            partitions=PARTITIONS,
            directory=self._directory / "webhooks",
            say=self._say,
        )
        self.report.metered = await measure_bucket(
            self._servers,
            REQUESTS_PER_MINUTE,
            partitions=PARTITIONS,
            directory=self._directory / "bucket",
            say=self._say,
        )
