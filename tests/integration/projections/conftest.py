"""Where the views of a test live: on SQLite, or in a PostgreSQL database of their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from projections.database import open_engine
from tests.support.postgres import fresh_database


@pytest.fixture(params=["sqlite", "postgres"])
async def views_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'views.sqlite'}"
    return await fresh_database(request.getfixturevalue("postgres"))


@pytest.fixture
async def views(views_url: str) -> AsyncIterator[AsyncEngine]:
    """For looking into them."""
    engine = open_engine(views_url)
    yield engine
    await engine.dispose()
