"""`cactus rewards`: what became of each reward, from the ledger."""

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from deploy.commands import decisions
from deploy.console import JsonFlag, err, out, print_json


class RewardState(StrEnum):
    """States as people ask for them; `stuck` waits for a human."""

    DUE = "due"
    ATTEMPTING = "attempting"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    STUCK = "stuck"


StateOption = Annotated[RewardState | None, typer.Option("--state", help="Only these.")]
CustomerOption = Annotated[str | None, typer.Option("--customer", help="Only this customer's.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")]


def register(app: typer.Typer) -> None:
    rewards = typer.Typer(
        help="What became of each reward, and what to do about it.", no_args_is_help=True
    )
    rewards.command("list")(list_rewards)
    rewards.command("show")(show_reward)
    decisions.register(rewards)
    app.add_typer(rewards, name="rewards")


def list_rewards(
    state: StateOption = None,
    customer: CustomerOption = None,
    limit: LimitOption = 50,
    json: JsonFlag = False,
) -> None:
    """List rewards, latest first.

    [bold]cactus rewards list --state unknown[/]
    """
    from rich.table import Table

    found = asyncio.run(_list(state, customer, limit))
    if json:
        print_json(found)
        return
    if not found:
        err.print("No such rewards in the ledger.")
        return
    table = Table("reward", "state", "program", "tries", "what came of it", box=None)
    for each in found:
        table.add_row(
            each["reward_id"],
            each["state"],
            f"{each['program']} v{each['program_version']}",
            str(each["tries"]),
            _came_of(each),
        )
    out.print(table)


def show_reward(
    reward_id: Annotated[str, typer.Argument(help="As RewardEarned names it.")],
    json: JsonFlag = False,
) -> None:
    """Show one reward with every call that was made for it."""
    found = asyncio.run(_show(reward_id))
    if found is None:
        err.print(f"The ledger holds no reward {reward_id!r}; try: cactus rewards list")
        raise typer.Exit(1)
    if json:
        print_json(found)
        return
    for name, value in found.items():
        if name not in {"attempts", "decisions"} and value not in ("", None):
            out.print(f"{name:<18}", style="dim", end="")
            out.print(_shown(name, value), markup=False)
    for attempt in found["attempts"]:
        when = _instant(attempt["started_wall"])
        of = "taking back, " if attempt["of"] == "revocation" else ""
        out.print(f"\n{when}  {of}{attempt['move']}: {attempt['result']}", markup=False)
        for name in ("detail", "key", "body"):
            if attempt[name]:
                out.print(f"  {name:<7}{attempt[name]}", markup=False)
    for each in found["decisions"]:
        when = _instant(each["decided_wall"])
        said = f"{each['actor']} decided to {each['verb']}: {each['reason']}"
        out.print(f"\n{when}  {said} ({each['detail']})", markup=False)


async def _list(
    state: RewardState | None, customer: str | None, limit: int
) -> list[dict[str, Any]]:
    from deploy.reward_ledger import open_own_ledger
    from deploy.settings import load_settings

    async with open_own_ledger(load_settings(), access="read") as ledger:
        return await ledger.list_rewards(state=state, limit=limit, customer=customer)


async def _show(reward_id: str) -> dict[str, Any] | None:
    from deploy.reward_ledger import open_own_ledger
    from deploy.settings import load_settings

    async with open_own_ledger(load_settings(), access="read") as ledger:
        return await ledger.show_reward(reward_id)


def _came_of(reward: dict[str, Any]) -> str:
    parts = (reward["reference"] or reward["reason"], reward["revocation"])
    told = [parts[0], f"revocation: {parts[1]}" if parts[1] else "", reward["revocation_reason"]]
    return "; ".join(part for part in told if part)


def _shown(name: str, value: Any) -> str:
    return _instant(value) if name.endswith("_at") else str(value)


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
