"""`cactus rebuild`: the views anew from the log, compared with those there are."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.console import JsonFlag, err, out, print_json

if TYPE_CHECKING:
    from deploy.rebuilding import Rebuilt
    from projections.compare import RowDifference, TableComparison

YesFlag = Annotated[bool, typer.Option("--yes", help="Replace views that differ, unasked.")]


def register(app: typer.Typer) -> None:
    app.command()(rebuild)


def rebuild(yes: YesFlag = False, json: JsonFlag = False) -> None:
    """Build the SQL views anew from the points log, beside the live ones, and compare.

    Views that differ are replaced in one transaction, after a question; identical ones stay. The
    projector must be stopped first. Exit code 1 where they differed.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from deploy import rebuilding
    from deploy.settings import load_settings

    shown = False

    def confirm(tables: "list[TableComparison]") -> bool:
        nonlocal shown
        bar.stop()
        if yes or json or not sys.stdin.isatty():
            return yes
        _print_tables(tables)
        shown = True
        return typer.confirm("Replace the live views with the rebuilt ones?", err=True)

    columns = (
        TextColumn("replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("offsets"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("replaying", total=None)
        rebuilt = asyncio.run(
            rebuilding.rebuild(
                load_settings(),
                report=lambda done, total: bar.update(task, completed=done, total=total),
                confirm=confirm,
            )
        )
    if json:
        print_json(_document(rebuilt))
    else:
        if not shown:
            _print_tables(rebuilt.tables)
        _print_verdict(rebuilt)
    if not rebuilt.is_identical:
        raise typer.Exit(1)


def _document(rebuilt: "Rebuilt") -> dict[str, object]:
    import msgspec

    return {**msgspec.to_builtins(rebuilt), "identical": rebuilt.is_identical}


def _print_tables(tables: "list[TableComparison]") -> None:
    from rich import box
    from rich.table import Table

    if not tables:
        return
    table = Table("table", box=box.SIMPLE_HEAD)
    table.add_column("rows there were", justify="right")
    table.add_column("rows rebuilt", justify="right")
    table.add_column("")
    for each in tables:
        verdict = "[green]identical[/]" if each.is_identical else "[red]differs[/]"
        table.add_row(each.table, f"{each.live.rows:,}", f"{each.rebuilt.rows:,}", verdict)
    out.print(table)
    for each in tables:
        for row in each.first_differences:
            out.print(f"  {each.table}: {_sentence(row)}", markup=False)


def _print_verdict(rebuilt: "Rebuilt") -> None:
    out.print(f"replayed {rebuilt.events:,} events of {rebuilt.topic}", markup=False)
    if not rebuilt.tables:
        out.print("[green]built[/]  there were no views to compare with")
    elif rebuilt.is_identical:
        out.print("[green]ok[/]  the views are what the log says, row for row; they stay")
    elif rebuilt.replaced:
        out.print("[yellow]replaced[/]  the views differed from the log; the rebuilt are in place")
    else:
        out.print("[red]left alone[/]  the views differ from the log; --yes replaces them")


def _sentence(row: "RowDifference") -> str:
    key = ":".join(str(value) for value in row.key.values())
    if row.how == "changed":
        return f"{key} is not as the log says in {', '.join(row.columns)}"
    return f"{key} is missing" if row.how == "missing" else f"{key} is in no event of the log"
