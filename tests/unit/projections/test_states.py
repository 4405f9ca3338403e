"""Accounts as the fold left them, kept beside the views."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from projections.database import open_engine
from projections.errors import AnotherWriter
from projections.log import Chunk
from projections.states import PROJECTION, States
from projections.store import Positions
from projections.tables import states
from schemas.topics import POSITION_KEY, PROGRAMS_KEY
from streams.core.batches import Record
from tests.support.migrated import migrate
from tests.support.records import TIMESTAMP_MS, record


class FakeLog:
    """One partition of the accounts topic."""

    topic = "accounts"

    def __init__(self, *batches: list[Record]) -> None:
        self.batches = list(batches)
        self.told: list[tuple[int, int]] = []

    def lag(self) -> dict[int, int]:
        return {0: len(self.batches)}

    def show(self, waiting: Mapping[int, int], read_ms: Mapping[int, int]) -> None:
        """Keeps what it was told: how many wait, and when the last one read was written."""
        self.told.append((waiting[0], next(iter(read_ms.values()))))

    async def partitions(self) -> list[int]:
        return [0]

    def assign(self, starts: Mapping[int, int]) -> None:
        self.starts = dict(starts)

    async def read(self, records_max: int) -> list[Chunk]:
        if not self.batches:
            return []
        batch = self.batches.pop(0)
        return [Chunk(0, batch, batch[-1].offset + 1)]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'views.sqlite'}")
    await migrate(opened, "views")
    yield opened
    await opened.dispose()


def states_of(engine: AsyncEngine, log: FakeLog) -> States:
    positions = Positions(engine, "accounts", PROJECTION)
    return States(log, positions, asyncio.Lock(), log.show)  # type: ignore[arg-type]


async def kept(engine: AsyncEngine) -> dict[str, tuple[int, bytes]]:
    async with engine.connect() as connection:
        rows = await connection.execute(select(states).order_by(states.c.customer))
        return {f"{row.site}:{row.customer}": (row.log_offset, row.state) for row in rows}


async def test_the_last_state_of_each_account_is_kept(engine: AsyncEngine) -> None:
    first = [
        record(0, b"old", key=b"acme:c1"),
        record(1, b"7", key=POSITION_KEY),
        record(2, b"p", key=PROGRAMS_KEY),
        record(3, b"new", key=b"acme:c1"),
        record(4, b"other", key=b"acme:c:2"),
    ]
    log = FakeLog(first, [record(9, b"newer", key=b"acme:c1")])
    keeper = states_of(engine, log)
    await keeper.open()
    await keeper.step()
    assert log.told == [(1, TIMESTAMP_MS + 4)]
    assert await kept(engine) == {"acme:c1": (3, b"new"), "acme:c:2": (4, b"other")}

    await keeper.step()
    await keeper.step()
    assert (await kept(engine))["acme:c1"] == (9, b"newer")


async def test_it_goes_on_where_it_was(engine: AsyncEngine) -> None:
    before = states_of(engine, FakeLog([record(0, b"x", key=b"acme:c1")]))
    await before.open()
    await before.step()

    after = FakeLog()
    await states_of(engine, after).open()
    assert after.starts == {0: 1}


async def test_of_two_keepers_the_later_writes_nothing(engine: AsyncEngine) -> None:
    one = states_of(engine, FakeLog([record(0, b"one", key=b"acme:c1")]))
    two = states_of(engine, FakeLog([record(0, b"two", key=b"acme:c1")]))
    await one.open()
    await two.open()
    await one.step()
    with pytest.raises(AnotherWriter):
        await two.step()
    assert await kept(engine) == {"acme:c1": (0, b"one")}
