"""`cactus poller`: the role that finds what webhooks lost."""

from typing import Annotated

import typer

OnceFlag = Annotated[bool, typer.Option("--once", help="Walk once, show progress, and end.")]
BackfillOption = Annotated[
    str | None,
    typer.Option("--backfill", help="Start this far back, as P30D; Chargebee keeps P90D."),
]
SitesOption = Annotated[
    list[str] | None, typer.Option("--site", help="Only this site; may be repeated.")
]


def register(app: typer.Typer) -> None:
    app.command()(poller)


def poller(
    once: OnceFlag = False, backfill: BackfillOption = None, site: SitesOption = None
) -> None:
    """Walk Chargebee's Events API and write what it says to Kafka, beside the webhooks.

    Events that webhooks brought already are harmless: they become the same facts.

    [bold]cactus poller --backfill P90D --once[/]
    """
    import asyncio

    from deploy.roles.poller import back_fill_seconds, poll_once, run_poller, sites_to_poll
    from deploy.settings import load_settings

    settings = load_settings()
    sites = sites_to_poll(settings, site or [])
    back = None if backfill is None else back_fill_seconds(backfill)
    if once:
        asyncio.run(poll_once(settings, sites, back))
    else:
        asyncio.run(run_poller(settings, sites, back))
