"""`cactus rebuild`: what it finds, what it replaces, and that it cannot do harm."""

import asyncio
import json
import signal
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.kafka import Running
from projections.database import open_engine
from projections.tables import balances, entries, lots, positions
from tests.support.points import history, story, write_points
from tests.support.projector import Cactus
from tests.support.topics import fresh_topics
from tests.support.views import count_rows, digests
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

ON_SQLITE = pytest.mark.parametrize("views_url", ["sqlite"], indirect=True)
"""Where the database makes no difference: the contract suite covers both."""


@pytest.fixture
async def cactus(broker: Running, tmp_path: Path, views_url: str) -> Cactus:
    """Over a log that holds a story, and views that were built from it."""
    topics = await fresh_topics(broker)
    await write_points(broker.bootstrap_servers, topics.points, story())
    made = Cactus(broker, topics, tmp_path, CACTUS_DATABASE__VIEWS_URL=views_url)
    built = await made.json("rebuild")
    assert (built["events"], built["tables"], built["replaced"]) == (len(story()), [], True)
    return made


@ON_SQLITE
async def test_views_that_are_what_the_log_says_stay(cactus: Cactus, views: AsyncEngine) -> None:
    before = await digests(views)
    code, said, _ = await cactus.run("rebuild")
    assert code == 0
    assert "row for row" in said
    assert await digests(views) == before


async def test_tampered_views_are_found_and_replaced_when_told_to(
    cactus: Cactus, views: AsyncEngine
) -> None:
    before = await digests(views)
    async with views.begin() as connection:
        await connection.execute(update(balances).values(balance=1_000_000))
        await connection.execute(delete(entries).where(entries.c.sequence == 3))
    tampered = await digests(views)

    code, said, _ = await cactus.run("rebuild")
    assert code == 1
    assert "balances: acme-test:c1 is not as the log says in balance" in said
    assert "entries: acme-test:c1:3 is missing" in said
    assert "--yes replaces them" in said
    assert await digests(views) == tampered

    code, said, _ = await cactus.run("rebuild", "--yes", "--json")
    document = json.loads(said)
    assert (code, document["identical"], document["replaced"]) == (1, False, True)
    assert [each["table"] for each in document["tables"] if each["first_differences"]] == [
        "balances",
        "entries",
    ]
    assert await digests(views) == before
    assert (await cactus.json("rebuild"))["identical"] is True


@ON_SQLITE
async def test_a_table_that_was_dropped_comes_back(cactus: Cactus, views: AsyncEngine) -> None:
    before = await digests(views)
    async with views.begin() as connection:
        await connection.run_sync(lots.drop)
    code, said, _ = await cactus.run("rebuild", "--yes")
    assert code == 1
    assert "lots: acme-test:c1:1 is missing" in said
    assert await digests(views) == before


@ON_SQLITE
async def test_views_ahead_of_the_log_are_a_difference(cactus: Cactus, views: AsyncEngine) -> None:
    async with views.begin() as connection:
        await connection.execute(update(positions).values(next_offset=9_000))
    code, said, _ = await cactus.run("rebuild", "--yes")
    assert code == 1
    assert "in next_offset" in said
    assert (await cactus.json("rebuild"))["identical"] is True


@ON_SQLITE
async def test_a_running_projector_must_be_stopped_first(
    cactus: Cactus, views: AsyncEngine
) -> None:
    async with cactus.running("projector") as projector:
        await cactus.await_ready()
        code, _, complaint = await cactus.run("rebuild", "--yes")
        assert code == 1
        assert "Stop it first" in complaint
        assert "Traceback" not in complaint
        assert projector.returncode is None
    assert (await count_rows(views))["entries"] == len(story())


async def test_a_rebuild_killed_half_way_leaves_the_live_views_untouched(
    broker: Running, tmp_path: Path
) -> None:
    topics = await fresh_topics(broker)
    cactus = Cactus(broker, topics, tmp_path)
    await write_points(broker.bootstrap_servers, topics.points, history(11, 80))
    await cactus.json("rebuild")
    views = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'views.sqlite'}")
    async with views.begin() as connection:
        await connection.execute(text("UPDATE balances SET balance = balance + 1"))
    before = await digests(views)
    async with cactus.running("rebuild", "--yes") as doomed:
        await eventually((tmp_path / "views.sqlite_rebuilt").exists)
        doomed.send_signal(signal.SIGKILL)
        await asyncio.wait_for(doomed.wait(), 20)
    assert await digests(views) == before
    code, _, _ = await cactus.run("rebuild", "--yes")
    assert code == 1
    assert (await cactus.json("rebuild"))["identical"] is True
    assert not (tmp_path / "views.sqlite_rebuilt").exists()
    await views.dispose()
