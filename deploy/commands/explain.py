"""`cactus explain`: why one entry of a customer is what it is."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.commands.balance import Customer, SiteOption
from deploy.console import JsonFlag, err, out, print_json
from deploy.errors import OperatingError

if TYPE_CHECKING:
    from deploy.replay.explaining import ExplainedFact
    from deploy.replay.reader import Progress

Entry = Annotated[
    str,
    typer.Argument(
        metavar="ENTRY",
        help="The number of an entry, as `cactus entries` shows it, or a fact's id.",
    ),
]
SHOWN_FROM = 500
"""Facts from which on a person is shown how far the reading is."""


def register(app: typer.Typer) -> None:
    app.command()(explain)


def explain(
    customer: Customer, entry: Entry, site: SiteOption = None, json: JsonFlag = False
) -> None:
    """Say why an entry is what it is: every rule that was considered, and why it did or did not.

    The customer's facts are read again and folded again with everything written down that was
    looked at. Where that does not give exactly what is stored, it says so.

    [bold]cactus explain c_1042 7[/]
    [bold]cactus explain c_1042 payment:txn_1:inv_9[/]
    """
    import msgspec

    wanted: int | str = int(entry) if entry.isdecimal() else entry
    found = asyncio.run(_explain(customer, wanted, site))
    if json:
        print_json(msgspec.json.decode(msgspec.json.encode(found)))
        return
    _print(found)


async def _explain(customer: str, wanted: int | str, site: str | None) -> "ExplainedFact":
    from deploy.cluster import bootstrap_servers, topics_of
    from deploy.replay.explaining import explain_entry
    from deploy.replay.reader import open_reader
    from deploy.settings import load_settings
    from deploy.simulation.explained import near
    from deploy.views import find_account, reading_own_views
    from projections.history import entries_of

    settings = load_settings()
    servers, topics = bootstrap_servers(settings), topics_of(settings)
    async with reading_own_views(settings) as connection:
        account = await find_account(connection, customer, site)
        async with open_reader(servers, topics) as reader:
            with reading_shown() as progress:
                found = await explain_entry(connection, reader, account, wanted, progress)
        if found is not None:
            return found
        if isinstance(wanted, int):
            raise OperatingError(
                f"{customer} has no entry {wanted}; the last one is {account.sequence}."
            )
        known = await entries_of(connection, account.site, account.customer)
        meant = near(wanted, {each.fact: each.source for each in known})
        hint = f" Near it: {', '.join(meant)}." if meant else ""
        raise OperatingError(f"No fact of {customer} has the id {wanted}.{hint}")


@contextmanager
def reading_shown(what: str = "reading facts") -> "Iterator[Progress]":
    """A bar on standard error while many records are read, where a person looks on."""
    from rich.progress import Progress as Bar

    with Bar(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=None, visible=False)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=total >= SHOWN_FROM)

        yield show


def _print(found: "ExplainedFact") -> None:
    explanation = found.explanation
    under = (
        "no program"
        if explanation.program is None
        else f"{explanation.program} version {explanation.program_version}"
    )
    numbers = ", ".join(str(each) for each in found.sequences)
    plural = "entries" if len(found.sequences) > 1 else "entry"
    out.print(
        f"{explanation.fact.id} of {explanation.customer}, under {under} ({plural} {numbers})",
        style="bold",
        markup=False,
    )
    for sentence in explanation.sentences:
        out.print(sentence, markup=False)
    for against in found.discrepancies:
        err.print("[yellow]careful[/]  ", end="")
        err.print(against, markup=False)
