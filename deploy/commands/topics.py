"""`cactus topics apply`: make the topics, or check them."""

import asyncio

import typer

from deploy.console import JsonFlag, out, print_json


def register(app: typer.Typer) -> None:
    topics = typer.Typer(help="The topics that hold everything.")
    topics.callback()(lambda: None)
    topics.command()(apply)
    app.add_typer(topics, name="topics")


def apply(json: JsonFlag = False) -> None:
    """Create the topics that are missing and check those that exist.

    Never shrinks or re-partitions one: a difference is an error that says what differs.

    [bold]CACTUS_PARTITIONS=12 CACTUS_REPLICATION=3 cactus topics apply[/]
    """
    from deploy.cluster import bootstrap_servers, topics_of
    from deploy.settings import load_settings
    from deploy.topics import apply_topics

    settings = load_settings()
    applied = asyncio.run(
        apply_topics(
            bootstrap_servers(settings),
            topics_of(settings),
            partitions=settings.partitions,
            replication=settings.replication,
        )
    )
    if json:
        print_json({"created": applied.created, "present": applied.present})
        return
    for name in applied.created:
        out.print(f"[green]created[/]  {name}")
    for name in applied.present:
        out.print(f"[dim]as it is[/]  {name}")
