"""`cactus prometheus`: what a Prometheus and a Grafana need to watch this installation."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.console import JsonFlag, out, print_json

ToOption = Annotated[
    Path | None, typer.Option("--to", help="Where to write; <home>/monitoring by default.")
]
EveryOption = Annotated[str, typer.Option(help="How often roles are asked, such as 15s.")]
RunbooksOption = Annotated[str, typer.Option(help="Address that runbooks are published under.")]
GrafanaOption = Annotated[str, typer.Option(help="Address of your Grafana.")]
HastenOption = Annotated[
    float, typer.Option(hidden=True, min=1, help="Divides how long alerts must hold; for tests.")
]


def register(app: typer.Typer) -> None:
    app.command()(prometheus)


def prometheus(
    to: ToOption = None,
    every: EveryOption = "15s",
    runbooks: RunbooksOption = "",
    grafana: GrafanaOption = "",
    hasten: HastenOption = 1.0,
    json: JsonFlag = False,
) -> None:
    """Write scrape configuration, alert rules and the dashboard for this installation.

    Roles are found by what they write to <home>/run/targets, wherever they listen, so that
    Prometheus follows each restart by itself.

    [bold]cactus prometheus[/]
    [bold]cactus prometheus --every 1s --to /tmp/watch[/]
    """
    from deploy.monitoring.kit import write_kit
    from deploy.monitoring.rules import RUNBOOKS
    from deploy.settings import load_settings

    settings = load_settings()
    kit = write_kit(
        (to or settings.home / "monitoring").absolute(),
        settings.run_dir.absolute(),
        every=every,
        runbooks=runbooks or RUNBOOKS,
        grafana=grafana,
        hasten=hasten,
    )
    if json:
        print_json({"prometheus": str(kit.prometheus), "grafana": str(kit.grafana)})
        return
    out.print("Written. Now run:", markup=False)
    out.print(f"  prometheus {kit.prometheus_options}", markup=False)
    out.print(f"and where you have Grafana, with GF_PATHS_PROVISIONING={kit.grafana}", markup=False)
