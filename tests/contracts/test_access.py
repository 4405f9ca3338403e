"""One suite for the access database on SQLite and on PostgreSQL, as its own migration makes it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from projections.access.database import AccessUnavailable, access, open_access
from projections.access.decisions import Decision, list_decisions, record_decision
from projections.access.keys import (
    UnknownKey,
    create_key,
    digest_of,
    find_key,
    list_keys,
    note_use,
    revoke_key,
    split_key,
)
from projections.access.requests import Asked, remember
from projections.access.tables import metadata
from tests.support.migrated import migrate
from tests.support.postgres import fresh_schema


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.integration)])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    if request.param == "sqlite":
        opened = open_access(f"sqlite+aiosqlite:///{tmp_path / 'access.sqlite'}")
    else:
        opened = open_access(request.getfixturevalue("postgres"), schema=fresh_schema())
    await migrate(opened, "access")
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


async def test_a_key_is_shown_once_and_kept_as_a_digest(engine: AsyncEngine) -> None:
    async with access(engine) as connection:
        key, text = await create_key(
            connection, site="acme", name="shop", scopes=["read", "events:write"], now=7
        )
    parts = split_key(text)
    assert parts is not None
    assert parts[0] == key.key_id
    async with access(engine) as connection:
        kept = await find_key(connection, key.key_id)
        assert await list_keys(connection) == [key]
        assert await find_key(connection, "nobody00") is None
    assert kept is not None
    assert kept.key == key
    assert kept.matches(parts[1])
    assert not kept.matches(parts[1][:-1] + "!")
    assert kept.digest == digest_of(parts[1])
    assert key.allows("read")
    assert not key.allows("adjustments:write")


async def test_a_revoked_key_stays_revoked_since_then(engine: AsyncEngine) -> None:
    async with access(engine) as connection:
        key, _ = await create_key(
            connection, site="*", name="", scopes=["admin"], now=7, expires_at=100
        )
    async with access(engine) as connection:
        await note_use(connection, key.key_id, 9)
        assert (await revoke_key(connection, key.key_id, 10)).revoked_at == 10
        assert (await revoke_key(connection, key.key_id, 20)).revoked_at == 10
        [found] = await list_keys(connection)
        assert (found.last_used_at, found.complaint(50)) == (9, "revoked")
        with pytest.raises(UnknownKey, match="nobody00"):
            await revoke_key(connection, "nobody00", 10)
    assert key.complaint(99) is None
    assert key.complaint(100) == "expired"
    assert key.allows("erasure:write")


@pytest.mark.parametrize(
    "text", ["", "hc", "hc_short_x", "hc_" + "a" * 8, "xx_" + "a" * 8 + "_" + "b" * 32, "hc__"]
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert split_key(text) is None


async def test_a_request_is_remembered_by_what_it_asked_for(engine: AsyncEngine) -> None:
    asked = Asked(
        site="acme", kind="adjustment", request_id="g", digest=b"1" * 32, fact="f", accepted_at=1
    )
    for request, first in (
        (asked, True),
        (asked, True),
        (replace(asked, digest=b"2" * 32), False),
        (replace(asked, digest=b"2" * 32, kind="redemption"), True),
        (replace(asked, digest=b"2" * 32, site="other"), True),
        (replace(asked, digest=b"2" * 32, request_id="h"), True),
    ):
        async with access(engine) as connection:
            assert await remember(connection, request) is first


async def test_of_two_different_requests_at_once_one_is_taken(engine: AsyncEngine) -> None:
    async def ask(number: int) -> bool:
        digest = bytes([number]) * 32
        asked = Asked(
            site="acme", kind="event", request_id="e", digest=digest, fact="f", accepted_at=1
        )
        async with access(engine) as connection:
            return await remember(connection, asked)

    assert sorted(await asyncio.gather(*map(ask, range(6)))) == [False] * 5 + [True]


async def test_a_database_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    empty = open_access(f"sqlite+aiosqlite:///{tmp_path / 'access.sqlite'}")
    with pytest.raises(AccessUnavailable, match="cannot be used"):
        async with access(empty) as connection:
            await list_decisions(connection, limit=1)
    await empty.dispose()
