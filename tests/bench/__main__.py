"""`python -m tests.bench`: every measurement in one run, on a Kafka of its own."""

import asyncio
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deploy.console import JsonFlag, err, out, print_json, say
from deploy.kafka import EmbeddedKafka
from deploy.settings import default_cache_dir
from tests.bench import bare, machine, ours, plain_faust, quix
from tests.bench.facts import multiply
from tests.bench.latency import measure_latency
from tests.bench.peer import Peer
from tests.bench.pure import measure_pure
from tests.bench.race import Course, Result, WrongOutput, race
from tests.bench.restore import measure_restore
from tests.bench.table import Report, document, print_report

PARTITIONS = 8
WARM_UP_SHARE = 50
WARM_UP_MIN = 1_000
PURE_FACTS_MAX = 50_000
LATENCY_SECONDS = 20
BROKER_WARM_UP = "broker"


class Name(StrEnum):
    OURS = "ours"
    QUIX = "quix"
    FAUST = "faust"
    BARE = "bare"


class Figure(StrEnum):
    PEERS = "peers"
    PURE = "pure"
    RESTORE = "restore"
    LATENCY = "latency"


PEERS: dict[Name, Peer] = {
    Name.OURS: ours.PEER,
    Name.QUIX: quix.PEER,
    Name.FAUST: plain_faust.PEER,
    Name.BARE: bare.PEER,
}

Only = Annotated[list[Figure] | None, typer.Option("--only", help="Measure this; may be repeated.")]
Peers = Annotated[list[Name] | None, typer.Option("--peer", help="Only this; may be repeated.")]


def main(  # noqa: PLR0917 - Typer passes every option by name
    facts: Annotated[int, typer.Option(min=5_000, help="Facts that every peer folds.")] = 200_000,
    accounts: Annotated[int, typer.Option(min=100, help="Accounts they are about.")] = 10_000,
    repeat: Annotated[int, typer.Option(min=1, help="Races; medians are shown.")] = 1,
    restored: Annotated[int, typer.Option(min=1_000, help="Accounts to restore.")] = 100_000,
    rate: Annotated[int, typer.Option(min=10, help="Facts a second for latency.")] = 1_000,
    only: Only = None,
    peer: Peers = None,
    json: JsonFlag = False,
) -> None:
    """Measure the engine beside its peers: same facts, same fold, same broker, same run."""
    bench = Bench(facts, accounts, {each.value for each in only or Figure})
    with tempfile.TemporaryDirectory(prefix="cactus-bench-") as directory:
        kafka = EmbeddedKafka(
            Path(directory, "kafka"), jar_cache=default_cache_dir() / "jars", say=say
        )
        bench.servers, bench.directory = kafka.start(tied=True).bootstrap_servers, Path(directory)
        try:
            asyncio.run(bench.run([PEERS[each] for each in peer or Name], repeat, restored, rate))
        except WrongOutput as error:
            err.print(f"[bold red]wrong output:[/] {error}")
            raise typer.Exit(1) from error
        finally:
            kafka.stop()
    if json:
        print_json(document(bench.report))
    else:
        print_report(bench.report, out)


class Bench:
    """Runs the measurements one after the other; nothing else of ours runs meanwhile."""

    def __init__(self, facts: int, accounts: int, figures: set[str]) -> None:
        self.report = Report(machine.describe(), ours.PEER.name)
        self.servers = ""
        self.directory = Path()
        self._facts_per_account = facts // accounts
        self._figures = figures
        say(f"living {facts:,} facts of {accounts:,} accounts")
        self._load, self._events = multiply(facts, accounts, PARTITIONS)

    def _part(self, start: int, stop: int) -> Course:
        """Facts from `start` to `stop`, with all before them as warm-up."""
        events = self._events
        return Course(
            self._load.part(0, start, events[start]),
            self._load.part(start, stop, events[stop] - events[start]),
            PARTITIONS,
        )

    async def run(self, peers: list[Peer], repeat: int, restored: int, rate: int) -> None:
        facts = len(self._load.records)
        warm = max(WARM_UP_MIN, facts // WARM_UP_SHARE)
        if Figure.PURE in self._figures:
            say("folding without Kafka")
            some = self._load.part(0, PURE_FACTS_MAX, 0)
            self.report.pure = measure_pure(some, PARTITIONS)
        if Figure.PEERS in self._figures:
            await self._race(peers, repeat, self._part(warm, facts))
        if Figure.RESTORE in self._figures:
            self.report.restored = await measure_restore(
                self.servers,
                restored,
                facts_per_account=self._facts_per_account,
                partitions=PARTITIONS,
                directory=self.directory / "restore",
                say=say,
            )
        if Figure.LATENCY in self._figures:
            course = self._part(warm, min(facts, warm + rate * LATENCY_SECONDS))
            self.report.latency = await measure_latency(
                self.servers,
                course.warm_up,
                course.load,
                rate=rate,
                partitions=PARTITIONS,
                directory=self.directory / "latency",
                say=say,
            )

    async def _race(self, peers: list[Peer], repeat: int, course: Course) -> None:
        # The broker's first seconds are slow: nobody's race is run in them.
        await self._run_one(bare.PEER, self._part(WARM_UP_MIN, WARM_UP_MIN * 4), BROKER_WARM_UP)
        for round_number in range(repeat):
            for peer in peers:
                name = f"race{round_number}-{peers.index(peer)}"
                result = await self._run_one(peer, course, name)
                if any(each.digest != result.digest for each in self.report.races):
                    msg = f"{peer.name} wrote other points events than {self.report.races[0].peer}"
                    raise WrongOutput(msg)
                self.report.races.append(result)
                say(f"{peer.name}: {result.facts_per_second:,.0f} facts/s")

    async def _run_one(self, peer: Peer, course: Course, name: str) -> Result:
        return await race(
            self.servers, peer, course, run=name, directory=self.directory / name, say=say
        )


if __name__ == "__main__":
    typer.run(main)
