"""`cactus receiver`: the role that takes webhooks."""

import typer


def register(app: typer.Typer) -> None:
    app.command()(receiver)


def receiver() -> None:
    """Take Chargebee's webhooks at POST /webhooks/{site} and write them to Kafka.

    Enter https://HOST/webhooks/SITE in Chargebee (Settings > Webhooks) with the user name and the
    password of one of the site's webhook_credentials; keep both pairs while you change them.
    """
    import asyncio

    from deploy.roles.receiver import run_receiver
    from deploy.settings import load_settings

    asyncio.run(run_receiver(load_settings()))
