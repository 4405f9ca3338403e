"""`python -m tests.chaos --seed N`: break everything for minutes, then judge what is left."""

import asyncio
import logging
from typing import Annotated

import typer
from rich.table import Table

from deploy.console import out, say
from tests.chaos.run import Options, Result, run

BREACHES_SHOWN_MAX = 20


def main(
    seed: Annotated[int, typer.Option(help="What happens, to whom and when, follows from it.")],
    facts: Annotated[int, typer.Option(min=1_000, help="Messages to produce.")] = 100_000,
    faults: Annotated[int, typer.Option(min=0, help="Kills, freezes and the like.")] = 32,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes kept at work.")] = 2,
    keep: Annotated[bool, typer.Option(help="Keep logs and data even if it passes.")] = False,
) -> None:
    """Kill, freeze and terminate workers and the broker under load; then audit the logs."""
    # Clients complain at length about a broker that is killed on purpose.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    options = Options(seed=seed, facts=facts, faults=faults, workers=workers, keep=keep)
    result = asyncio.run(run(options, say))
    _show(options, result)
    raise typer.Exit(1 if result.breaches else 0)


def _show(options: Options, result: Result) -> None:
    table = Table(title=f"chaos, seed {options.seed}", show_header=False)
    for name, figure in result.figures.items():
        table.add_row(name, figure)
    verdict = "FAIL" if result.breaches else "PASS: 0 lost, 0 doubled, 0 gaps, state = log"
    table.add_row("verdict", verdict, style="bold red" if result.breaches else "bold green")
    out.print(table)
    for breach in result.breaches[:BREACHES_SHOWN_MAX]:
        out.print(breach, markup=False)
    if (more := len(result.breaches) - BREACHES_SHOWN_MAX) > 0:
        out.print(f"… and {more} more")
    if result.breaches:
        out.print(f"Again: make chaos SEED={options.seed}", style="bold")


if __name__ == "__main__":
    typer.run(main)
