"""The rules as Prometheus reads them. PURE."""

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from deploy.monitoring.alerting import Alert, Recording
from deploy.monitoring.alerts import CAUSES
from deploy.monitoring.objectives import OBJECTIVES, low_traffic_alerts

DASHBOARD_UID = "hellocactus"
RUNBOOKS = "docs/runbooks"
"""In this repository, which is where a runbook's address points unless another place is named."""
HEAD = (
    "# Written by `python -m deploy.monitoring`; `cactus prometheus` writes them with addresses.\n"
)


def all_alerts() -> list[Alert]:
    """Every alert, those of promises first."""
    promised = [alert for objective in OBJECTIVES for alert in objective.alerts()]
    return [*promised, *low_traffic_alerts(), *CAUSES]


def all_recordings() -> list[Recording]:
    return [each for objective in OBJECTIVES for each in objective.recordings()]


def render_rules(*, runbooks: str = RUNBOOKS, grafana: str = "", hasten: float = 1.0) -> str:
    """`runbooks` and `grafana` are addresses that those of each alert begin with. `hasten` divides
    how long an alert must hold, for tests that cannot wait.
    """
    groups = [
        {"name": "cactus-objectives", "rules": [recording_rule(each) for each in all_recordings()]},
        {
            "name": "cactus-alerts",
            "rules": [alert_rule(each, runbooks, grafana, hasten) for each in all_alerts()],
        },
    ]
    return HEAD + dump_yaml({"groups": groups})


def recording_rule(recording: Recording) -> dict[str, Any]:
    return {"record": recording.name, "expr": _block(recording.expr)}


def alert_rule(
    alert: Alert, runbooks: str = RUNBOOKS, grafana: str = "", hasten: float = 1.0
) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": alert.name, "expr": _block(alert.expr)}
    if alert.for_seconds:
        rule["for"] = f"{max(1, round(alert.for_seconds / hasten))}s"
    rule["labels"] = {"severity": alert.severity}
    rule["annotations"] = annotations(alert, runbooks, grafana)
    return rule


def annotations(alert: Alert, runbooks: str = RUNBOOKS, grafana: str = "") -> dict[str, str]:
    """What an alert carries, its labels not filled in yet."""
    return {
        "summary": alert.summary,
        "runbook_url": f"{runbooks.rstrip('/')}/{alert.name}.md",
        "dashboard_url": f"{grafana.rstrip('/')}/d/{DASHBOARD_UID}#{alert.row}",
    }


def _block(expr: str) -> str:
    return LiteralScalarString(f"{expr}\n") if "\n" in expr else expr


def dump_yaml(document: Any) -> str:
    yaml = YAML()
    yaml.width = 1_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue()
