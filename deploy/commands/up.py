"""`cactus up`: every role on this machine, supervised, until Ctrl-C."""

import asyncio
from typing import Annotated

import typer

from deploy.console import err

RoleOption = Annotated[
    list[str] | None, typer.Option("--role", help="Only this role; may be repeated.")
]
OWN_NAME = "cactus"
COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green")
NAME_WIDTH = 9


def register(app: typer.Typer) -> None:
    app.command()(up)


def up(role: RoleOption = None) -> None:
    """Run everything: Kafka where none is configured, topics, programs, and each role as a process.

    A role that ends is started again; Ctrl-C stops all in order, and nothing is left running.

    [bold]cactus up[/]
    [bold]cactus up --role worker --role projector[/]
    """
    from deploy.cli import COMMANDS
    from deploy.installation import run_installation
    from deploy.rolecall import choose_roles, role_jobs
    from deploy.settings import load_settings

    settings = load_settings()
    roles = choose_roles(settings, role or [], frozenset(COMMANDS))
    if "api" in roles:
        where = f"http://{settings.api.host}:{settings.api.port}/console"
        print_line(OWN_NAME, f"the console is at {where}; let somebody in with: cactus people add")
    asyncio.run(run_installation(settings, role_jobs(roles), print_line))


def print_line(name: str, line: str) -> None:
    """One readable log: a prefix coloured by role, then the line as the role wrote it."""
    own = name == OWN_NAME
    style = "bold white" if own else COLOURS[sum(name.encode()) % len(COLOURS)]
    err.print(f"{name:<{NAME_WIDTH}}│ ", style=style, end="", markup=False)
    err.print(line, style="bold" if own else None, markup=False)
