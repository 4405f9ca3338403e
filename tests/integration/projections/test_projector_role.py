"""The projector as a process: killed, doubled, misdirected, and right."""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.kafka import Running
from deploy.migrations.runner import upgrade
from projections.database import open_engine
from projections.rewards import react
from projections.tables import balances, entries
from schemas.codec import REWARDS
from schemas.points import AnyPointsEvent
from tests.support.points import history, story, write_points
from tests.support.projector import DEADLINE_SECONDS, POLL_SECONDS, Cactus
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.integration


async def count_entries(views: AsyncEngine) -> int:
    async with views.connect() as connection:
        return await connection.scalar(select(func.count()).select_from(entries)) or 0


async def await_entries(views: AsyncEngine, at_least: int) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await count_entries(views) < at_least:  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(POLL_SECONDS)


async def commands_on(broker: Running, topic: str) -> set[bytes]:
    """Every reward command that either partition holds now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers)
    await consumer.start()
    try:
        assigned = [TopicPartition(topic, partition) for partition in (0, 1)]
        consumer.assign(assigned)
        await consumer.seek_to_beginning(*assigned)
        ends = await consumer.end_offsets(assigned)
        found: set[bytes] = set()
        while any([await consumer.position(each) < ends[each] for each in assigned]):
            batches = await consumer.getmany(timeout_ms=200)
            found |= {each.value for batch in batches.values() for each in batch if each.value}
    finally:
        await consumer.stop()
    return found


async def write_split(broker: Running, topic: str, events: Sequence[AnyPointsEvent]) -> None:
    """Customers over two partitions, which grow at the same time."""
    parts: tuple[list[AnyPointsEvent], list[AnyPointsEvent]] = ([], [])
    for each in events:
        parts[sum(each.customer.encode()) % 2].append(each)
    servers = broker.bootstrap_servers
    await asyncio.gather(*(write_points(servers, topic, parts[each], each) for each in (0, 1)))


async def test_a_projector_killed_at_work_writes_every_row_exactly_once(
    broker: Running, tmp_path: Path, views_url: str, views: AsyncEngine
) -> None:
    topics = await fresh_topics(broker)
    cactus = Cactus(broker, topics, tmp_path, CACTUS_DATABASE__VIEWS_URL=views_url)
    events = history(11, 80)
    third = len(events) // 3
    for start in (0, third):
        async with cactus.running("projector") as doomed:
            await cactus.await_ready()
            part = events[start : start + third]
            writing = asyncio.create_task(write_split(broker, topics.points, part))
            await await_entries(views, start + 1)
            doomed.send_signal(signal.SIGKILL)
            await doomed.wait()
        await writing
    await write_split(broker, topics.points, events[2 * third :])
    async with cactus.running("projector") as last:
        await cactus.await_ready()
        await await_entries(views, len(events))
        last.terminate()
        await asyncio.wait_for(last.wait(), 20)
        assert last.returncode == 0

    async with views.connect() as connection:
        sequences = (await connection.execute(select(entries.c.customer, entries.c.sequence))).all()
        rows = {row.customer: row for row in (await connection.execute(select(balances))).all()}
    assert Counter(map(tuple, sequences)) == Counter(
        (each.customer, each.sequence) for each in events
    )
    assert len(rows) == 80
    for final in {each.customer: each for each in events}.values():
        row = rows[final.customer]
        assert (row.balance, row.pending, row.lifetime, row.sequence) == (
            (final.balance, final.pending, final.lifetime, final.sequence)
        )
    expected = {REWARDS.encode(command) for each in events if (command := react(each))}
    assert await commands_on(broker, topics.rewards) == expected
    assert (await cactus.json("rebuild"))["identical"] is True


async def test_a_second_projector_stands_by_ready_and_takes_over(
    broker: Running, tmp_path: Path, views_url: str, views: AsyncEngine
) -> None:
    topics = await fresh_topics(broker)
    one, two = (
        Cactus(broker, topics, tmp_path / name, CACTUS_DATABASE__VIEWS_URL=views_url)
        for name in ("one", "two")
    )
    points = (broker.bootstrap_servers, topics.points)
    async with one.running("projector") as first:
        await one.await_ready()
        async with two.running("projector") as second:
            await two.await_ready()
            await write_points(*points, story()[:9])
            await await_entries(views, 9)
            assert second.returncode is None
            first.send_signal(signal.SIGKILL)
            await first.wait()
            await write_points(*points, story()[9:])
            await await_entries(views, len(story()))
            second.terminate()
            _, complaint = await asyncio.wait_for(second.communicate(), 20)
            assert complaint == b""
        assert second.returncode == 0


@pytest.mark.parametrize("views_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_one_that_stands_by_ends_cleanly_when_asked(
    broker: Running, tmp_path: Path, views_url: str, number: signal.Signals
) -> None:
    topics = await fresh_topics(broker)
    one, two = (
        Cactus(broker, topics, tmp_path / name, CACTUS_DATABASE__VIEWS_URL=views_url)
        for name in ("one", "two")
    )
    async with one.running("projector") as first:
        await one.await_ready()
        async with two.running("projector") as second:
            await two.await_ready()
            second.send_signal(number)
            _, complaint = await asyncio.wait_for(second.communicate(), 20)
            assert (second.returncode, complaint) == (0, b"")
        assert first.returncode is None


async def test_views_that_cannot_be_written_end_it_with_a_sentence(
    broker: Running, tmp_path: Path
) -> None:
    topics = await fresh_topics(broker)
    path = tmp_path / "views.sqlite"
    engine = open_engine(f"sqlite+aiosqlite:///{path}")
    await upgrade(engine, "views")
    await engine.dispose()
    url = f"sqlite+aiosqlite:///file:{path}?mode=ro&uri=true"
    cactus = Cactus(broker, topics, tmp_path, CACTUS_DATABASE__VIEWS_URL=url)
    code, _, complaint = await cactus.run("projector")
    assert code == 1
    assert "readonly database" in complaint
    assert str(path) in complaint
    assert "Traceback" not in complaint


async def test_topics_that_do_not_exist_end_it_with_what_to_do(
    broker: Running, tmp_path: Path
) -> None:
    topics = await fresh_topics(broker)
    elsewhere = type(topics)(f"{topics.prefix}not.")
    code, _, complaint = await Cactus(broker, elsewhere, tmp_path).run("projector")
    assert code == 1
    assert "Make it with `cactus topics apply`" in complaint
    assert "Traceback" not in complaint


async def test_a_gap_in_the_log_ends_it_and_says_where(broker: Running, tmp_path: Path) -> None:
    topics = await fresh_topics(broker)
    await write_points(broker.bootstrap_servers, topics.points, [*story()[:2], *story()[3:]])
    code, _, complaint = await Cactus(broker, topics, tmp_path).run("projector")
    assert code == 1
    assert "acme-test:c1 jumps from sequence 2 to 4" in complaint
    assert "Traceback" not in complaint


async def test_balance_and_entries_read_while_it_writes(broker: Running, tmp_path: Path) -> None:
    topics = await fresh_topics(broker)
    cactus = Cactus(broker, topics, tmp_path)
    async with cactus.running("projector"):
        await cactus.await_ready()
        await write_points(broker.bootstrap_servers, topics.points, story())
        views = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'views.sqlite'}", read_only=True)
        await await_entries(views, len(story()))
        await views.dispose()
        assert (await cactus.json("balance", "c1"))["balance"] == 12
        assert [
            each["sequence"] for each in await cactus.json("entries", "c1", "--limit", "2")
        ] == [
            len(story()),
            len(story()) - 1,
        ]
