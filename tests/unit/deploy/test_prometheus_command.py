"""`cactus prometheus`: the files it writes find the roles of this installation."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from deploy.cli import app
from deploy.settings import Health
from deploy.telemetry import HealthServer, Vitals


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CACTUS_HOME", str(tmp_path))
    options = ["--grafana", "https://grafana.test/", "--runbooks", "https://wiki.test/run"]
    result = CliRunner().invoke(app, ["prometheus", "--every", "7s", *options, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["prometheus"].endswith("/monitoring/prometheus.yaml")
    return tmp_path / "monitoring"


def test_a_role_that_runs_is_found_by_what_it_wrote(kit: Path, tmp_path: Path) -> None:
    document = YAML(typ="safe").load(kit / "prometheus.yaml")
    [job] = document["scrape_configs"]
    [pattern] = job["file_sd_configs"][0]["files"]
    assert document["global"]["scrape_interval"] == "7s"
    assert document["rule_files"] == [str(kit / "rules.yaml")]

    with HealthServer(Vitals("worker"), Health(), tmp_path / "run") as server:
        [found] = Path(pattern).parent.glob(Path(pattern).name)
        [target] = json.loads(found.read_text())
        assert [f"http://{each}" for each in target["targets"]] == [server.url]
        assert target["labels"]["role"] == "worker"
    assert not list(Path(pattern).parent.glob(Path(pattern).name))


def test_alerts_point_to_where_pages_are_published(kit: Path) -> None:
    rules = YAML(typ="safe").load(kit / "rules.yaml")
    alerts = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    for alert in alerts:
        name, told = alert["alert"], alert["annotations"]
        assert told["runbook_url"] == f"https://wiki.test/run/{name}.md"
        assert told["dashboard_url"].startswith("https://grafana.test/d/hellocactus#")


def test_grafana_is_given_its_source_and_the_dashboard(kit: Path) -> None:
    source = YAML(typ="safe").load(kit / "grafana" / "datasources" / "prometheus.yaml")
    provider = YAML(typ="safe").load(kit / "grafana" / "dashboards" / "provider.yaml")
    folder = Path(provider["providers"][0]["options"]["path"])
    dashboard = json.loads((folder / "hellocactus.json").read_text())
    assert source["datasources"][0]["type"] == "prometheus"
    assert dashboard["uid"] == "hellocactus"
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(numbers) == len(set(numbers))
