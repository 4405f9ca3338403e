"""`cactus entries`: everything that happened to one customer's points, from the views."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.commands.balance import Customer, SiteOption
from deploy.console import JsonFlag, err, out, print_json

if TYPE_CHECKING:
    from projections.rows import EntryRow

LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1_000, help="How many at most.")]
INDENT = " " * 25
BeforeOption = Annotated[
    int | None, typer.Option("--before", min=1, help="Only what came before this entry's number.")
]


def register(app: typer.Typer) -> None:
    app.command()(entries)


def entries(
    customer: Customer,
    site: SiteOption = None,
    limit: LimitOption = 20,
    before: BeforeOption = None,
    json: JsonFlag = False,
) -> None:
    """List what happened to a customer's points, newest first, and why.

    [bold]cactus entries c_1042 --limit 5[/]
    """
    found = asyncio.run(_read(customer, site, limit, before))
    if json:
        print_json([_document(entry) for entry in found])
        return
    if not found:
        err.print(f"Nothing of {customer} came before entry {before}.", markup=False)
        return
    _print(found)
    if found[-1].sequence > 1:
        where = "" if site is None else f" --site {site}"
        older = f"cactus entries {customer}{where} --before {found[-1].sequence}"
        out.print(f"older ones: {older}", style="dim", markup=False)


async def _read(
    customer: str, site: str | None, limit: int, before: int | None
) -> "list[EntryRow]":
    from deploy.settings import load_settings
    from deploy.views import find_account, reading_own_views
    from projections.queries import page_entries

    async with reading_own_views(load_settings()) as connection:
        account = await find_account(connection, customer, site)
        return await page_entries(
            connection, account.site, account.customer, limit=limit, before_sequence=before
        )


def _document(entry: "EntryRow") -> dict[str, Any]:
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(entry)
    return {**document, "event": msgspec.json.decode(entry.event)}


def _print(found: "list[EntryRow]") -> None:
    """Two lines each: what it did, then where it came from."""
    from rich.text import Text

    from deploy.wording import decided_by, instant, what_happened
    from schemas.codec import POINTS

    out.print(f"{'#':>5}  {'when, UTC':<16}  {'what':<16}  {'points':>9}  {'balance':>9}  why")
    for entry in found:
        event = POINTS.decode(entry.event.encode())
        out.print(
            Text.assemble(
                f"{entry.sequence:>5}  {instant(entry.occurred_at):<16}  ",
                (f"{what_happened(event):<16}", "bold"),
                _signed(entry.points),
                f"  {entry.balance:>9,}  {decided_by(event)}",
            )
        )
        out.print(Text(f"{INDENT}{entry.trigger} ← {entry.fact}", "dim"))


def _signed(points: int) -> tuple[str, str]:
    shown = f"{points:+,}".replace("-", "−") if points else ""
    return f"  {shown:>9}", "green" if points > 0 else "red"
