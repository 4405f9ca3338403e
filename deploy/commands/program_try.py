"""`cactus program try`: what a draft would have done to one customer."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from deploy.commands.explain import reading_shown
from deploy.commands.program_sources import load
from deploy.console import JsonFlag, err, out, print_json

if TYPE_CHECKING:
    from deploy.dry_run.run import DryRun
    from schemas.program.model import Program

File = Annotated[Path, typer.Argument(help="The draft's YAML.")]
CustomerOption = Annotated[
    str, typer.Option("--customer", "-c", help="Whose history it is tried on.")
]
SiteOption = Annotated[
    str | None, typer.Option("--site", help="Whose customer it is. Default: the draft's site.")
]


def register(program: typer.Typer) -> None:
    program.command(name="try")(try_draft)


def try_draft(
    file: File, customer: CustomerOption, site: SiteOption = None, json: JsonFlag = False
) -> None:
    """Try a draft on what a customer has lived through, as if it had always been in force.

    Nothing is published, and nothing changes.

    [bold]cactus program try deploy/programs/spikes.yaml --customer c_1042[/]
    """
    import msgspec

    draft = load(file, json)
    if site is not None:
        draft = draft.model_copy(update={"site": site})
    found = asyncio.run(_try(draft, customer))
    if json:
        print_json(msgspec.json.decode(msgspec.json.encode(found)))
        return
    _print(found)


async def _try(draft: "Program", customer: str) -> "DryRun":
    from deploy.service.dry_run import try_on
    from deploy.settings import load_settings

    with reading_shown() as progress:
        return await try_on(load_settings(), draft, customer, progress)


def _print(found: "DryRun") -> None:
    out.print(
        f"{found.program} on the {found.facts:,} facts of {escape(found.customer)}", style="bold"
    )
    for sentence in found.sentences:
        out.print(sentence, markup=False)
    for each in found.differences.facts[:10]:
        was = _gave(each.published, each.published_rewards)
        would = _gave(each.draft, each.draft_rewards)
        out.print(f"  {each.fact}: {would}, was {was}", markup=False, style="dim")
    more = found.differences.facts_count - 10
    if more > 0:
        out.print(f"  and {more:,} more; --json has the first hundred", style="dim")
    for note in found.notes:
        err.print("[yellow]careful[/]  ", end="")
        err.print(note, markup=False)


def _gave(rules: dict[str, int], rewards: tuple[str, ...]) -> str:
    parts = [f"{points:,} by {rule}" for rule, points in rules.items()]
    parts += [f"reward {reward}" for reward in rewards]
    return ", ".join(parts) or "nothing"
