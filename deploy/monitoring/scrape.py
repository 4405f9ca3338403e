"""What a Prometheus is told of one installation. PURE."""

from pathlib import Path

from deploy.monitoring.rules import dump_yaml

JOB = "cactus"
REFRESH = "5s"


def render_scrape(targets: str, rules: str, *, every: str) -> str:
    """`targets` is a pattern of the files that roles write; `every` how often they are asked, and
    rules looked at.
    """
    document = {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [rules],
        "scrape_configs": [
            {
                "job_name": JOB,
                "file_sd_configs": [{"files": [targets], "refresh_interval": REFRESH}],
            }
        ],
    }
    return dump_yaml(document)


def render_datasource(url: str) -> str:
    """For Grafana's provisioning."""
    source = {"name": "Prometheus", "type": "prometheus", "url": url, "isDefault": True}
    return dump_yaml({"apiVersion": 1, "datasources": [source]})


def render_provider(dashboards: Path | str) -> str:
    """For Grafana's provisioning: the folder that holds the dashboard."""
    provider = {
        "name": "HelloCactus",
        "type": "file",
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": str(dashboards)},
    }
    return dump_yaml({"apiVersion": 1, "providers": [provider]})
