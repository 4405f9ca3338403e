"""`cactus program diff`: what two versions of a program say differently, and what that does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from deploy.commands.program_sources import SiteOption, load, published, read
from deploy.console import JsonFlag, out, print_json

if TYPE_CHECKING:
    from schemas.program.diff import Change, Diff
    from schemas.program.model import Program

Version = Annotated[
    str, typer.Argument(help="A file, or what is published: spikes, or spikes:3 for a version.")
]

MARKS = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "changed": ("~", "yellow"),
    "moved": ("~", "yellow"),
}


def register(program: typer.Typer) -> None:
    program.command()(diff)


def diff(before: Version, after: Version, site: SiteOption = None, json: JsonFlag = False) -> None:
    """What a version says differently from another, and what it does to customers.

    [bold]cactus program diff spikes deploy/programs/spikes.yaml[/]
    """
    from schemas.program.diff import diff as difference

    found = difference(_resolve(before, site, json), _resolve(after, site, json))
    if json:
        print_json(_document(found))
        return
    if not found.changes:
        out.print("They say the same.")
        return
    for change in found.changes:
        _print_change(change)
    out.print()
    for effect in found.effects:
        out.print(effect, markup=False)


def _resolve(reference: str, site: str | None, json: bool) -> "Program":
    from deploy.errors import OperatingError

    file = Path(reference)
    if file.suffix in (".yaml", ".yml") or file.exists():
        return load(file, json)
    name, _, version = reference.partition(":")
    if version and not version.isdecimal():
        raise OperatingError(f"{reference} is neither a file nor a version such as {name}:3.")
    return published(read(), name, int(version) if version else None, site)


def _print_change(change: "Change") -> None:
    from deploy.wording import NOTHING
    from schemas.program.diff import value_words

    mark, style = MARKS[change.kind]
    name = change.id or "order"
    head = Text.assemble((f"{mark} ", style), (f"{change.part} ", "dim"), (name, "bold"), "  ")
    if change.part == "setting":
        before, after = change.before or NOTHING, change.after or NOTHING
        out.print(Text.assemble(head, f"{before} → {after}"))
        return
    if change.before == change.after or change.kind in ("added", "removed"):
        out.print(Text.assemble(head, change.before or change.after))
    else:
        out.print(Text.assemble(head, change.before))
        out.print(Text(f"  → {change.after}"))
    for key in change.keys:
        before, after = value_words(key.before) or NOTHING, value_words(key.after) or NOTHING
        out.print(Text(f"    {key.path}: {before} → {after}", "dim"))


def _document(found: "Diff") -> dict[str, object]:
    changes = [
        {**each._asdict(), "keys": [key._asdict() for key in each.keys]} for each in found.changes
    ]
    return {"changes": changes, "effects": list(found.effects)}
