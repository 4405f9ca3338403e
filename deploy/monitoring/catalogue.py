"""Every metric there is: read from the source, for importing a role would show those of others."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("connectors", "deploy", "projections", "streams")
KINDS = {
    "Counter": "counter",
    "Gauge": "gauge",
    "Histogram": "histogram",
    "Ages": "histogram",
    "Info": "info",
}
ALL = ("receiver", "poller", "worker", "projector", "rewarder", "api")
OWNERS: dict[str, tuple[str, ...]] = {
    "connectors/chargebee/client.py": ("poller", "rewarder"),
    "connectors/chargebee/limits.py": ("poller", "rewarder"),
    "connectors/chargebee/poller.py": ("poller",),
    "connectors/chargebee/receiver.py": ("receiver",),
    "connectors/publish.py": ("receiver", "poller", "rewarder", "api"),
    "connectors/rewards": ("rewarder",),
    "deploy/dlq_watch.py": ("worker",),
    "deploy/roles/worker.py": ("worker",),
    "deploy/telemetry.py": ALL,
    "projections/projector.py": ("projector",),
    "projections/states.py": ("projector",),
    "projections/service": ("api",),
    "streams": ("worker",),
}
"""Which roles tell what a file or a folder defines."""
SHARED: dict[str, tuple[str, ...]] = {
    "cactus_lag_messages": ("worker", "projector", "rewarder"),
    "cactus_lag_seconds": ("worker", "projector", "rewarder"),
    "cactus_dlq_messages_total": ("worker", "rewarder"),
    "cactus_invariant_violations_total": ("projector", "rewarder"),
    "cactus_rebalances_total": ("worker", "rewarder"),
    "cactus_event_age_seconds": ("receiver", "worker", "projector", "rewarder"),
    "cactus_last_record_processed_timestamp_seconds": (
        *("receiver", "worker", "projector", "rewarder"),
    ),
}
"""The same for what `deploy/metrics.py` defines."""


class UnclaimedMetricError(ValueError):
    """Nobody has said which role tells a metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One family. `name` is as it is queried, of a histogram without its suffix."""

    name: str
    kind: str
    labels: tuple[str, ...]
    roles: tuple[str, ...]
    meaning: str

    @property
    def series(self) -> tuple[str, ...]:
        """The names it is queried by."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        return (self.name,)


@cache
def metrics() -> tuple[Metric, ...]:
    """All of them, by name. Raises `UnclaimedMetricError`."""
    found = [
        metric
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for metric in _defined_in(path)
    ]
    return tuple(sorted(found, key=lambda metric: metric.name))


def _defined_in(path: Path) -> Iterator[Metric]:
    source = path.read_text(encoding="utf-8")
    if "prometheus_client" not in source:
        return
    where = path.relative_to(ROOT).as_posix()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            call = node.value
            if isinstance(call.func, ast.Name) and call.func.id in KINDS:
                yield _metric(where, KINDS[call.func.id], call)


def _metric(where: str, kind: str, call: ast.Call) -> Metric:
    name, meaning, *rest = (ast.literal_eval(argument) for argument in call.args)
    labels = tuple(rest[0]) if rest else ()
    if kind == "info":
        name += "_info"
    if isinstance(call.func, ast.Name) and call.func.id == "Ages":
        labels = ("stage",)
    return Metric(
        name=name,
        kind=kind,
        labels=labels,
        roles=SHARED.get(name) or _owners(where, name),
        meaning=meaning.rstrip("."),
    )


def _owners(where: str, name: str) -> tuple[str, ...]:
    for place, roles in OWNERS.items():
        if where == place or where.startswith(f"{place}/"):
            return roles
    raise UnclaimedMetricError(f"{name} of {where}: say in deploy/monitoring/catalogue.py who")


HEAD = """\
# Metrics

Every role serves these at `/metrics` of its health address, which `<home>/run/<role>.json` names.
Labels hold no ids: of a customer, an event or a reward there is nothing here. Names end in their
unit; a counter in `_total`. Beside them each role tells `process_*` and `python_*`, as every Python
process does. `python -m deploy.monitoring` writes this page from the code.

To know: `cactus_event_age_seconds{stage="stored"}` is counted from when the event occurred, by the
engine's clock, so it holds what Chargebee took to send it. All later stages are counted from its
arrival here.

| metric | kind | labels | told by | meaning |
|---|---|---|---|---|
"""


def page() -> str:
    """`docs/metrics.md`."""
    return HEAD + "".join(f"{_row(metric)}\n" for metric in metrics())


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    roles = "every role" if metric.roles == ALL else ", ".join(metric.roles)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {roles} | {metric.meaning} |"
