"""`cactus erase`: a person is forgotten, and a report says what is left and when it goes."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.commands.dlq import ActorOption, ReasonOption
from deploy.commands.explain import reading_shown
from deploy.console import JsonFlag, err, out, print_json
from deploy.errors import OperatingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.erasure.search import Hits
    from projections.service.ports import ErasureReport

Customer = Annotated[
    str | None, typer.Argument(help="Chargebee's customer id; none with --all-deleted.")
]
SiteOption = Annotated[str, typer.Option("--site", help="Whose customer it is.")]
FindOption = Annotated[
    list[str] | None,
    typer.Option(
        "--find",
        metavar="TEXT",
        help="What else tells of the person, such as an address: dead letters that hold it go too, "
        "and every topic, table and file is searched for it afterwards. Not kept. Repeat it.",
    ),
]
LogsOption = Annotated[
    list[Path] | None,
    typer.Option("--logs", help="A log file or a directory of them to search too. Repeat it."),
]
UnknownFlag = Annotated[
    bool, typer.Option("--unknown", help="Also a customer of whom the views know nothing.")
]
AllDeletedFlag = Annotated[
    bool,
    typer.Option(
        "--all-deleted", help="Finish the erasure of everybody whom Chargebee has deleted."
    ),
]


def register(app: typer.Typer) -> None:
    app.command()(erase)


def erase(
    site: SiteOption,
    reason: ReasonOption,
    actor: ActorOption,
    customer: Customer = None,
    find: FindOption = None,
    logs: LogsOption = None,
    unknown: UnknownFlag = False,
    all_deleted: AllDeletedFlag = False,
    json: JsonFlag = False,
) -> None:
    """Erase a person: close the account for good, and forget what is personal.

    The account's sums stay, under Chargebee's opaque id. Erasing again finishes what was broken
    off. The exit code is 1 while something is left that erasing again would take.

    [bold]cactus erase c_1042 --site acme --reason "request 77" --find ann@example.com[/]
    """
    if (customer is None) != all_deleted:
        raise typer.BadParameter("name one CUSTOMER, or say --all-deleted")
    texts = [text for each in find or [] for text in _texts(each)]
    reports = asyncio.run(_erase(site, customer, reason, actor, texts, unknown=unknown))
    hits = _searched(texts, logs or []) if texts or logs else None
    if json:
        print_json(_document(reports, hits))
    else:
        for report in reports:
            _print(report)
        if not reports:
            out.print("Nobody's erasure is unfinished.")
        if hits is not None:
            _print_hits(hits)
    if any(count for report in reports for count in report.left.values()):
        raise typer.Exit(1)


def _texts(given: str) -> "Sequence[str]":
    if not given.startswith("@"):
        return [given]
    try:
        return Path(given[1:]).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatingError(f"{given[1:]} cannot be read: {error}.") from error


async def _erase(
    site: str,
    customer: str | None,
    reason: str,
    actor: str,
    texts: "Sequence[str]",
    *,
    unknown: bool,
) -> "list[ErasureReport]":
    from deploy.cluster import bootstrap_servers, topics_of
    from deploy.erasure.deleted import unfinished
    from deploy.erasure.erase import Person
    from deploy.service.access import open_own_access
    from deploy.service.erasure import KafkaEraser
    from deploy.service.inbox import KafkaInbox
    from deploy.settings import load_settings
    from deploy.telemetry import configure_logging
    from deploy.views import find_account, reading_own_views
    from projections.service.ports import InboxUnavailable

    settings = load_settings()
    configure_logging(settings.log, role="erase")
    servers, topics = bootstrap_servers(settings), topics_of(settings)
    async with open_own_access(settings) as access, KafkaInbox(servers, topics) as inbox:
        eraser = KafkaEraser(settings, access, inbox.send)
        customers = [customer] if customer is not None else await unfinished(settings, access, site)
        if customer is not None and not unknown:
            async with reading_own_views(settings) as connection:
                await find_account(connection, customer, site)
        try:
            return [
                await eraser.erase_person(
                    Person(site=site, customer=each, texts=texts), actor, reason
                )
                for each in customers
            ]
        except InboxUnavailable as error:
            raise OperatingError(f"{error}. Nothing is lost: erase again.") from error


def _searched(texts: "Sequence[str]", files: list[Path]) -> "Hits":
    from deploy.service.erasure import search_everything
    from deploy.settings import load_settings

    missing = [str(each) for each in files if not each.exists()]
    if missing:
        raise OperatingError(f"There is no {', '.join(missing)} to search.")
    with reading_shown("searching") as progress:
        return asyncio.run(search_everything(load_settings(), texts, files, progress))


def _document(reports: "Sequence[ErasureReport]", hits: "Hits | None") -> dict[str, Any]:
    import dataclasses

    return {
        "erased": [dataclasses.asdict(each) for each in reports],
        "searched": None if hits is None else hits.places,
    }


def _print(report: "ErasureReport") -> None:
    from rich.table import Table

    out.print(f"{report.customer} of {report.site}", style="bold", markup=False)
    table = Table("place", "found", "left", box=None)
    for place, found in report.found.items():
        table.add_row(place, f"{found:,}", f"{report.left[place]:,}")
    out.print(table)
    for sentence in report.remaining:
        out.print(sentence, markup=False)


def _print_hits(hits: "Hits") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("searched", "hits", box=None)
    for place, found in hits.places.items():
        table.add_row(escape(place), f"{found:,}")
    out.print(table)
    if any(hits.places.values()):
        err.print("[yellow]careful[/]  the texts are still there; raw topics age out by themselves")
