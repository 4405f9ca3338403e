"""`cactus audit`: prove that nothing is lost, doubled or unexplained."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.console import JsonFlag, err, print_json

if TYPE_CHECKING:
    from deploy.audit.tally import Progress

GatewayFlag = Annotated[
    bool, typer.Option("--gateway/--no-gateway", help="Also ask each site what it gave.")
]


def register(app: typer.Typer) -> None:
    app.command()(audit)


def audit(gateway: GatewayFlag = True, json: JsonFlag = False) -> None:
    """Read everything again and hold it against itself. Exit code 1 on any breach.

    The facts are folded anew and must give the points log byte for byte; the points log is
    projected anew and must give the SQL views row for row; each reward is followed from its event
    to the billing site and back. Works while everything runs.

    [bold]cactus audit --json | jq .passed[/]
    """
    import asyncio

    from deploy.audit.printing import print_report
    from deploy.audit.run import run_audit
    from deploy.settings import load_settings

    settings = load_settings()
    with _shown() as progress:
        report = asyncio.run(run_audit(settings, progress=progress, gateway=gateway))
    if json:
        print_json(report.document())
    else:
        print_report(report)
    if not report.passed:
        raise typer.Exit(1)


@contextmanager
def _shown() -> Iterator["Progress"]:
    """A bar for each stage, on standard error, gone when all is done."""
    from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Bars(*columns, TimeElapsedColumn(), console=err, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int, /) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=total)

        yield show
