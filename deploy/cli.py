"""The cactus command line: one visible table of the modules that add commands to it."""

import importlib
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from deploy.collector import collect_seldom
from deploy.console import err, out
from deploy.errors import OperatingError
from deploy.native.loading import prefer_compiled

COMMANDS = (
    "kafka",
    "topics",
    "program",
    "translate",
    "simulate",
    "receiver",
    "poller",
    "worker",
    "projector",
    "rewarder",
    "api",
    "keys",
    "people",
    "rewards",
    "balance",
    "entries",
    "explain",
    "dlq",
    "erase",
    "export",
    "rebuild",
    "audit",
    "prometheus",
    "sandbox",
    "up",
    "demo",
)
"""Modules of deploy.commands in the order of the help; each has `register(app)` and imports what is
heavy only when called, so that help stays quick."""

INTERRUPTED = 130

app = typer.Typer(
    name="cactus",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        out.print(f"cactus {version('hellocactus')}")
        raise typer.Exit


VersionFlag = Annotated[
    bool,
    typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version),
]


@app.callback(
    epilog="Start with [bold]cactus kafka start[/], or [bold]cactus up[/] for your own site. "
    "Every command explains itself: [bold]cactus topics apply --help[/]."
)
def root(*, _version: VersionFlag = False) -> None:
    """The loyalty engine for Chargebee: billing events in, points, tiers and rewards out."""


for _name in COMMANDS:
    importlib.import_module(f"deploy.commands.{_name}").register(app)


def main() -> None:
    """Run; say operating errors in a sentence, without a traceback."""
    try:
        collect_seldom()
        prefer_compiled()
        app()
    except OperatingError as error:
        err.print("[bold red]error:[/] ", end="")
        err.print(str(error), markup=False)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
