"""`python -m tests.mutants`: how many small mistakes in the account fold the tests notice."""

import sys
import time
from collections import Counter
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from deploy.console import out
from tests.mutants import selection
from tests.mutants.draw import draw
from tests.mutants.places import FOLD, ROOT, Mutant, places
from tests.mutants.trial import Trial, Trials

LEAST_PERCENT = 85


def main(
    sample: Annotated[int, typer.Option(help="How many mistakes; 0 for one at each place.")] = 300,
    seed: Annotated[int, typer.Option(help="Which places and mistakes are drawn.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="How many are tried at a time.")] = 1,
    only: Annotated[
        str | None, typer.Option(help="FILE or FILE:LINE of the fold: each mistake there.")
    ] = None,
) -> None:
    """Exit code 1 where fewer than 85 per cent are noticed; those that are not are shown."""
    began = time.monotonic()
    mutants = _chosen(only) if only else _drawn(sample, seed)
    trials = Trials(workers)
    trials.prepare()
    trials.measure(mutants)
    tried = _try(trials, mutants)
    survivors = sorted(
        (trial.mutant for trial in tried if trial.noticed_by is None),
        key=lambda mutant: (mutant.path, mutant.line),
    )
    for mutant in survivors:
        _show(mutant)
    out.print(_table(tried))
    noticed = len(tried) - len(survivors)
    minutes = (time.monotonic() - began) / 60
    out.print(f"{_by_step(tried)}\nseed {seed}, {minutes:.0f} minutes")
    raise typer.Exit(1 if noticed * 100 < LEAST_PERCENT * len(tried) else 0)


def _drawn(sample: int, seed: int) -> list[Mutant]:
    found = [place for path in sorted(FOLD.rglob("*.py")) for place in places(path)]
    out.print(f"{len(found):,} places, {sum(map(len, found)):,} mistakes", style="dim")
    return draw(found, sample or len(found), seed)


def _chosen(only: str) -> list[Mutant]:
    file, _, line = only.partition(":")
    found = [mutant for place in places(ROOT / file) for mutant in place]
    return [mutant for mutant in found if not line or mutant.line == int(line)]


def _try(trials: Trials, mutants: list[Mutant]) -> list[Trial]:
    tried: list[Trial] = []
    columns = (TextColumn("mistakes"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, disable=not sys.stdout.isatty()) as progress:
        task = progress.add_task("", total=len(mutants))
        for trial in trials.run(mutants):
            tried.append(trial)
            progress.advance(task)
            if trial.noticed_by is None and progress.disable:
                _show(trial.mutant)
    return tried


def _show(mutant: Mutant) -> None:
    out.print(f"\n{mutant.path}:{mutant.line}  {mutant.operator}", style="bold")
    for line in mutant.diff():
        out.print(escape(line), style="red" if line.startswith("-") else "green")


def _table(tried: list[Trial]) -> Table:
    table = Table("module", "mutants", "killed", "survived", "per cent")
    by_module: dict[str, list[Trial]] = {}
    for trial in sorted(tried, key=lambda trial: trial.mutant.path):
        by_module.setdefault(trial.mutant.path, []).append(trial)
    for path, there in [*by_module.items(), ("all", tried)]:
        killed = sum(trial.noticed_by is not None for trial in there)
        percent = 100 * killed / len(there) if there else 100.0
        table.add_row(
            path.removeprefix("streams/account/"),
            f"{len(there):,}",
            f"{killed:,}",
            f"{len(there) - killed:,}",
            f"{percent:.1f}",
        )
    return table


def _by_step(tried: list[Trial]) -> str:
    """Which tests noticed, each being asked only where those before it did not."""
    counted = Counter(
        selection.name(trial.noticed_by) for trial in tried if trial.noticed_by is not None
    )
    endless = sum(trial.endless for trial in tried)
    said = [f"{name} {count:,}" for name, count in counted.items()]
    return f"killed by {', '.join(said)}; {endless:,} of them never ended"


if __name__ == "__main__":
    typer.run(main)
