"""`cactus demo`: a year of billing life through the whole installation, then an audit."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.console import JsonFlag

ExitFlag = Annotated[bool, typer.Option("--exit", help="End after the summary.")]
HomeOption = Annotated[Path, typer.Option("--home", help="Where the demo keeps its data.")]
CustomersOption = Annotated[int, typer.Option(min=1, help="How many customers ever.")]
DaysOption = Annotated[int, typer.Option(min=1, help="How many days of billing life.")]
SeedOption = Annotated[int, typer.Option(help="Same seed, same life.")]

HOME = Path(".cactus") / "demo"


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    exit_after: ExitFlag = False,
    customers: CustomersOption = 1000,
    days: DaysOption = 365,
    seed: SeedOption = 1,
    home: HomeOption = HOME,
    json: JsonFlag = False,
) -> None:
    """Watch a year of billing life turn into points, tiers and rewards, and audit every one.

    Starts a real Kafka, every role and a sandbox that sends real-shaped webhooks, some of them
    twice, late or never. Ends with figures and an audit; the exit code is 1 where that fails.
    Without --exit everything stays up to be looked at until Ctrl-C.

    [bold]cactus demo --exit[/]
    [bold]cactus demo --customers 50 --days 90[/]
    """
    import asyncio

    from deploy.demo.performance import perform
    from deploy.demo.play import Script
    from deploy.demo.stage import set_stage

    script = Script(customers=customers, days=days, seed=seed)
    with set_stage(home) as stage:
        code = asyncio.run(perform(stage, script, exit_after=exit_after, json=json))
    raise typer.Exit(code)
