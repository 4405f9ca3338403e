"""`python -m tests.chaos_rewards --seed N`: break everything, then see who got what."""

import asyncio
import logging
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from connectors.fault_points import POINTS
from deploy.console import err, out, say
from tests.chaos_rewards import run as runs

BREACHES_SHOWN_MAX = 20


def main(  # noqa: PLR0917 - Typer passes every option by name
    seed: Annotated[int, typer.Option(help="What is asked for and what breaks follows from it.")],
    grants: Annotated[int, typer.Option(min=200, help="Rewards to give.")] = 10_000,
    seconds: Annotated[
        float, typer.Option(min=5, help="Over which they are asked for, or more.")
    ] = 80,
    kills: Annotated[int, typer.Option(min=0, help="Kills besides those at named steps.")] = 6,
    freezes: Annotated[int, typer.Option(min=0, help="Rewarders that outlive their lease.")] = 3,
    steps: Annotated[int, typer.Option(min=0, help="Named steps to die at.")] = len(POINTS),
    keep: Annotated[bool, typer.Option(help="Keep logs and data even if it passes.")] = False,
) -> None:
    """Kill and freeze rewarders, lose answers, throttle, go away; then audit what was given."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    options = runs.Options(
        seed=seed,
        grants=grants,
        load_seconds=seconds,
        kills=kills,
        freezes=freezes,
        steps=steps,
        keep=keep,
    )
    with _bar() as bar:
        said = bar.add_task("said", total=None)
        settled = bar.add_task("settled", total=grants)

        def show(progress: runs.Progress) -> None:
            bar.update(said, completed=progress.said)
            bar.update(
                settled,
                completed=progress.settled,
                total=progress.of,
                description=progress.stage,
            )

        result = asyncio.run(runs.run(options, say, show))
    _show(options, result)
    raise typer.Exit(1 if result.breaches else 0)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description:>9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
    )


def _show(options: runs.Options, result: runs.Result) -> None:
    table = Table(title=f"chaos of rewards, seed {options.seed}", show_header=False)
    for name, figure in result.figures.items():
        table.add_row(name, figure)
    verdict = "FAIL" if result.breaches else "PASS: each exactly once, none for what failed"
    table.add_row("verdict", verdict, style="bold red" if result.breaches else "bold green")
    out.print(table)
    for breach in result.breaches[:BREACHES_SHOWN_MAX]:
        out.print(breach, markup=False)
    if (more := len(result.breaches) - BREACHES_SHOWN_MAX) > 0:
        out.print(f"… and {more} more")
    if result.breaches:
        out.print(f"Again: make chaos-rewards SEED={options.seed}", style="bold")


if __name__ == "__main__":
    typer.run(main)
