"""The figures as tables for people and as one document for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.latency import Latency
from tests.bench.projector import Projected
from tests.bench.pure import PureRate
from tests.bench.race import Result
from tests.bench.restore import Restored
from tests.bench.rewards import Given, Metered


@dataclass(slots=True)
class Report:
    """All that was measured in one run. What was not measured is empty."""

    machine: Mapping[str, str]
    ours: str
    races: list[Result] = field(default_factory=list)
    pure: list[PureRate] = field(default_factory=list)
    restored: Restored | None = None
    latency: Latency | None = None
    projected: Projected | None = None
    given: Given | None = None
    metered: Metered | None = None


COLUMNS_MIN = 100
"""What the widest table needs, also where the output is no terminal."""


def print_report(report: Report) -> None:
    """To standard output."""
    console = Console(highlight=False)
    console = Console(highlight=False, width=max(COLUMNS_MIN, console.width))
    for name, value in report.machine.items():
        console.print(f"{name:>10}  {value}", markup=False)
    for table in _tables(report):
        console.print(table)


def document(report: Report) -> dict[str, Any]:
    """Every figure with its unit in its name."""
    return {
        "machine": dict(report.machine),
        "peers": [
            asdict(each)
            | {
                "facts_per_second": each.facts_per_second,
                "facts_per_cpu_second": each.facts_per_cpu_second,
            }
            for each in report.races
        ],
        "pure": [asdict(each) for each in report.pure],
        "restore": _restored(report.restored),
        "latency": asdict(report.latency) if report.latency else None,
        "projector": _projected(report.projected),
        "webhooks": _given(report.given),
        "bucket": _metered(report.metered),
    }


def _restored(restored: Restored | None) -> dict[str, float] | None:
    if restored is None:
        return None
    return asdict(restored) | {"accounts_per_second": restored.accounts_per_second}


def _projected(projected: Projected | None) -> dict[str, float] | None:
    if projected is None:
        return None
    return asdict(projected) | {"events_per_second": projected.events_per_second}


def _given(given: Given | None) -> dict[str, float] | None:
    if given is None:
        return None
    return asdict(given) | {
        "rewards_per_second": given.rewards_per_second,
        "rewards_per_cpu_second": given.rewards_per_cpu_second,
    }


def _metered(metered: Metered | None) -> dict[str, float] | None:
    if metered is None:
        return None
    return asdict(metered) | {"ratio": metered.ratio}


def _tables(report: Report) -> list[Table]:
    tables = []
    if report.races:
        tables.append(_race_table(report.races, report.ours))
    if report.pure:
        tables.append(_pure_table(report.pure))
    if report.restored or report.latency or report.projected or report.given or report.metered:
        tables.append(_roles_table(report))
    return tables


def _race_table(races: Sequence[Result], ours: str) -> Table:
    """Medians where a peer ran more than once."""
    first = races[0]
    table = Table(
        title=f"The same fold through Kafka: {first.facts:,} facts, {first.events:,} points events",
        title_justify="left",
    )
    table.add_column("worker, one process")
    for name in ("facts/s", "ours is", "CPU s", "facts/CPU s", "peak MB"):
        table.add_column(name, justify="right")
    table.add_column("guarantee")
    rates = {name: median(each.facts_per_second for each in runs) for name, runs in _runs(races)}
    for name, runs in _runs(races):
        ratio = f"{rates[ours] / rates[name]:.2f}×" if ours in rates else "-"
        table.add_row(
            name,
            f"{rates[name]:,.0f}",
            ratio,
            f"{median(each.cpu_seconds for each in runs):.2f}",
            f"{median(each.facts_per_cpu_second for each in runs):,.0f}",
            f"{max(each.rss_peak_mb for each in runs):,.0f}",
            runs[0].guarantee,
        )
    return table


def _runs(races: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    names = dict.fromkeys(each.peer for each in races)
    return [(name, [each for each in races if each.peer == name]) for name in names]


def _pure_table(rates: Sequence[PureRate]) -> Table:
    table = Table(title="The fold by itself, one core", title_justify="left")
    table.add_column("what")
    table.add_column("facts/CPU s", justify="right")
    for each in rates:
        table.add_row(each.what, f"{each.facts_per_second:,.0f}")
    return table


def _roles_table(report: Report) -> Table:
    restored, latency, projected = report.restored, report.latency, report.projected
    table = Table(title="Our roles", title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    if restored is not None:
        table.add_row(
            f"restore of {restored.accounts:,} accounts after assignment",
            f"{restored.accounts_per_second:,.0f} accounts/s",
        )
        table.add_row("memory per account", f"{restored.memory_bytes:,.0f} bytes")
        table.add_row("of which encoded state", f"{restored.state_bytes:,.0f} bytes")
    if latency is not None:
        table.add_row(
            f"fact to committed points event at {latency.facts_per_second:,} facts/s",
            f"p50 {latency.p50_ms:.0f}, p95 {latency.p95_ms:.0f}, p99 {latency.p99_ms:.0f} ms",
        )
    if projected is not None:
        table.add_row(
            f"projector, {projected.events:,} points events into SQLite",
            f"{projected.events_per_second:,.0f} events/s",
        )
    if report.given is not None:
        table.add_row(
            f"rewarder, {report.given.rewards:,} webhooks to a service on this machine",
            f"{report.given.rewards_per_second:,.0f} rewards/s,"
            f" {report.given.rewards_per_cpu_second:,.0f} per CPU s",
        )
    if report.metered is not None:
        table.add_row(
            f"rewarder, use of {report.metered.requests_per_minute} calls a minute",
            f"{report.metered.ratio:.1%}",
        )
    return table
