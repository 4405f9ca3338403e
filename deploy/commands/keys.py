"""`cactus keys`: who may ask the API."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.console import JsonFlag, out, print_json

if TYPE_CHECKING:
    from projections.access.keys import ApiKey

SiteOption = Annotated[str, typer.Option("--site", help="Of which site; * is every site.")]
NameOption = Annotated[str, typer.Option("--name", help="Whose it is, for people.")]
ScopeOption = Annotated[
    list[str] | None,
    typer.Option("--scope", help="What it may do; may be repeated. Default: read."),
]
DaysOption = Annotated[
    int | None, typer.Option("--days", min=1, max=3_650, help="Until it expires. Default: never.")
]
KeyArgument = Annotated[str, typer.Argument(help="The eight characters that name it.")]
DAY_SECONDS = 86_400


def register(app: typer.Typer) -> None:
    keys = typer.Typer(help="API keys: make, list and revoke them.", no_args_is_help=True)
    keys.command("create")(create)
    keys.command("list")(list_all)
    keys.command("revoke")(revoke)
    app.add_typer(keys, name="keys")


def create(
    site: SiteOption,
    name: NameOption = "",
    scope: ScopeOption = None,
    days: DaysOption = None,
    json: JsonFlag = False,
) -> None:
    """Make a key. It is shown once; only its digest is kept.

    [bold]cactus keys create --site acme-test --name shop --scope read --scope redemptions:write[/]
    """
    key, text = asyncio.run(_create(site, name, scope or ["read"], days))
    if json:
        print_json({**_document(key), "key": text})
        return
    out.print(text, style="bold green", markup=False)
    out.print(f"shown once: keep it now. It may {', '.join(sorted(key.scopes))}.", style="dim")


def list_all(json: JsonFlag = False) -> None:
    """List all keys, newest first, without their secrets."""
    from rich import box
    from rich.table import Table

    from deploy.wording import instant

    found = asyncio.run(_list())
    if json:
        print_json([_document(each) for each in found])
        return
    if not found:
        out.print("No key yet: [bold]cactus keys create --site SITE[/]")
        return
    table = Table(
        "key", "site", "name", "may", "made, UTC", "last used", "state", box=box.SIMPLE_HEAD
    )
    now = int(time.time())
    for each in found:
        used = "never" if each.last_used_at is None else instant(each.last_used_at)
        table.add_row(
            each.key_id,
            each.site,
            each.name,
            ", ".join(sorted(each.scopes)),
            instant(each.created_at),
            used,
            each.complaint(now) or "good",
        )
    out.print(table)


def revoke(key_id: KeyArgument, json: JsonFlag = False) -> None:
    """Revoke a key for good. It is felt within five seconds."""
    key = asyncio.run(_revoke(key_id))
    if json:
        print_json(_document(key))
        return
    out.print(f"{key.key_id} ({key.name or 'no name'}) is revoked")


async def _create(
    site: str, name: str, scopes: list[str], days: int | None
) -> "tuple[ApiKey, str]":
    from deploy.errors import ConfigurationError
    from deploy.service.access import open_own_access
    from deploy.settings import load_settings
    from projections.access.database import access
    from projections.access.keys import ANY_SITE, SCOPES, create_key

    settings = load_settings()
    wrong = sorted(set(scopes) - set(SCOPES))
    if wrong:
        raise ConfigurationError(f"{wrong[0]!r} is no scope; choose from {', '.join(SCOPES)}.")
    if site != ANY_SITE and settings.sites:
        settings.site(site)
    now = int(time.time())
    async with open_own_access(settings) as engine, access(engine) as connection:
        return await create_key(
            connection,
            site=site,
            name=name,
            scopes=[each for each in SCOPES if each in scopes],
            now=now,
            expires_at=None if days is None else now + days * DAY_SECONDS,
        )


async def _list() -> "list[ApiKey]":
    from deploy.service.access import open_own_access
    from deploy.settings import load_settings
    from projections.access.database import access
    from projections.access.keys import list_keys

    async with open_own_access(load_settings()) as engine, access(engine) as connection:
        return await list_keys(connection)


async def _revoke(key_id: str) -> "ApiKey":
    from deploy.errors import OperatingError
    from deploy.service.access import open_own_access
    from deploy.settings import load_settings
    from projections.access.database import access
    from projections.access.keys import UnknownKey, revoke_key

    async with open_own_access(load_settings()) as engine, access(engine) as connection:
        try:
            return await revoke_key(connection, key_id, int(time.time()))
        except UnknownKey as error:
            raise OperatingError(str(error)) from error


def _document(key: "ApiKey") -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "site": key.site,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }
