"""The files with which a Prometheus and a Grafana watch one installation."""

from dataclasses import dataclass
from pathlib import Path

from deploy.monitoring.dashboard import render_dashboard
from deploy.monitoring.rules import render_rules
from deploy.monitoring.scrape import render_datasource, render_provider, render_scrape
from deploy.telemetry import TARGETS

PROMETHEUS_ADDRESS = "127.0.0.1:9090"


@dataclass(frozen=True, slots=True)
class Kit:
    """Where the files are."""

    directory: Path

    @property
    def prometheus(self) -> Path:
        return self.directory / "prometheus.yaml"

    @property
    def rules(self) -> Path:
        return self.directory / "rules.yaml"

    @property
    def grafana(self) -> Path:
        """Grafana's provisioning directory."""
        return self.directory / "grafana"

    @property
    def prometheus_options(self) -> str:
        return (
            f"--config.file={self.prometheus} --storage.tsdb.path={self.directory / 'data'}"
            f" --web.listen-address={PROMETHEUS_ADDRESS}"
        )


def write_kit(
    directory: Path, run_dir: Path, *, every: str, runbooks: str, grafana: str, hasten: float
) -> Kit:
    """`run_dir` is where roles say where they listen."""
    kit = Kit(directory)
    dashboards = kit.grafana / "dashboards"
    files = {
        kit.prometheus: render_scrape(
            str(run_dir / TARGETS / "*.json"), str(kit.rules), every=every
        ),
        kit.rules: render_rules(runbooks=runbooks, grafana=grafana, hasten=hasten),
        kit.grafana / "datasources" / "prometheus.yaml": render_datasource(
            f"http://{PROMETHEUS_ADDRESS}"
        ),
        dashboards / "provider.yaml": render_provider(dashboards),
        dashboards / "hellocactus.json": render_dashboard(),
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return kit
