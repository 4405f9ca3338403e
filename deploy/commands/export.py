"""`cactus export`: all that is kept of a person, as JSON."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from deploy.commands.explain import reading_shown
from deploy.console import err
from deploy.errors import OperatingError

Customer = Annotated[str | None, typer.Argument(help="Chargebee's customer id.")]
SiteOption = Annotated[str | None, typer.Option("--site", help="Whose customer it is.")]
ToOption = Annotated[
    Path | None, typer.Option("--to", help="A new file for it, readable by you alone.")
]
SchemaFlag = Annotated[
    bool, typer.Option("--schema", help="Print the JSON Schema of the document instead.")
]
OWNER_ONLY = 0o600


def register(app: typer.Typer) -> None:
    app.command()(export)


def export(
    customer: Customer = None,
    site: SiteOption = None,
    to: ToOption = None,
    schema: SchemaFlag = False,
) -> None:
    """Print everything that is kept of a person: facts, points, lots, rewards with their codes,
    subscriptions, and what retention has left of the messages about them.

    [bold]cactus export c_1042 --site acme --to c_1042.json[/]
    """
    import msgspec

    from deploy.service.export import Export

    if schema:
        typer.echo(msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Export))).decode())
        return
    if customer is None or site is None:
        raise typer.BadParameter("name the CUSTOMER and the --site")
    document = msgspec.json.format(asyncio.run(_export(customer, site)))
    if to is None:
        typer.echo(document.decode())
        return
    try:
        to.touch(mode=OWNER_ONLY, exist_ok=False)
        to.write_bytes(document)
    except OSError as error:
        raise OperatingError(f"{to} cannot be written: {error.strerror}.") from error
    err.print(f"{to}: {len(document):,} bytes. They are personal.", markup=False)


async def _export(customer: str, site: str) -> bytes:
    import msgspec

    from deploy.service.export import export as read
    from deploy.settings import load_settings

    with reading_shown() as progress:
        found = await read(load_settings(), site, customer, progress)
    if found.is_empty:
        raise OperatingError(f"Nothing is kept of customer {customer!r} on site {site!r}.")
    return msgspec.json.encode(found)
