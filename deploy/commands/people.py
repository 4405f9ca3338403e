"""`cactus people add | list | passwd | disable | enable`: who may sign in to the console."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from deploy.console import JsonFlag, err, out, print_json

if TYPE_CHECKING:
    from projections.access.people import People

Result = TypeVar("Result")

BY = "command line"


class Role(StrEnum):
    """Each may do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As they sign in.")]
RoleOption = Annotated[
    Role,
    typer.Option(
        "--role",
        help="viewer reads; operator also retries, replays and tries drafts; admin also publishes, "
        "erases and lets people in.",
    ),
]


def register(app: typer.Typer) -> None:
    people = typer.Typer(help="Who may sign in to the console.", no_args_is_help=True)
    people.command()(add)
    people.command("list")(list_people)
    people.command()(passwd)
    people.command()(disable)
    people.command()(enable)
    app.add_typer(people, name="people")


def add(name: NameArgument, role: RoleOption = Role.VIEWER, json: JsonFlag = False) -> None:
    """Let somebody in. Prints a one-time password, this once; it is changed at the first sign-in.

    [bold]cactus people add ada --role admin[/]
    """
    password = _with_people(
        lambda people: people.add(name, role.value), decided=("add person", name)
    )
    _tell(name, password, json=json)


def list_people(json: JsonFlag = False) -> None:
    """List everybody who may sign in, or might."""
    from rich.table import Table

    from deploy.wording import instant

    found = _with_people(lambda people: people.everyone())
    if json:
        print_json(
            [
                {
                    "name": each.name,
                    "role": each.role,
                    "disabled": each.disabled,
                    "must_change": each.must_change,
                    "created_at": each.created_at,
                    "changed_at": each.changed_at,
                }
                for each in found
            ]
        )
        return
    if not found:
        err.print("Nobody may sign in yet: cactus people add NAME --role admin")
        return
    table = Table("name", "role", "state", "password since (UTC)", box=None)
    for each in found:
        state = "must change the password" if each.must_change else "active"
        table.add_row(
            each.name,
            each.role,
            "disabled" if each.disabled else state,
            instant(each.changed_at),
        )
    out.print(table)


def passwd(name: NameArgument, json: JsonFlag = False) -> None:
    """Give a new one-time password. Whoever is signed in by the old one is signed out."""
    password = _with_people(lambda people: people.renew(name), decided=("renew password", name))
    _tell(name, password, json=json)


def disable(name: NameArgument) -> None:
    """Let somebody in no more, and sign them out."""
    _with_people(lambda people: people.disable(name), decided=("disable person", name))
    out.print(f"{name} cannot sign in any more", markup=False)


def enable(name: NameArgument) -> None:
    """Let somebody in again."""
    _with_people(lambda people: people.enable(name), decided=("enable person", name))
    out.print(f"{name} can sign in again", markup=False)


def _tell(name: str, password: str, *, json: bool) -> None:
    if json:
        print_json({"name": name, "one_time_password": password})
        return
    err.print("The one-time password, shown this once:")
    out.print(password, markup=False)


def _with_people(
    act: "Callable[[People], Awaitable[Result]]", *, decided: tuple[str, str] | None = None
) -> Result:
    return asyncio.run(_act(act, decided))


async def _act(
    act: "Callable[[People], Awaitable[Result]]", decided: tuple[str, str] | None
) -> Result:
    from deploy.clock import wall_clock
    from deploy.errors import OperatingError
    from deploy.service.access import open_own_access
    from deploy.settings import load_settings
    from projections.access.database import access
    from projections.access.decisions import Decision, record_decision
    from projections.access.people import People, PeopleRefused

    async with open_own_access(load_settings()) as engine:
        try:
            result = await act(People(engine, wall_clock))
        except PeopleRefused as refused:
            raise OperatingError(str(refused)) from refused
        if decided is not None:
            verb, name = decided
            decision = Decision(at=wall_clock(), by=BY, kind=verb, subject=name, reason="")
            async with access(engine) as connection:
                await record_decision(connection, decision)
    return result
