"""How commands print: people get text, programs get JSON on standard output."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

out = Console(soft_wrap=True, highlight=False)
"""What was asked for."""
err = Console(stderr=True, soft_wrap=True, highlight=False)
"""Progress and complaints."""


def print_json(document: Mapping[str, Any] | list[Any]) -> None:
    """One JSON document on standard output, never coloured or wrapped."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def say(line: str) -> None:
    """One line of progress, on standard error."""
    err.print(line, style="dim", markup=False)
