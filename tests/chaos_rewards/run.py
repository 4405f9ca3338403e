"""One run: a broker, the others, rewarders, load and faults; then healing, draining, the audit."""

import asyncio
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from connectors.fault_points import POINTS
from deploy.sandbox.life import Life
from deploy.topics import apply_topics
from schemas.topics import Topics
from tests.chaos.broker import Broker
from tests.chaos.logs import read_topic
from tests.chaos_rewards.book import OPEN, Attempt, Book, Row
from tests.chaos_rewards.ledger import happened
from tests.chaos_rewards.load import Load
from tests.chaos_rewards.nemesis import Nemesis
from tests.chaos_rewards.oracle import Oracle, count_states
from tests.chaos_rewards.rewarders import Rewarders
from tests.chaos_rewards.sandbox import Others
from tests.chaos_rewards.schedule import draw_faults, draw_steps
from tests.chaos_rewards.settings import clock_file, write_settings
from tests.chaos_rewards.site import life_settings, people_of
from tests.chaos_rewards.wishes import Wishes, draw_wishes, kinds

PARTITIONS = 4
GRANTS_PER_CUSTOMER = 14
STALLED_SECONDS = 120.0
"""Longer than any reward waits by itself. How long a run takes is the machine's affair."""
STEPS_LEFT_MIN = 50
"""With so few commands left, nobody will come to a step that nobody came to before."""
POLL_SECONDS = 0.25
DAY = 86_400

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    seed: int
    grants: int = 10_000
    load_seconds: float = 80.0
    kills: int = 6
    freezes: int = 3
    steps: int = len(POINTS)
    keep: bool = False


