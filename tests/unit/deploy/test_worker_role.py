"""A worker whose Kafka is away: one that starts says so, one that runs lives on."""

import asyncio
import math
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from deploy.embedded.ports import free_ports
from deploy.roles.worker import WorkerLag, keep_lag_shown, run_worker
from deploy.settings import Settings
from deploy.topics import ClusterUnreachable
from schemas.topics import Topics
from streams.app import Writers
from streams.translate import Translator
from tests.support.waiting import eventually

TOPICS = Topics("nowhere.")


def nowhere() -> str:
    return f"127.0.0.1:{free_ports(1)[0]}"


async def test_a_worker_that_finds_no_kafka_says_so(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"home": tmp_path, "kafka": {"bootstrap_servers": nowhere()}}
    )

    with pytest.raises(ClusterUnreachable, match="Kafka does not answer"):
        await run_worker(settings)


async def test_while_kafka_is_away_the_lag_is_not_known_and_the_worker_lives_on() -> None:
    class NoWriters(Writers):
        def __init__(self) -> None:
            self._writers = {}

    class NoTranslator(Translator):
        def __init__(self) -> None:
            object.__setattr__(self, "read_ms", {})

    lag = WorkerLag(TOPICS, NoWriters(), NoTranslator())
    showing = asyncio.create_task(keep_lag_shown(nowhere(), "app", lag))

    def shown() -> float | None:
        return REGISTRY.get_sample_value("cactus_lag_messages", {"topic": TOPICS.facts})

    await eventually(lambda: math.isnan(shown() or 0))
    assert not showing.done()
    showing.cancel()
    await asyncio.gather(showing, return_exceptions=True)
