"""docs/consuming.md: its examples are run as they stand, against what Kafka really may hand out."""

import asyncio
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from deploy.kafka import Running
from schemas import ids
from schemas.codec import POINTS, decode_custom
from schemas.topics import Topics
from tests.support.points import changed, earned, story, write_points
from tests.support.readme import blocks
from tests.support.topics import fresh_topics
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

GUIDE = Path(__file__).parents[2] / "docs" / "consuming.md"
KCAT = shutil.which("kcat")
SEQUENCES = 22


def example(*words: str) -> str:
    """The one block of the guide whose fence says these words."""
    [text] = [each.text for each in blocks(GUIDE) if (each.kind, *each.words) == words]
    return text


@pytest.fixture
async def topics(broker: Running) -> Topics:
    """A story of 21 events, some of them twice, one of a later release, and another customer; and
    in between what was taken back.
    """
    topics = await fresh_topics(broker)
    servers, events = broker.bootstrap_servers, story()
    await write_points(servers, topics.points, events[:9])
    await write_points(servers, topics.points, events[5:9])
    await take_back(servers, topics.points, POINTS.encode(changed(events[9], balance=1_000_000)))
    await write_points(servers, topics.points, events[9:])
    other = changed(earned(1, 9, (9, 0, 9, 0)), customer="c2")
    await write_points(servers, topics.points, [other], partition=1)
    last = json.loads(POINTS.encode(events[-1]))
    later = {**last, "type": "PointsPainted", "v": 1, "sequence": SEQUENCES, "colour": "green"}
    await write_raw(servers, topics.points, json.dumps(later).encode())
    return topics


async def take_back(servers: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id=f"{topic}-aborted")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, value, key=b"acme-test:c1", partition=0)
        await producer.abort_transaction()
    finally:
        await producer.stop()


async def write_raw(servers: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, key=b"acme-test:c1", partition=0)
    finally:
        await producer.stop()


class Run:
    """An example at work, and the lines it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip("\n"))


@asynccontextmanager
async def running(
    broker: Running, topics: Topics, directory: Path, *command: str
) -> AsyncIterator[Run]:
    environment = {
        **os.environ,
        "KAFKA": broker.bootstrap_servers,
        "TOPIC": topics.points,
        "CUSTOM_TOPIC": topics.custom,
    }
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, cwd=directory, stdout=asyncio.subprocess.PIPE
    )
    run = Run(process)
    listening = asyncio.create_task(run.listen())
    try:
        yield run
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening


async def finished(broker: Running, topics: Topics, directory: Path, *command: str) -> list[str]:
    async with running(broker, topics, directory, *command) as run:
        code = await asyncio.wait_for(run.process.wait(), 60)
    assert code == 0, run.lines
    return run.lines


async def test_the_mirror_takes_each_event_once_also_when_it_is_killed(
    broker: Running, topics: Topics, tmp_path: Path
) -> None:
    script = example("python", "aiokafka")
    seen: list[str] = []
    for _ in range(2):
        async with running(broker, topics, tmp_path, sys.executable, "-c", script) as run:
            await eventually(lambda: _has_all(tmp_path), seconds=60)
        seen += run.lines
    numbers = [int(line.split()[1]) for line in seen if line.startswith("acme-test:c1 ")]
    assert numbers == list(range(1, SEQUENCES + 1))
    with sqlite3.connect(tmp_path / "balances.sqlite") as book:
        rows = book.execute("SELECT account, sequence, balance FROM balances ORDER BY account")
        assert rows.fetchall() == [("acme-test:c1", SEQUENCES, 12), ("acme-test:c2", 1, 9)]


def _has_all(directory: Path) -> bool:
    try:
        with sqlite3.connect(f"file:{directory / 'balances.sqlite'}?mode=ro", uri=True) as book:
            return dict(book.execute("SELECT account, sequence FROM balances").fetchall()) == {
                "acme-test:c1": SEQUENCES,
                "acme-test:c2": 1,
            }
    except sqlite3.OperationalError:
        return False  # it has not made it yet


async def test_the_report_reads_the_history_to_its_end(
    broker: Running, topics: Topics, tmp_path: Path
) -> None:
    script = example("python", "confluent-kafka")
    told = await finished(broker, topics, tmp_path, sys.executable, "-c", script)
    assert told == [f"pay {150 + 80 + 9}"]


@pytest.mark.skipif(KCAT is None, reason="kcat is not installed: apt-get install kcat")
async def test_kcat_shows_one_customer_and_writes_an_event(
    broker: Running, topics: Topics, tmp_path: Path
) -> None:
    script = example("sh", "kcat")
    lines = await finished(broker, topics, tmp_path, "bash", "-euo", "pipefail", "-c", script)
    events = [json.loads(line.removeprefix("acme-test:c1 ")) for line in lines]
    assert [each["sequence"] for each in events] == [*range(1, 10), *range(6, 10), *range(10, 23)]
    assert 1_000_000 not in {each["balance"] for each in events}

    producing = example("sh", "kcat-produce")
    await finished(broker, topics, tmp_path, "bash", "-euo", "pipefail", "-c", producing)
    reading = f'kcat -C -b "$KAFKA" -t {topics.custom} -o beginning -e -q -f "%k %p %s\\n"'
    [line] = await finished(broker, topics, tmp_path, "bash", "-euc", reading)
    key, partition, value = line.split(" ", 2)
    event = decode_custom(value.encode())
    assert key == ids.account_key(event.site, event.customer)
    assert int(partition) == await _home(broker, topics, key)


async def _home(broker: Running, topics: Topics, key: str) -> int:
    """The partition that Kafka's own partitioner chooses."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()
    try:
        written = await producer.send_and_wait(topics.facts, b"?", key=key.encode())
        return int(written.partition)
    finally:
        await producer.stop()


def test_the_guide_names_every_topic_there_is() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert [spec.name for spec in Topics() if f"`{spec.name}`" not in text] == []
