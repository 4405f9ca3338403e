"""Two worker processes on a real broker, one of them killed in mid-stream."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from deploy.kafka import Running
from deploy.publish import publish
from schemas.program.load import load_program
from tests.chaos.life import Life
from tests.chaos.load import Load
from tests.chaos.logs import read_logs
from tests.chaos.oracle import Oracle
from tests.chaos.refold import differences
from tests.chaos.run import PROGRAM
from tests.chaos.watch import Watch
from tests.chaos.workers import Workers
from tests.support.topics import fresh_topics
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

PARTITIONS = 4
SECONDS_MAX = 60.0


async def test_a_worker_killed_in_mid_stream_loses_and_doubles_nothing(
    broker: Running, tmp_path: Path
) -> None:
    servers, topics = broker.bootstrap_servers, await fresh_topics(broker, PARTITIONS)
    now = int(time.time())
    await publish(servers, topics, load_program(PROGRAM.read_text()), now)
    life = Life(1, customers=300, began_at=now, lasts_seconds=5)
    load = Load(servers, topics, life, count=4_000, seconds=4)
    workers = Workers(tmp_path, servers, topics, count=2, partitions=PARTITIONS)
    watch = Watch(servers, topics, PARTITIONS)
    async with AsyncExitStack() as stack:
        await watch.start()
        stack.push_async_callback(watch.stop)
        following = asyncio.create_task(watch.follow())
        stack.callback(following.cancel)
        workers.start()
        stack.push_async_callback(workers.stop)
        loading = asyncio.create_task(load.run())
        await eventually(lambda: watch.commits > 5, SECONDS_MAX)

        worker = workers.choose(0.0)
        assert worker is not None
        workers.kill(worker)
        promised = await loading
        assert await watch.until_drained(SECONDS_MAX) == ""

    logs = await read_logs(servers, topics)
    assert workers.exits["killed"] == 1
    assert list(Oracle(logs, promised).breaches()) == []
    assert list(differences(logs)) == []
