"""Sessions end by themselves, and what is stored opens nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncEngine

from projections.access.database import access, open_access
from projections.access.people import People, PeopleRefused
from projections.access.sessions import IDLE_SECONDS, LIFE_SECONDS, Sessions
from projections.access.tables import people, sessions
from tests.support.migrated import migrate
from tests.support.service import QUICK, Watch


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    opened = open_access(f"sqlite+aiosqlite:///{tmp_path / 'access.sqlite'}")
    await migrate(opened, "access")
    yield opened
    await opened.dispose()


@pytest.fixture
def watch() -> Watch:
    return Watch()


async def stored(engine: AsyncEngine, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
    async with access(engine) as connection:
        return list(await connection.execute(sa.select(table)))


async def test_a_session_ends_when_it_is_not_used(engine: AsyncEngine, watch: Watch) -> None:
    kept = Sessions(engine, watch)
    await People(engine, watch, QUICK).add("ada", "admin")
    token = await kept.begin("ada")
    for _ in range(3):
        watch.now += IDLE_SECONDS - 1
        assert await kept.find(token) is not None
    watch.now += IDLE_SECONDS
    assert await kept.find(token) is None


async def test_a_session_ends_after_its_life_however_much_it_is_used(
    engine: AsyncEngine, watch: Watch
) -> None:
    kept = Sessions(engine, watch)
    await People(engine, watch, QUICK).add("ada", "admin")
    token = await kept.begin("ada")
    for _ in range(LIFE_SECONDS // 3600 - 1):
        watch.now += 3600
        assert await kept.find(token) is not None
    watch.now += 3600
    assert await kept.find(token) is None


async def test_sessions_that_are_over_are_forgotten(engine: AsyncEngine, watch: Watch) -> None:
    kept = Sessions(engine, watch)
    await People(engine, watch, QUICK).add("ada", "admin")
    await kept.begin("ada")
    watch.now += LIFE_SECONDS
    await kept.begin("ada")
    assert len(await stored(engine, sessions)) == 1


async def test_neither_passwords_nor_cookies_are_stored(engine: AsyncEngine, watch: Watch) -> None:
    once = await People(engine, watch, QUICK).add("ada", "admin")
    token = await Sessions(engine, watch).begin("ada")
    rows = repr([*await stored(engine, people), *await stored(engine, sessions)])
    assert once not in rows
    assert token not in rows
    assert "$argon2id$" in rows


async def test_a_hash_of_weaker_settings_is_made_anew_at_the_next_sign_in(
    engine: AsyncEngine, watch: Watch
) -> None:
    once = await People(engine, watch, QUICK).add("ada", "admin")
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    token = await Sessions(engine, watch).begin("ada")
    assert await People(engine, watch, stronger).check("ada", once) is not None
    assert "m=16,t=2" in str((await stored(engine, people))[0].password)
    assert await Sessions(engine, watch).find(token) is not None


@pytest.mark.parametrize("name", ["", "Ada", "ada lovelace", "<b>", "a" * 81, "../etc"])
async def test_a_name_is_plain(engine: AsyncEngine, watch: Watch, name: str) -> None:
    with pytest.raises(PeopleRefused, match="no name for a person"):
        await People(engine, watch, QUICK).add(name, "viewer")


async def test_nobody_is_added_twice_and_nobody_unknown_is_changed(
    engine: AsyncEngine, watch: Watch
) -> None:
    there = People(engine, watch, QUICK)
    await there.add("ada", "admin")
    with pytest.raises(PeopleRefused, match="already"):
        await there.add("ada", "viewer")
    for act in (there.renew, there.disable, there.enable):
        with pytest.raises(PeopleRefused, match="no person"):
            await act("eve")
    assert [(each.name, each.role) for each in await there.everyone()] == [("ada", "admin")]
