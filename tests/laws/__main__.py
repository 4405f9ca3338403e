"""`python -m tests.laws`: hold the fold against the oracle on tens of thousands of histories."""

import os
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.console import out
from tests.laws.compare import difference
from tests.laws.run import LATE_EVERY, Case, run
from tests.laws.shrink import shrink
from tests.laws.tale import tale


def main(
    seed: Annotated[int, typer.Option(help="Programs and histories follow from it.")] = 1,
    histories: Annotated[int, typer.Option(min=1, help="How many to tell.")] = 40_000,
    only: Annotated[int | None, typer.Option(help="Tell the history of this number alone.")] = None,
    shown: Annotated[int, typer.Option(min=1, help="Differences to make small and show.")] = 1,
    late_every: Annotated[
        int, typer.Option(min=0, help="One of so many comes late and out of order; 0 for none.")
    ] = LATE_EVERY,
) -> None:
    """Exit code 1 where the two differ; the smallest history that differs is shown as a story."""
    one = [Case(seed, only or 0, late_every)]
    found = _compare(seed, histories, late_every) if only is None else one
    found = [case for case in found if case.differs()]
    for case in found[:shown]:
        _show(case)
    told = histories if only is None else 1
    out.print(f"seed {seed}: {told:,} histories, {len(found):,} on which fold and oracle differ")
    raise typer.Exit(1 if found else 0)


def _compare(seed: int, histories: int, late_every: int) -> list[Case]:
    found: list[Case] = []
    columns = (TextColumn("histories"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out) as progress:
        task = progress.add_task("", total=histories)
        for done, cases in run(seed, histories, os.cpu_count() or 1, late_every):
            found += cases
            progress.advance(task, done)
    return found


def _show(case: Case) -> None:
    program, history = shrink(*case.draw())
    differs = difference(program, history)
    assert differs is not None, "what was made smaller still differs"
    out.print(tale(program, history, differs), markup=False, highlight=False, soft_wrap=True)
    again = f"--seed {case.seed} --only {case.number} --late-every {case.late_every}"
    out.print(f'Again: make test-laws ARGS="{again}"\n', style="bold")


if __name__ == "__main__":
    typer.run(main)
