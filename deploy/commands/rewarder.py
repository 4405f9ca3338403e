"""`cactus rewarder`: the role that carries rewards out."""

import typer


def register(app: typer.Typer) -> None:
    app.command()(rewarder)


def rewarder() -> None:
    """Carry rewards out at Chargebee, each exactly once, and report what became of them.

    Several may run: they share the work. Each takes its part of the site's quota, so tell all of
    them how many there are (CACTUS_CHARGEBEE__REWARDERS).
    """
    from deploy.loop import run
    from deploy.roles.rewarder import run_rewarder
    from deploy.settings import load_settings

    run(run_rewarder(load_settings()))
