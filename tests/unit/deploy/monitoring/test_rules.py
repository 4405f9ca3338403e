"""The alert rules as promtool judges them: they fire, stay silent, and need their series."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.monitoring.alerting import Alert
from deploy.monitoring.kit import write_kit
from deploy.monitoring.rules import (
    alert_rule,
    all_alerts,
    all_recordings,
    annotations,
    dump_yaml,
    recording_rule,
    render_rules,
)
from tests.support.tools import tool
from tests.unit.deploy.monitoring.cases import CASES, Case, Series

ALERTS = {alert.name: alert for alert in all_alerts()}
LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        [tool("promtool"), *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def expected(alert: Alert, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "exp_labels": {"severity": alert.severity, **labels},
        "exp_annotations": {
            name: LABEL.sub(lambda found: labels[found[1]], text)
            for name, text in annotations(alert).items()
        },
    }


def trial(alert: Alert, case: Case, series: Series, *, fires: bool) -> dict[str, Any]:
    return {
        "interval": case.interval,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {
                "eval_time": case.at,
                "alertname": alert.name,
                "exp_alerts": [expected(alert, case.labels)] if fires else [],
            }
        ],
    }


def trials(name: str) -> list[dict[str, Any]]:
    """Firing, silent, and without the series that the alert looks at."""
    alert, case = ALERTS[name], CASES[name]
    assert case.fires
    assert case.silent
    return [
        *(trial(alert, case, series, fires=True) for series in case.fires),
        *(trial(alert, case, series, fires=False) for series in case.silent),
        trial(alert, case, {}, fires=case.fires_without_series),
    ]


def test_every_alert_has_a_name_of_its_own_and_its_trials() -> None:
    assert len(ALERTS) == len(all_alerts())
    assert set(CASES) == set(ALERTS)


def test_promtool_takes_the_rules_and_the_configuration(tmp_path: Path) -> None:
    kit = write_kit(tmp_path, tmp_path / "run", every="15s", runbooks="", grafana="", hasten=1)

    assert "SUCCESS" in promtool("check", "config", str(kit.prometheus))
    assert "SUCCESS" in promtool("check", "rules", str(kit.rules))


@pytest.mark.parametrize("name", sorted(CASES))
def test_it_fires_stays_silent_and_needs_its_series(name: str, tmp_path: Path) -> None:
    needed = [each for each in all_recordings() if each.name in ALERTS[name].expr]
    rules = [*map(recording_rule, needed), alert_rule(ALERTS[name])]
    groups = {"groups": [{"name": "tried", "rules": rules}]}
    (tmp_path / "rules.yaml").write_text(dump_yaml(groups), encoding="utf-8")
    document = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": CASES[name].interval,
        "tests": trials(name),
    }
    (tmp_path / "tests.yaml").write_text(dump_yaml(document), encoding="utf-8")

    promtool("test", "rules", str(tmp_path / "tests.yaml"))


def test_haste_shortens_how_long_an_alert_must_hold() -> None:
    assert "for: 60s" in render_rules()
    hasty = render_rules(hasten=60)
    assert "for: 1s" in hasty
    assert "for: 60s" in hasty  # of an hour
    assert "for: 300s" not in hasty
