"""`cactus program check | publish | unpublish | list | show | diff`: from file to engine."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from deploy.commands.program_sources import SiteOption, load, published, read
from deploy.console import JsonFlag, err, out, print_json

if TYPE_CHECKING:
    from schemas.program.model import Program

File = Annotated[Path, typer.Argument(help="The program's YAML.")]
ProgramId = Annotated[str, typer.Argument(help="The program's id.")]


def register(app: typer.Typer) -> None:
    from deploy.commands import program_diff

    program = typer.Typer(help="The loyalty program: check a file, publish it, see what applies.")
    program.callback()(lambda: None)
    program.command()(check)
    program.command()(publish)
    program.command()(unpublish)
    program.command(name="list")(list_programs)
    program.command()(show)
    program_diff.register(program)
    app.add_typer(program, name="program")


def check(file: File, json: JsonFlag = False) -> None:
    """Check a program without publishing it: every mistake, its line, and what to write.

    [bold]cactus program check deploy/programs/spikes.yaml[/]
    """
    program = load(file, json)
    if json:
        print_json({"ok": True, "problems": [], "program": program.document()})
        return
    _print_rules(program)
    _warn(program)
    out.print(f"[green]ok[/]  {escape(str(file))} is a program that can be published")


def publish(file: File, json: JsonFlag = False) -> None:
    """Publish a program: number the version and make it known to every partition at once.

    A program that stands already, word for word, is not published again.

    [bold]cactus program publish deploy/programs/spikes.yaml[/]
    """
    _publish(load(file, json), json)


def unpublish(program: ProgramId, site: SiteOption = None, json: JsonFlag = False) -> None:
    """Retire a program: publish a version under which nothing earns, from now on.

    Points live on by their dates, tiers stay, refunds and the outcomes of rewards still count.
    Publishing a file again ends it.

    [bold]cactus program unpublish spikes[/]
    """
    from deploy.publish import retired

    programs = read()
    latest = published(programs, program, None, site)
    found = _publish(retired(latest, programs, _now()), json)
    for other in programs:
        if other.site == found.site and other.effective_at() > found.effective_at():
            err.print(
                f"[yellow]careful[/]  {other.program} version {other.version} takes effect "
                f"{_effective(other)} and ends this."
            )
    for file in _published_at_start(found):
        err.print(
            f"[yellow]careful[/]  cactus up publishes {escape(str(file))} again: take it out of "
            "the settings."
        )


def _published_at_start(program: "Program") -> list[Path]:
    """The files of this program that the settings name."""
    from deploy.settings import load_settings
    from schemas.program.load import ProgramRefusedError, load_program

    found = []
    for file in load_settings().programs:
        try:
            draft = load_program(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ProgramRefusedError):
            continue  # `cactus up` will say so itself
        if (draft.site, draft.program) == (program.site, program.program):
            found.append(file)
    return found


def _publish(program: "Program", json: bool) -> "Program":
    """Publish, and say what stands then."""
    from deploy import publish as publishing
    from deploy.cluster import bootstrap_servers, topics_of
    from deploy.settings import load_settings

    settings, now = load_settings(), _now()
    done = asyncio.run(
        publishing.publish(bootstrap_servers(settings), topics_of(settings), program, now)
    )
    if json:
        print_json(
            {**_summary(done.program), "published": done.changed, "partitions": done.partitions}
        )
        return done.program
    _warn(program)
    name = f"{done.program.program} version {done.program.version}"
    since = f"effective from {_effective(done.program)}"
    if not done.changed:
        out.print(f"[dim]unchanged[/]  {name} says the same already, {since}")
        return done.program
    verb = "retired" if done.program.retired else "published"
    out.print(f"[green]{verb}[/]  {name}, {since}, to {done.partitions} partitions")
    if done.program.effective_at() < now:
        out.print("[dim]It applies to older facts too, where they have not been folded yet.[/]")
    return done.program


def _now() -> int:
    from deploy.clock import choose_clock
    from deploy.settings import load_settings

    return choose_clock(load_settings().clock_file)()


def list_programs(json: JsonFlag = False) -> None:
    """Every published version, and when it takes effect."""
    programs = read()
    if json:
        print_json([_summary(program) for program in programs])
        return
    if not programs:
        out.print("No program is published yet: [bold]cactus program publish FILE[/]")
        return
    table = Table("site", "program", "version", "effective from", "rules", "rewards")
    for program in programs:
        table.add_row(
            program.site,
            program.program,
            str(program.version),
            _effective(program) + ("  retired" if program.retired else ""),
            str(len(program.earn)),
            str(len(program.rewards)),
        )
    out.print(table)


def show(
    program: ProgramId,
    version: Annotated[int | None, typer.Option(help="Default: the latest.")] = None,
    site: SiteOption = None,
    json: JsonFlag = False,
) -> None:
    """One published version, in words; with --json as it is stored."""
    latest = published(read(), program, version, site)
    if json:
        print_json(latest.document())
        return
    out.print(f"version {latest.version}, effective from {_effective(latest)}")
    _print_rules(latest)


def _warn(program: "Program") -> None:
    """What is allowed and will not do what its author hopes for."""
    from deploy.settings import load_settings
    from deploy.unready import missing_settings

    for reward, what in missing_settings(program, load_settings()).items():
        err.print(
            f"[yellow]careful[/]  reward {reward}: the settings lack {what}. Without it the reward "
            "fails each time it fires, and gives its points back."
        )


def _print_rules(program: "Program") -> None:
    from schemas.program.words import describe

    table = Table("", "id", f"{program.program} of {program.site} ({program.timezone})")
    last = ""
    for kind, name, sentence in describe(program):
        table.add_row("" if kind == last else kind, escape(name), escape(sentence))
        last = kind
    out.print(table)


def _summary(program: "Program") -> dict[str, object]:
    return {
        "site": program.site,
        "program": program.program,
        "version": program.version,
        "effective_from": _effective(program),
        "effective_at": program.effective_at(),
        "retired": program.retired,
    }


def _effective(program: "Program") -> str:
    assert program.effective_from is not None
    return f"{program.effective_from.isoformat()} {program.timezone}"
