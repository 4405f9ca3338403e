"""The benchmark's command line: every measurement in one run, on a Kafka of its own."""

import asyncio
import logging
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from deploy.console import JsonFlag, err, print_json, say
from deploy.kafka import EmbeddedKafka
from deploy.settings import default_cache_dir
from tests.bench.program import choose
from tests.bench.race import WrongOutput
from tests.bench.stage import Stalled
from tests.bench.suite import PEERS, Figure, Name, Sizes, Suite
from tests.bench.table import document, print_report
from tests.support.year import SPIKES

Only = Annotated[list[Figure] | None, typer.Option("--only", help="This; may be repeated.")]
Peers = Annotated[list[Name] | None, typer.Option("--peer", help="This; may be repeated.")]


def main(  # noqa: PLR0917 - Typer passes every option by name
    facts: Annotated[int, typer.Option(min=5_000, help="Facts that every peer folds.")] = 200_000,
    accounts: Annotated[int, typer.Option(min=100, help="Accounts they are about.")] = 10_000,
    repeat: Annotated[int, typer.Option(min=1, help="Races; medians are shown.")] = 1,
    restored: Annotated[int, typer.Option(min=1_000, help="Accounts to restore.")] = 100_000,
    rate: Annotated[int, typer.Option(min=10, help="Facts a second for latency.")] = 1_000,
    program: Annotated[Path, typer.Option(exists=True, help="What the fold runs.")] = SPIKES,
    only: Only = None,
    peer: Peers = None,
    json: JsonFlag = False,
) -> None:
    """Measure the engine beside its peers: same facts, same fold, same broker, same run."""
    if accounts > facts:
        raise typer.BadParameter("each account needs a fact: give more --facts than --accounts")
    # A topic just made has no leader for a moment, which aiokafka calls an error.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    choose(program)
    sizes = Sizes(facts=facts, accounts=accounts, repeat=repeat, restored=restored, rate=rate)
    with tempfile.TemporaryDirectory(prefix="cactus-bench-") as directory:
        kafka = EmbeddedKafka(
            Path(directory, "kafka"), jar_cache=default_cache_dir() / "jars", say=say
        )
        servers = kafka.start(tied=True).bootstrap_servers
        suite = Suite(sizes, servers, Path(directory), say)
        try:
            for figure in only or Figure:
                asyncio.run(suite.measure(figure, [PEERS[each] for each in peer or Name]))
        except (Stalled, WrongOutput) as error:
            err.print(f"[bold red]no figures:[/] {error}")
            for note in getattr(error, "__notes__", ()):
                err.print(note, style="dim", markup=False)
            raise typer.Exit(1) from error
        finally:
            kafka.stop()
    if json:
        print_json(document(suite.report))
    else:
        print_report(suite.report)