@dataclass(slots=True)
class Result:
    """What a run found: no breaches is a pass. `figures` are for people, in their order."""

    breaches: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: commands said and rewards settled, of how many."""

    said: int
    settled: int
    of: int
    stage: str


async def run(options: Options, say: Say, show: Callable[[Progress], None]) -> Result:
    """Logs and data of a run that does not pass are left where it says."""
    directory = Path(tempfile.mkdtemp(prefix="cactus-chaos-rewards-"))
    say(f"everything of this run is under {directory}, and is removed if it passes")
    async with _Ordeal.of(options, directory, say, show) as ordeal:
        result = await ordeal.live()
    if not result.breaches and not options.keep:
        shutil.rmtree(directory)
    return result


class _StalledError(Exception):
    """Nothing has moved for `STALLED_SECONDS`."""


class _Ordeal:
    """Everything a run needs, started."""

    def __init__(
        self,
        options: Options,
        *,
        servers: str,
        directory: Path,
        others: Others,
        say: Say,
        show: Callable[[Progress], None],
    ) -> None:
        self._options = options
        self._servers = servers
        self._others = others
        self._say = say
        self._show = show
        self._began = time.monotonic()
        self._stage = "giving"
        self._settled = 0
        self._left = 0
        life = Life(life_settings(options.seed, _customers(options)))
        people = [
            each for each in people_of(life) if each.member.term_end > life.site.now + DAY
        ]  # a renewal would spend what is to be taken back
        self._term_ends = {each.member.id: each.member.term_end for each in people}
        self._wishes: Wishes = draw_wishes(options.seed, people, options.grants, life.site.now)
        self._book = Book(
            write_settings(directory, servers=servers, partitions=PARTITIONS, url=others.url)
        )
        self.rewarders = Rewarders(
            directory, count=2, steps=draw_steps(options.seed, POINTS)[: options.steps]
        )
        self._load = Load(
            servers,
            Topics().rewards,
            self._wishes,
            seconds=options.load_seconds,
            settled=lambda: self._settled,
        )
        self._nemesis = Nemesis(
            self.rewarders,
            others,
            progress=lambda: self._load.progress,
            undos_in_doubt=self._book.undos_in_doubt,
            say=self._tell,
        )

    @classmethod
    @asynccontextmanager
    async def of(
        cls, options: Options, directory: Path, say: Say, show: Callable[[Progress], None]
    ) -> "AsyncIterator[_Ordeal]":
        broker = Broker(directory / "kafka")
        others = Others(
            directory, seed=options.seed, customers=_customers(options), clock=clock_file(directory)
        )
        servers = (await broker.start()).bootstrap_servers
        try:
            await others.start()
            await apply_topics(servers, Topics(), partitions=PARTITIONS)
            ordeal = cls(
                options,
                servers=servers,
                directory=directory,
                others=others,
                say=say,
                show=show,
            )
            ordeal.rewarders.start()
            try:
                yield ordeal
            finally:
                await ordeal.rewarders.stop()
        finally:
            await others.stop()
            await broker.stop()

    async def live(self) -> Result:
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._watch())
                await self._survive()
                watching.cancel()
        except* _StalledError:
            self._tell(f"nothing has moved for {STALLED_SECONDS:.0f} s")
        return await self._audit()

    async def _survive(self) -> None:
        """Load and faults together, then heal and drain."""
        options = self._options
        faults = draw_faults(options.seed, kills=options.kills, freezes=options.freezes)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._load.run())
            tasks.create_task(self._nemesis.strike(faults))
        self._tell("everything is said")
        # Somebody must have died at every named step, which takes work that is still to be done.
        while self.rewarders.steps_left and self._left > STEPS_LEFT_MIN:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        await self._nemesis.heal()
        self._stage = "settling"
        self._tell(f"all is healed; waiting until the last {self._left:,} are settled")
        while self._left:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)

    async def _watch(self) -> None:
        """How far the run is, by the ledger; raises `_StalledError`."""
        commands = len(self._wishes.grants) + len(self._wishes.revoked)
        seen, moved_at = (-1, -1, -1), time.monotonic()
        while True:
            counts = await asyncio.to_thread(self._book.counts)
            self._settled = sum(n for state, n in counts.items() if state not in OPEN)
            # What has not even arrived is unsettled too.
            unsettled = await asyncio.to_thread(self._book.unsettled)
            self._left = unsettled + commands - sum(counts.values())
            self._show(Progress(self._load.said, self._settled, commands, self._stage))
            now = self._load.said, self._settled, self._left
            if now != seen:
                seen, moved_at = now, time.monotonic()
            elif time.monotonic() - moved_at > STALLED_SECONDS:
                raise _StalledError
            await asyncio.sleep(POLL_SECONDS)

    async def _audit(self) -> Result:
        steps_left = self.rewarders.steps_left
        await self.rewarders.stop()
        self._tell("auditing")
        rows, attempts = self._book.rows(), self._book.attempts()
        outcomes = await self._outcomes()
        effects = happened(await self._others.ledger())
        oracle = Oracle(
            wishes=self._wishes,
            rows=rows,
            attempts=attempts,
            outcomes=outcomes,
            effects=effects,
            term_ends=self._term_ends,
        )
        result = Result(breaches=list(oracle.breaches()))
        if self._left:
            stalled = f"nothing moved for {STALLED_SECONDS:.0f} s"
            result.breaches.insert(0, f"not settled: {self._left} rewards or outcomes, {stalled}")
        if missed := {each.partition(":")[0] for each in steps_left} - self.rewarders.died.keys():
            result.breaches.append(f"nobody died at {', '.join(sorted(missed))}: a longer load")
        crashed = {how: n for how, n in self.rewarders.exits.items() if how.startswith("exit code")}
        if crashed:
            result.breaches.append(f"rewarders ended by themselves: {crashed}")
        result.figures = await self._figures(rows, attempts, outcomes)
        return result

    async def _outcomes(self) -> dict[str, list[dict[str, Any]]]:
        outcomes: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in await read_topic(self._servers, Topics().facts):
            fact: dict[str, Any] = msgspec.json.decode(record.value)
            outcomes[fact["reward_id"]].append(fact)
        return outcomes

    async def _figures(
        self, rows: list[Row], attempts: list[Attempt], outcomes: dict[str, list[Any]]
    ) -> dict[str, str]:
        rewards, revocations = count_states(rows)
        calls, happened_ = await self._others.calls(), await self._others.happened()
        results: dict[str, int] = defaultdict(int)
        for each in attempts:
            results[f"read {each.result}" if each.move == "read_back" else each.result] += 1
        repeats = sum(len(told) - 1 for told in outcomes.values())
        accounts = Counter(told[0]["type"] for told in outcomes.values())
        return {
            "grants": f"{len(self._wishes.grants):,}: " + _counted(dict(kinds(self._wishes))),
            "commands, with repeats": f"{len(self._wishes.said):,}",
            "rewards": _counted(rewards),
            "taken back": _counted(revocations),
            "attempts": f"{len(attempts):,}: {_counted(results)}",
            "accounts were told": _counted(accounts),
            "outcomes told twice, the same": str(repeats),
            "calls that went wrong": _counted(happened_),
            "repeats the site knew by key": f"{calls['replayed']:,}",
            "faults": _counted({str(kind): n for kind, n in self._nemesis.done.items()}),
            "rewarders": _counted(self.rewarders.exits),
            "named steps died at": f"{len(self.rewarders.died)} of {len(POINTS)}",
            "seconds": f"{time.monotonic() - self._began:.0f}",
        }

    def _tell(self, line: str) -> None:
        self._say(f"{time.monotonic() - self._began:4.0f} s  {line}")


def _customers(options: Options) -> int:
    return max(50, options.grants // GRANTS_PER_CUSTOMER)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in sorted(counts.items())) or "none"
