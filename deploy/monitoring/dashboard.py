"""The Grafana dashboard as JSON. PURE."""

import json
from collections.abc import Iterator
from typing import Any

from deploy.monitoring.panels import Panel, Query, Row
from deploy.monitoring.rows import ROWS
from deploy.monitoring.rules import DASHBOARD_UID

SCHEMA_VERSION = 39
ROW_WIDTH = 24
PANEL_HEIGHT = {"stat": 4, "timeseries": 8, "heatmap": 8}
DATASOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}


def render_dashboard() -> str:
    document = {
        "uid": DASHBOARD_UID,
        "title": "HelloCactus",
        "tags": ["hellocactus"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "graphTooltip": 1,
        "templating": {"list": _variables()},
        "panels": list(_panels()),
    }
    return json.dumps(document, indent=2) + "\n"


def queries() -> Iterator[tuple[Panel, Query]]:
    """All that the dashboard asks."""
    for row in ROWS:
        for panel in row.panels:
            yield from ((panel, query) for query in panel.queries)


def _variables() -> list[dict[str, Any]]:
    return [
        {"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource",
         "query": "prometheus", "current": {}, "hide": 0},
        _choice("site", "label_values(cactus_last_poll_timestamp_seconds, site)"),
        _choice("role", 'label_values(up{job="cactus"}, role)'),
    ]  # fmt: skip


def _choice(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }


def _panels() -> Iterator[dict[str, Any]]:
    number = y = 0
    for row in ROWS:
        number += 1
        yield _row(row, number, y)
        y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > ROW_WIDTH:
                x, y, height = 0, y + height, 0
            number += 1
            tall = PANEL_HEIGHT[panel.kind]
            place = {"x": x, "y": y, "w": panel.width, "h": tall}
            yield _panel(panel, number, place)
            x, height = x + panel.width, max(height, tall)
        y += height


def _row(row: Row, number: int, y: int) -> dict[str, Any]:
    place = {"x": 0, "y": y, "w": ROW_WIDTH, "h": 1}
    return {"id": number, "type": "row", "title": row.title, "gridPos": place, "panels": []}


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": place,
        "targets": [_target(panel, query, index) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _target(panel: Panel, query: Query, index: int) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + index),
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "format": "heatmap" if panel.kind == "heatmap" else "time_series",
        "range": panel.kind != "stat",
        "instant": panel.kind == "stat",
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.bad_above is not None:
        # A threshold counts from its value on; what is allowed is still good.
        bad_from = panel.bad_above or 0.000_001
        steps = [{"color": "green", "value": None}, {"color": "red", "value": bad_from}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        defaults["color"] = {"mode": "thresholds"}
    return defaults


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {
            "colorMode": "background" if panel.bad_above is not None else "value",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        }
    if panel.kind == "heatmap":
        return {"calculate": False, "yAxis": {"unit": panel.unit}, "color": {"scheme": "Greens"}}
    return {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
