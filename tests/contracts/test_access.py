"""One suite for the access database on SQLite and on PostgreSQL, as its own migration makes it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.migrations.runner import upgrade
from projections.access.database import AccessUnavailable, access, open_access
from projections.access.decisions import Decision, list_decisions, record_decision
from projections.access.tables import metadata
from tests.support.postgres import fresh_schema


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.integration)])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    if request.param == "sqlite":
        opened = open_access(f"sqlite+aiosqlite:///{tmp_path / 'access.sqlite'}")
    else:
        opened = open_access(request.getfixturevalue("postgres"), schema=fresh_schema())
    await upgrade(opened, "access")
    yield opened
    await opened.dispose()


async def test_the_migration_makes_the_tables_of_the_code(engine: AsyncEngine) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, _: (name, kind) != ("alembic_version", "table")
            },
        )
        return list(compare_metadata(context, metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_decisions_are_kept_newest_first_and_by_subject(engine: AsyncEngine) -> None:
    first = Decision(at=1, by="ann", kind="replay", subject="dlq:0:7", reason="fixed")
    second = Decision(at=2, by="bob", kind="erase", subject="acme:c1", reason="asked", detail="{}")
    async with access(engine) as connection:
        await record_decision(connection, first)
        await record_decision(connection, second)
    async with access(engine) as connection:
        assert await list_decisions(connection, limit=9) == [second, first]
        assert await list_decisions(connection, limit=9, subject="dlq:0:7") == [first]


async def test_a_database_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    empty = open_access(f"sqlite+aiosqlite:///{tmp_path / 'access.sqlite'}")
    with pytest.raises(AccessUnavailable, match="cannot be used"):
        async with access(empty) as connection:
            await list_decisions(connection, limit=1)
    await empty.dispose()
