"""`cactus simulate`: what programs make of events, without any installation."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from deploy.console import JsonFlag, err, out, print_json
from deploy.errors import OperatingError

if TYPE_CHECKING:
    from deploy.simulation.explained import Explainer, Explanation
    from deploy.simulation.lines import LineReader
    from deploy.simulation.summary import CustomerSummary, Totals
    from schemas.program.model import Program

LARGE_BYTES = 1 << 22
STANDARD_INPUT = Path("-")
FIGURES = ("balance", "pending", "lifetime", "deficit", "lots", "rewards", "ignored")

Events = Annotated[
    Path, typer.Argument(help="One input per line, or - for standard input.", allow_dash=True)
]
ProgramFiles = Annotated[
    list[Path],
    typer.Option("--program", "-p", help="A program's YAML; repeat it for several versions."),
]
SummaryFlag = Annotated[
    bool, typer.Option("--summary", help="Print what each customer has in the end, no events.")
]
ExplainOption = Annotated[
    str | None,
    typer.Option(
        "--explain", metavar="FACT_ID", help="Print why one fact did what it did, no events."
    ),
]
SiteOption = Annotated[
    str | None, typer.Option("--site", help="Of the Chargebee events. Default: the program's.")
]


def register(app: typer.Typer) -> None:
    app.command()(simulate)


def simulate(
    events: Events,
    program: ProgramFiles,
    summary: SummaryFlag = False,
    explain: ExplainOption = None,
    site: SiteOption = None,
    json: JsonFlag = False,
) -> None:
    """Fold events offline: exactly the points events that the engine would write, one per line.

    Each line is a Chargebee event, a fact, or {"advance_to": unix seconds}, which lets time pass
    and what is due until then happen. Several versions of a program are known from the start, and
    numbered in the order in which they are given; one without effective_from always applies.
    A bad line ends the simulation there, and the exit code is then 1.

    [bold]cactus simulate --program deploy/programs/spikes.yaml year.ndjson --summary[/]
    [bold]cactus simulate -p deploy/programs/spikes.yaml year.ndjson --explain payment:t1:i1[/]
    """
    from deploy.commands.program_sources import load
    from deploy.simulation.explained import Explainer
    from deploy.simulation.lines import LineReader
    from deploy.simulation.run import Simulation, known_from_the_start
    from deploy.simulation.summary import Tally

    if summary and explain is not None:
        raise OperatingError("--summary and --explain print different things: give one of them.")
    programs = [load(file, json) for file in program]
    reader = LineReader(site or _only_site(programs))
    explainer = Explainer(explain) if explain is not None else None
    simulation = Simulation(known_from_the_start(programs), explainer.watch if explainer else None)
    tally = Tally()
    prints_events = not summary and explainer is None
    with _opened(events, quiet=out.is_terminal and prints_events) as lines:
        happened = simulation.run(reader.read(lines))
        if explainer is not None:
            explainer.follow(happened)
        elif summary:
            tally.count(happened)
        else:
            sys.stdout.buffer.writelines(event + b"\n" for event in happened)
    _say_ignored(reader)
    if reader.bad:
        _say_bad(reader)
        raise typer.Exit(1)
    if explainer is not None:
        _print_explanations(explainer, events, json=json)
    elif summary:
        customers = list(tally.customers(simulation))
        _print_summary(customers, tally.totals(simulation, customers), json=json)


def _only_site(programs: "list[Program]") -> str:
    sites = sorted({program.site for program in programs})
    if len(sites) > 1:
        raise OperatingError(
            f"The programs are of several sites: say with --site {' or --site '.join(sites)} "
            "which one the Chargebee events are of."
        )
    return sites[0]


@contextmanager
def _opened(file: Path, *, quiet: bool) -> Iterator[BinaryIO]:
    """The file's bytes; reading a large one shows how far it has come, where a person looks on."""
    if file == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    try:
        size = file.stat().st_size
        opened = file.open("rb")
    except OSError as error:
        raise OperatingError(f"{file} cannot be read: {error.strerror}.") from error
    hidden = quiet or size < LARGE_BYTES or not err.is_terminal
    progress = Progress(console=err, transient=True, disable=hidden)
    with opened, progress, progress.wrap_file(opened, size, description="simulating") as lines:
        yield lines


def _say_ignored(reader: "LineReader") -> None:
    for reason, count in reader.ignored.most_common():
        err.print(f"ignored {count}: {reason}", style="yellow", markup=False)


def _say_bad(reader: "LineReader") -> None:
    for each in reader.bad:
        err.print(f"line {each.number}: {each.message}", style="red", markup=False)
    more = reader.bad_count - len(reader.bad)
    if more:
        err.print(f"and {more} more", style="red")
    err.print(f"The simulation ended before line {reader.bad[0].number}.", style="bold")


def _print_explanations(explainer: "Explainer", events: Path, *, json: bool) -> None:
    import msgspec

    explained = explainer.explanations()
    if not explained:
        near = explainer.near()
        hint = f" Near it: {', '.join(near)}." if near else ""
        raise OperatingError(f"No fact of {events} has the id {explainer.fact_id}.{hint}")
    if json:
        print_json(msgspec.to_builtins(explained))
        return
    for each in explained:
        out.print(f"{each.fact.id} of {each.customer}, {_under(each)}", style="bold", markup=False)
        for sentence in each.sentences:
            out.print(sentence, markup=False)


def _under(explanation: "Explanation") -> str:
    if explanation.program is None:
        return "under no program"
    return f"under {explanation.program} version {explanation.program_version}"


def _print_summary(customers: "list[CustomerSummary]", totals: "Totals", *, json: bool) -> None:
    import msgspec

    from deploy.wording import to_rise, to_stay

    if json:
        print_json(msgspec.to_builtins({"customers": customers, "totals": totals}))
        return
    table = Table("customer", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.columns[0].overflow, table.columns[0].min_width = "fold", 10
    table.add_column("tier", overflow="fold", min_width=8)
    table.add_column("to rise", overflow="fold", min_width=8)
    table.add_column("to stay", overflow="fold", min_width=10)
    for figure in FIGURES:
        table.add_column(figure, justify="right", no_wrap=True)
    for each in customers:
        figures = (f"{getattr(each, figure):,}" for figure in FIGURES)
        table.add_row(
            escape(each.customer), each.tier, to_rise(each.outlook), to_stay(each.outlook), *figures
        )
    out.print(table)
    sums = ", ".join(f"{figure} {getattr(totals, figure):,}" for figure in FIGURES)
    out.print(f"[bold]{totals.customers:,} in all[/]: {sums}")
    out.print(
        f"{totals.facts:,} facts, of which {totals.repeats:,} came before, "
        f"made {totals.events:,} points events"
    )
