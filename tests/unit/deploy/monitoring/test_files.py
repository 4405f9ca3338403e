"""Generated files are what the code says; every name that people read there exists."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import typer.main

import deploy.dlq_watch
import deploy.metrics
import deploy.roles.api
import deploy.roles.poller
import deploy.roles.projector
import deploy.roles.receiver
import deploy.roles.rewarder
import deploy.roles.worker  # noqa: F401 - with the others: all that roles define
from deploy.cli import app
from deploy.monitoring.catalogue import Metric, metrics
from deploy.monitoring.dashboard import queries
from deploy.monitoring.files import stale
from deploy.monitoring.rows import ROWS
from deploy.monitoring.rules import all_alerts, all_recordings

RUNBOOKS = Path(__file__).parents[4] / "docs" / "runbooks"
SECTIONS = ["## What it means", "## What to look at", "## What to do"]
NAME = re.compile(r"\b(?:cactus_[a-z_]+|process_[a-z_]+|up)\b(?=[{\[ )]|$)")
OF_EVERY_TARGET = frozenset({
    "up", "process_cpu_seconds_total", "process_max_fds", "process_open_fds",
    "process_resident_memory_bytes", "process_start_time_seconds",
})  # fmt: skip
CALL = re.compile(r"`(cactus [^`\n]+)`|^ *(cactus .+)$", re.MULTILINE)


def known() -> set[str]:
    return {name for metric in metrics() for name in metric.series} | OF_EVERY_TARGET


def asked() -> Iterator[tuple[str, str]]:
    """Every PromQL there is, and where."""
    yield from ((alert.name, alert.expr) for alert in all_alerts())
    yield from ((recording.name, recording.expr) for recording in all_recordings())
    yield from ((panel.title, query.expr) for panel, query in queries())


def test_the_generated_files_are_what_the_code_says() -> None:
    assert stale() == [], "run make schemas"


def test_every_metric_that_is_asked_for_exists() -> None:
    recorded = {recording.name for recording in all_recordings()}
    found = 0
    for where, expr in asked():
        names = NAME.findall(expr)
        found += len(names)
        assert set(names) <= known(), where
        assert set(re.findall(r"cactus:\w+:\w+", expr)) <= recorded, where
    assert found > 100


def test_every_metric_is_shown_or_watched() -> None:
    text = "\n".join(expr for _, expr in asked())
    assert [each.name for each in metrics() if each.name not in text] == []


def test_the_list_holds_every_metric_that_the_roles_define_as_they_define_it() -> None:
    listed = {metric.name: metric for metric in metrics()}
    defined: dict[str, tuple[str, tuple[str, ...]]] = {}
    for collector in list(prometheus_client.REGISTRY._collector_to_names):
        families = collector.describe() if hasattr(collector, "describe") else collector.collect()
        for family in families:
            if not family.name.startswith("cactus_") or "pricks" in family.name:
                continue
            suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
            labels = getattr(collector, "_labelnames", ("stage",))
            defined[f"{family.name}{suffix}"] = (family.type, tuple(labels))
    assert {name: (each.kind, each.labels) for name, each in listed.items()} == defined


@pytest.mark.parametrize("metric", metrics(), ids=lambda metric: metric.name)
def test_a_metric_is_named_as_prometheus_wants_it(metric: Metric) -> None:
    assert metric.kind != "counter" or metric.name.endswith("_total")
    forbidden = {"customer", "event", "reward", "reward_id", "id", "subscription"}
    assert not forbidden & set(metric.labels)
    assert metric.roles


def test_every_alert_points_to_a_row_of_the_dashboard() -> None:
    assert {alert.row for alert in all_alerts()} <= {row.name for row in ROWS}


def test_there_is_a_runbook_for_every_alert_and_no_other() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {alert.name for alert in all_alerts()}


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_says_what_it_means_what_to_look_at_and_what_to_do(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n") or page.stem == "README"
    if page.stem != "README":
        assert [line for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    named = set(re.findall(r"`(cactus_[a-z_]+)", text))
    assert named <= known() | {metric.name for metric in metrics()}
    for alert in re.findall(r"\bCactus[A-Z]\w+", text):
        assert alert in {each.name for each in all_alerts()}


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_every_command_in_a_runbook_exists(page: Path) -> None:
    for inline, block in CALL.findall(page.read_text(encoding="utf-8")):
        check_command(inline or block)


@cache
def command_line() -> Any:
    return typer.main.get_command(app)


def check_command(line: str) -> None:
    """Raises where a command, one of its parts or one of its options does not exist."""
    command = command_line()
    _, *words = shlex.split(line, comments=True)
    while words and hasattr(command, "commands"):
        word = words.pop(0)
        assert word in command.commands, line
        command = command.commands[word]
    options = {"--help", *(name for each in command.params for name in each.opts)}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options, line


def test_a_command_that_does_not_exist_is_found() -> None:
    with pytest.raises(AssertionError):
        check_command("cactus rewards lst")
    with pytest.raises(AssertionError):
        check_command("cactus rewards list --sate stuck")
    check_command("cactus rewards list --state stuck")
