"""The committed files, and whether they are what the code says."""

from collections.abc import Callable
from pathlib import Path

from deploy.monitoring.catalogue import page
from deploy.monitoring.dashboard import render_dashboard
from deploy.monitoring.rules import render_rules

ROOT = Path(__file__).parents[2]
FILES: dict[str, Callable[[], str]] = {
    "deploy/prometheus/rules.yaml": render_rules,
    "deploy/grafana/hellocactus.json": render_dashboard,
    "docs/metrics.md": page,
}


def stale(root: Path = ROOT) -> list[str]:
    """Those that are missing or are not what the code says."""
    return [name for name, render in FILES.items() if _stored(root / name) != render()]


def write(root: Path = ROOT) -> None:
    for name, render in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(render(), encoding="utf-8")


def _stored(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
