"""`cactus translate`: what Chargebee payloads become, without any installation."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.console import JsonFlag

if TYPE_CHECKING:
    from deploy.translating import Answer

Files = Annotated[
    list[Path], typer.Argument(help="JSON files, or - for standard input.", allow_dash=True)
]
SiteOption = Annotated[str, typer.Option("--site", help="The site the facts shall name.")]


def register(app: typer.Typer) -> None:
    app.command()(translate)


def translate(files: Files, site: SiteOption = "acme-test", json: JsonFlag = False) -> None:
    """Show which facts each Chargebee event becomes, or why it becomes none.

    A file may hold one event as a webhook brings it, an answer of the Events API, a JSON list, or
    one event per line. Broken ones are reported, the rest goes on, and the exit code is then 1.
    With --json: one JSON object per event and line.

    [bold]cactus translate event.json[/]
    [bold]curl … /api/v2/events | cactus translate -[/]
    """
    from deploy.translating import answers

    broken = 0
    counts = {"facts": 0, "ignored": 0, "error": 0}
    for file in files:
        for answer in answers(file, site):
            counts[answer.kind] += 1
            broken += answer.kind == "error"
            if json:
                typer.echo(answer.as_json())
            else:
                _print(answer)
    if not json:
        _print_counts(counts)
    if broken:
        raise typer.Exit(1)


def _print(answer: "Answer") -> None:
    from rich.text import Text

    from deploy.console import out

    line = Text(answer.file, style="bold")
    if answer.event_type:
        line.append(f"  {answer.event_type}", style="cyan")
    out.print(line)
    for fact in answer.facts:
        text = f"{fact['type']} {fact['id']}"
        out.print(Text("  → ", style="green").append(text, style="bold green"))
        out.print(Text(f"    {_details(fact)}", style="dim"))
    if answer.reason:
        style = "red" if answer.kind == "error" else "yellow"
        label = "broken: " if answer.kind == "error" else "ignored: "
        out.print(Text(f"  {label}", style=style).append(answer.reason, style=""))


def _details(fact: dict[str, object]) -> str:
    """The figures of a fact in one line; the subscription by its plan only."""
    shown: list[str] = []
    for name, value in fact.items():
        if name in ("type", "id", "v", "site", "source"):
            continue
        if isinstance(value, dict):
            shown.append(f"{name}={value.get('id')} plan={value.get('plan')}")
            continue
        shown.append(f"{name}={value}")
    return "  ".join(shown)


def _print_counts(counts: dict[str, int]) -> None:
    from deploy.console import err

    err.print(
        f"{counts['facts']} became facts, {counts['ignored']} are ignored for a reason, "
        f"{counts['error']} are broken",
        style="bold",
    )
