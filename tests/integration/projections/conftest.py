"""Where the views of a test live: on SQLite, or in a PostgreSQL database of their own."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from projections.database import open_engine
from tests.support.postgres import running_postgres


@pytest.fixture(scope="package")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_postgres(tmp_path_factory.mktemp("pg")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def views_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'views.sqlite'}"
    server = request.getfixturevalue("postgres")
    name = f"v{uuid.uuid4().hex[:10]}"
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    await engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
async def views(views_url: str) -> AsyncIterator[AsyncEngine]:
    """For looking into them."""
    engine = open_engine(views_url)
    yield engine
    await engine.dispose()
