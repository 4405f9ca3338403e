"""`cactus balance`: what one customer has, from the views."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.console import JsonFlag, out, print_json

if TYPE_CHECKING:
    from projections.rows import BalanceRow, LotRow, RewardRow

Customer = Annotated[str, typer.Argument(help="Chargebee's customer id.")]
SiteOption = Annotated[
    str | None, typer.Option("--site", help="Where several sites know the same id.")
]
REWARDS_SHOWN_MAX = 10
STATE_STYLES = {"earned": "yellow", "delivered": "green", "failed": "red", "revoked": "dim"}


def register(app: typer.Typer) -> None:
    app.command()(balance)


def balance(customer: Customer, site: SiteOption = None, json: JsonFlag = False) -> None:
    """Show a customer's points, tier, open lots with their expiry, and rewards.

    [bold]cactus balance c_1042[/]
    """
    account, lots, rewards = asyncio.run(_read(customer, site))
    if json:
        print_json(_document(account, lots, rewards))
        return
    _print_account(account)
    if lots:
        _print_lots(lots)
    if rewards:
        _print_rewards(rewards)
    where = "" if site is None else f" --site {site}"
    out.print(f"\nevery point of it: cactus entries {customer}{where}", style="dim", markup=False)


async def _read(
    customer: str, site: str | None
) -> "tuple[BalanceRow, list[LotRow], list[RewardRow]]":
    from deploy.settings import load_settings
    from deploy.views import find_account, reading_own_views
    from projections.queries import open_lots, rewards_of

    async with reading_own_views(load_settings()) as connection:
        account = await find_account(connection, customer, site)
        whose = (account.site, account.customer)
        return account, await open_lots(connection, *whose), await rewards_of(connection, *whose)


def _document(
    account: "BalanceRow", lots: "list[LotRow]", rewards: "list[RewardRow]"
) -> dict[str, Any]:
    import msgspec

    given = []
    for each in rewards:
        row = msgspec.to_builtins(each)
        grant = msgspec.json.decode(row.pop("grant_json"))
        given.append({**row, "grant": grant})
    document: dict[str, Any] = msgspec.to_builtins(account)
    return {**document, "lots": msgspec.to_builtins(lots), "rewards": given}


def _print_account(account: "BalanceRow") -> None:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    from deploy.wording import NOTHING, instant

    figures = Table.grid(padding=(0, 2))
    figures.add_column(justify="right")
    figures.add_column()
    figures.add_row(Text(f"{account.balance:,}", "bold green"), "points to spend")
    figures.add_row(f"{account.pending:,}", "pending")
    figures.add_row(f"{account.lifetime:,}", "earned in all")
    if account.deficit:
        figures.add_row(
            Text(f"{account.deficit:,}", "bold red"), "owed: later points fill it first"
        )
    figures.add_row("tier", Text(account.tier or NOTHING, "bold"))
    if account.program:
        figures.add_row("program", Text(f"{account.program} version {account.program_version}"))
    figures.add_row("entries", f"{account.sequence:,}, the last {instant(account.updated_at)} UTC")
    title = Text(f"{account.customer} of {account.site}" + (", erased" * account.erased))
    out.print(Panel(figures, title=title, expand=False, padding=(1, 3)))


def _print_lots(lots: "list[LotRow]") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from deploy.wording import instant

    table = Table(title="lots, in the order they are spent", box=box.SIMPLE_HEAD)
    table.add_column("lot")
    table.add_column("left", justify="right", style="bold")
    table.add_column("of", justify="right", style="dim")
    table.add_column("earned by")
    for name in ("available, UTC", "expires, UTC"):
        table.add_column(name, no_wrap=True)
    for lot in lots:
        table.add_row(
            Text(lot.lot),
            f"{lot.remaining:,}",
            f"{lot.points:,}",
            Text(lot.rule or lot.fact),
            _available(lot),
            "never" if lot.expires_at is None else instant(lot.expires_at),
        )
    out.print(table)


def _available(lot: "LotRow") -> str:
    from deploy.wording import instant

    if lot.waits:
        return f"waits until {instant(lot.available_at)}"
    return "at once" if lot.available_at <= lot.opened_at else instant(lot.available_at)


def _print_rewards(rewards: "list[RewardRow]") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from deploy.wording import instant

    table = Table(title="rewards, newest first", box=box.SIMPLE_HEAD)
    table.add_column("reward")
    table.add_column("state")
    table.add_column("since, UTC", no_wrap=True)
    table.add_column("cost", justify="right")
    table.add_column("what came of it")
    for each in rewards[:REWARDS_SHOWN_MAX]:
        table.add_row(
            Text(each.reward),
            Text(each.state, STATE_STYLES[each.state]),
            instant(each.changed_at),
            f"{each.cost:,}",
            Text(each.reference or each.reason),
        )
    out.print(table)
    if len(rewards) > REWARDS_SHOWN_MAX:
        out.print(f"and {len(rewards) - REWARDS_SHOWN_MAX} older ones; --json shows all")
