"""Where commands have programs from: a file, or what is published."""

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from deploy.console import err, print_json

if TYPE_CHECKING:
    from schemas.program.load import Problem
    from schemas.program.model import Program

SiteOption = Annotated[str | None, typer.Option(help="Where several sites use the same id.")]


def load(file: Path, json: bool) -> "Program":
    """Read a program, or print every mistake in it and exit with 1."""
    from deploy.errors import OperatingError
    from schemas.program.load import ProgramRefusedError, load_program

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatingError(f"{file} cannot be read: {error}") from error
    try:
        return load_program(text)
    except ProgramRefusedError as refused:
        if json:
            problems = [dataclasses.asdict(each) for each in refused.problems]
            print_json({"ok": False, "problems": problems})
        else:
            _print_problems(file, text, refused.problems)
        raise typer.Exit(1) from refused


def _print_problems(file: Path, text: str, problems: list["Problem"]) -> None:
    lines = text.splitlines()
    for each in problems:
        place = escape(f"{file}:{each.line}:{each.column}")
        path = f" [bold]{escape(each.path)}[/]" if each.path else ""
        err.print(f"[red]✗[/]{path}  [dim]{place}[/]")
        if each.line <= len(lines):
            err.print(f"  {each.line:>4} │ {lines[each.line - 1]}", markup=False, style="dim")
            err.print("       │ " + " " * (each.column - 1) + "^", markup=False, style="red")
        err.print(f"       {each.message}\n", markup=False)
    count = f"{len(problems)} mistake" + ("s" if len(problems) > 1 else "")
    err.print(f"[red]{count}[/]: nothing can be published")


def read() -> list["Program"]:
    """Every published version."""
    from deploy.cluster import bootstrap_servers, topics_of
    from deploy.publish import read_programs
    from deploy.settings import load_settings

    settings = load_settings()
    return asyncio.run(read_programs(bootstrap_servers(settings), topics_of(settings)))


def published(
    programs: "list[Program]", name: str, version: int | None, site: str | None
) -> "Program":
    """One version of those published, the latest where none is named."""
    from deploy.errors import OperatingError

    found = [
        each
        for each in programs
        if each.program == name and version in (None, each.version) and site in (None, each.site)
    ]
    if not found:
        which = "" if version is None else f" version {version}"
        raise OperatingError(f"No program {name}{which} is published; see cactus program list.")
    sites = sorted({each.site for each in found})
    if len(sites) > 1:
        raise OperatingError(f"Several sites have {name}: add --site {' or --site '.join(sites)}")
    return max(found, key=lambda each: each.version)
