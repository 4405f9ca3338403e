"""Views on SQLite or PostgreSQL, made by their own migration, and what stands in them."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from projections.balances import Logged
from projections.database import open_engine
from projections.digest import digest_views
from projections.store import Move, Store
from projections.tables import VIEWS
from tests.support.migrated import migrate
from tests.support.postgres import fresh_schema

TOPIC = "loyalty.points.v1"
BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.integration)]
"""The databases a suite runs on."""


async def fresh_views(request: pytest.FixtureRequest, directory: Path) -> AsyncEngine:
    """Empty views on the database that the fixture's parameter names."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite+aiosqlite:///{directory / 'views.sqlite'}")
    else:
        engine = open_engine(request.getfixturevalue("postgres"), schema=fresh_schema())
    await migrate(engine, "views")
    return engine


async def fill(engine: AsyncEngine, batch: list[Logged], *, size: int = 1_000_000) -> Store:
    """Apply events of partition 0 in batches of `size`, from offset 0 on."""
    store = Store(engine, TOPIC, lambda: 7)
    await store.open_positions([0])
    for start in range(0, len(batch), size):
        part = batch[start : start + size]
        await store.apply(part, {0: Move(start, start + len(part))})
    return store


async def digests(engine: AsyncEngine) -> dict[str, Any]:
    async with engine.connect() as connection:
        return dict(await digest_views(connection))


async def count_rows(engine: AsyncEngine) -> dict[str, int]:
    return {name: each.rows for name, each in (await digests(engine)).items()}


EMPTY = {table.name: 0 for table in VIEWS}
STORY = {
    **EMPTY,
    "balances": 1,
    "entries": 21,
    "lots": 4,
    "rewards": 3,
    "flows": 8,
    "day_flows": 10,
}
"""How many rows the story of `support.points` makes."""
