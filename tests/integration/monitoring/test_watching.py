"""An installation at work, watched by a real Prometheus and followed by a collector of traces."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.kafka import Running
from deploy.monitoring.catalogue import metrics
from deploy.monitoring.dashboard import queries
from deploy.monitoring.rules import all_alerts, all_recordings
from tests.support.prometheus import Prometheus, watching
from tests.support.spans import Collector, Span, collecting
from tests.support.waiting import eventually
from tests.support.watched import ROLES, Watched, watched

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

HASTEN = 30.0
LOOK_SECONDS = 0.3
SECONDS_MAX = 60.0
CHAIN = ["give webhook", "take reward", "project", "fold", "translate", "receive webhook"]
VARIABLES = {"$__rate_interval": "1m", "$role": ".*", "$site": ".*"}
OF_THE_MACHINE = {"CactusDiskFills"}
"""Whether it fires is no matter of ours."""


def filled_in(expr: str) -> str:
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


async def unanswered(prometheus: Prometheus) -> list[str]:
    """Queries of the dashboard that must have an answer and have none."""
    return [
        f"{panel.title}: {query.expr}"
        for panel, query in queries()
        if query.always and not await prometheus.values(filled_in(query.expr))
    ]


async def until_answered(prometheus: Prometheus) -> None:
    missing = ["not asked yet"]
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while missing := await unanswered(prometheus):  # noqa: ASYNC110
                await asyncio.sleep(1)
    except TimeoutError:
        pytest.fail("no answer to: " + "\n".join(missing))


async def until_noticed(prometheus: Prometheus, role: str) -> None:
    """Until it is seen that none runs as the role; the alert fires when that has held a while."""
    async with asyncio.timeout(SECONDS_MAX):
        while role not in await prometheus.noticed("CactusRoleDown"):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)


async def until_fires(prometheus: Prometheus, wanted: set[tuple[str, str]]) -> None:
    """Until these alerts do, and no other meanwhile."""
    async with asyncio.timeout(SECONDS_MAX):
        while (firing := expected(await prometheus.firing())) != wanted:
            assert firing < wanted
            await asyncio.sleep(LOOK_SECONDS)


def expected(fired: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {each for each in fired if each[0] not in OF_THE_MACHINE}


async def check_what_it_shows(here: Watched, role: str) -> None:
    """All that the list of metrics says of the role, and no figure of another."""
    url = json.loads((here.run_dir / f"{role}.json").read_bytes())["url"]
    async with httpx.AsyncClient(trust_env=False) as client:
        page = (await client.get(f"{url}/metrics")).text
    shown: dict[str, int] = {}
    for family in text_string_to_metric_families(page):
        if family.name.startswith("cactus_"):
            suffix = "_total" if family.type == "counter" else ""
            shown[f"{family.name}{suffix}"] = len(family.samples)
    told = {metric.name for metric in metrics() if role in metric.roles}
    assert {name for name, samples in shown.items() if samples} <= told, role
    assert told <= set(shown), role


async def follow_a_webhook_to_its_reward(here: Watched, collector: Collector) -> None:
    def given() -> list[Span]:
        return [
            span
            for span in list(collector.spans.values())
            if span.name == "give webhook" and collector.ancestry(span) == CHAIN
        ]

    await eventually(lambda: bool(given()), SECONDS_MAX)
    span = given()[0]
    carried = [each.get("traceparent", "") for each in here.called]
    assert [each for each in carried if each.split("-")[1:3] == [span.trace, span.id]]

    def told() -> bool:
        """The outcome went back to the account, in the same trace."""
        folds = [
            each
            for each in list(collector.spans.values())
            if each.trace == span.trace and each.name == "fold"
        ]
        return len(folds) >= 2

    await eventually(told, SECONDS_MAX)
    for stage in ("translate", "fold", "project", "take reward"):
        batches = [each for each in collector.spans.values() if each.name == f"{stage} batch"]
        assert any(each.links for each in batches), stage


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as opened:
        yield opened


async def test_what_is_shown_what_fires_and_what_a_trace_tells(
    broker: Running, tmp_path: Path, collector: Collector
) -> None:
    traced = {
        "CACTUS_TRACING__ENDPOINT": collector.url,
        "CACTUS_TRACING__SAMPLE_RATIO": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
    }
    async with (
        watched(broker, tmp_path, **traced) as here,
        watching(here.run_dir, tmp_path / "monitoring", hasten=HASTEN) as prometheus,
    ):
        await until_answered(prometheus)
        for _, query in queries():
            await prometheus.query(filled_in(query.expr))
        for expr in (*(each.expr for each in all_alerts()), *(r.expr for r in all_recordings())):
            await prometheus.query(expr)
        assert await prometheus.rule_errors() == []
        for role in ROLES:
            await check_what_it_shows(here, role)

        await follow_a_webhook_to_its_reward(here, collector)

        assert expected(await prometheus.firing()) == set()
        dead: set[tuple[str, str]] = set()
        for role in ROLES:
            await here.kill(role)
            dead.add(("CactusRoleDown", role))
            await until_noticed(prometheus, role)
            assert expected(await prometheus.firing()) <= dead
        await until_fires(prometheus, dead)
