"""`cactus projector`: the role that keeps the views and orders rewards."""

import typer


def register(app: typer.Typer) -> None:
    app.command()(projector)


def projector() -> None:
    """Write points events to the SQL views, and a command for each reward that was earned.

    One writes at a time; a second one stands by and takes over when the first is gone.
    """
    import asyncio

    from deploy.roles.projector import run_projector
    from deploy.settings import load_settings

    asyncio.run(run_projector(load_settings()))
