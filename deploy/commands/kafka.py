"""`cactus kafka start|stop|status`: the embedded broker."""

from typing import Annotated

import typer

from deploy.console import JsonFlag, out, print_json, say

PortOption = Annotated[
    int | None, typer.Option(help="Listen here; 0 chooses a free port and keeps it.", min=0)
]
QuietFlag = Annotated[bool, typer.Option("--quiet", help="Say nothing.")]

NOT_RUNNING = 3
"""Exit code of `status` where nothing runs, as service scripts have it."""


def register(app: typer.Typer) -> None:
    kafka = typer.Typer(help="The embedded Kafka: a real broker on this machine.")
    kafka.command()(start)
    kafka.command()(stop)
    kafka.command()(status)
    kafka.command(hidden=True)(run)
    app.add_typer(kafka, name="kafka")


def start(port: PortOption = None, json: JsonFlag = False) -> None:
    """Start the broker in the background, and return when it answers.

    Downloads Kafka once. Data stays under the home directory (.cactus/kafka).

    [bold]cactus kafka start --port 9092[/]
    """
    from deploy.cluster import embedded_kafka
    from deploy.settings import load_settings

    running = embedded_kafka(load_settings(), say, port=port).start()
    if json:
        print_json({"bootstrap_servers": running.bootstrap_servers, "pid": running.pid})
    else:
        out.print(f"Kafka answers at [bold]{running.bootstrap_servers}[/] (pid {running.pid})")


def stop(quiet: QuietFlag = False) -> None:
    """Stop the broker and wait until it is gone. Its data stays."""
    from deploy.cluster import embedded_kafka
    from deploy.settings import load_settings

    stopped = embedded_kafka(load_settings()).stop()
    if not quiet:
        out.print("Kafka is stopped" if stopped else "Kafka was not running")


def status(json: JsonFlag = False) -> None:
    """Tell whether the broker runs and where. Exit code 3 where it does not."""
    from deploy.cluster import embedded_kafka
    from deploy.settings import load_settings

    running = embedded_kafka(load_settings()).status()
    if json:
        print_json(
            {
                "running": running is not None,
                "bootstrap_servers": running.bootstrap_servers if running else None,
                "pid": running.pid if running else None,
            }
        )
    elif running:
        out.print(f"Kafka answers at [bold]{running.bootstrap_servers}[/] (pid {running.pid})")
    else:
        out.print("Kafka is not running; start it with [bold]cactus kafka start[/]")
    if running is None:
        raise typer.Exit(NOT_RUNNING)


def run(port: PortOption = None) -> None:
    """Run the broker in the foreground, for a supervisor. It ends with this process."""
    from deploy.cluster import embedded_kafka
    from deploy.settings import load_settings

    embedded_kafka(load_settings(), say, port=port).run()
