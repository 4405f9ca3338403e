"""One suite for what the service reads of the views, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from projections.account_reader import open_account_reader
from projections.accounts import (
    EntryFilter,
    entries_of_fact,
    filter_entries,
    find_account,
    find_entry,
    lots_open_at,
    page_rewards,
)
from projections.bulk import bulk_for
from projections.database import is_sqlite
from projections.errors import ViewsUnavailable
from projections.liability import deficit_of, flows_of, pending_of
from projections.rows import StateRow
from projections.search import search
from projections.tables import balances, lots, metadata, states
from tests.support.points import DAY, NOON, history, logged, story
from tests.support.views import BOTH, fill, fresh_views
from tests.support.year import SITE

HER = (SITE, "c1")


@pytest.fixture(params=BOTH)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    opened = await fresh_views(request, tmp_path)
    yield opened
    await opened.dispose()


async def test_an_account_comes_with_its_state_in_one_answer(engine: AsyncEngine) -> None:
    await fill(engine, logged(story()))
    async with engine.connect() as connection:
        before = await find_account(connection, *HER)
        assert await find_account(connection, SITE, "c") is None
        assert await find_account(connection, "other", "c1") is None
    async with engine.begin() as connection:
        row = StateRow(*HER, 0, 7, b"\x00\xffstate")
        for _ in range(2):
            await bulk_for(engine.dialect.name).write(connection, states, [row], replace=True)
    async with engine.connect() as connection:
        after = await find_account(connection, *HER)
    # What apps ask for goes past SQLAlchemy, and says the same.
    schema = "" if is_sqlite(engine) else await schema_of(engine)
    reader = open_account_reader(engine, schema=schema)
    assert await reader.read(*HER) == after
    assert await reader.read(SITE, "c") is None
    await reader.close()
    assert before is not None
    assert after is not None
    assert (before.state, after.state) == (None, b"\x00\xffstate")
    assert before.row == after.row
    assert after.row.sequence == 21


async def schema_of(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        return str(await connection.scalar(text("SHOW search_path"))).strip('"')


async def test_views_that_are_not_there_are_said_to_be(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
    schema = "" if is_sqlite(engine) else await schema_of(engine)
    reader = open_account_reader(engine, schema=schema)
    with pytest.raises(ViewsUnavailable):
        await reader.read(*HER)
    await reader.close()


async def test_entries_are_filtered_and_paged(engine: AsyncEngine) -> None:
    await fill(engine, logged(story()))

    async def sequences(limit: int = 100, before: int | None = None, **wanted: object) -> list[int]:
        chosen = EntryFilter(**wanted)  # type: ignore[arg-type]
        async with engine.connect() as connection:
            rows = await filter_entries(
                connection, *HER, chosen, limit=limit, before_sequence=before
            )
        return [row.sequence for row in rows]

    assert await sequences() == list(range(21, 0, -1))
    assert await sequences(limit=3, before=10) == [9, 8, 7]
    assert await sequences(type="PointsAdjusted") == [11, 10]
    assert await sequences(rule="pay") == [2, 1]
    assert await sequences(from_at=NOON + 3 * DAY, to_at=NOON + 5 * DAY) == [4, 3]
    assert await sequences(type="PointsAdjusted", from_at=NOON + 11 * DAY) == [11]


async def test_one_entry_and_all_of_a_fact_are_found(engine: AsyncEngine) -> None:
    await fill(engine, logged(story()))
    async with engine.connect() as connection:
        found = await find_entry(connection, *HER, 9)
        assert found is not None
        assert (found.sequence, found.type) == (9, "PointsReversed")
        assert await find_entry(connection, *HER, 99) is None
        [entry] = await entries_of_fact(connection, *HER, "payment:t9:i")
        assert entry.sequence == 9
        assert await entries_of_fact(connection, SITE, "c2", "payment:t9:i") == []


async def test_lots_that_time_has_ended_are_left_out(engine: AsyncEngine) -> None:
    await fill(engine, logged(history(1, 30)))
    async with engine.connect() as connection:
        customers = (await connection.scalars(select(balances.c.customer))).all()
        far = NOON + 5_000 * DAY
        for customer in customers:
            all_open = await lots_open_at(connection, SITE, customer, 0)
            assert all(lot.remaining > 0 for lot in all_open)
            for at in (NOON + 100 * DAY, NOON + 300 * DAY, far):
                left = await lots_open_at(connection, SITE, customer, at)
                assert left == [
                    lot
                    for lot in all_open
                    if (lot.expires_at is None or lot.expires_at > at)
                    and not (lot.waits and lot.available_at <= at)
                ]


async def test_rewards_are_paged_newest_first(engine: AsyncEngine) -> None:
    await fill(engine, logged(story()))
    async with engine.connect() as connection:
        first = await page_rewards(connection, *HER, limit=2)
        rest = await page_rewards(connection, *HER, limit=2, before_sequence=first[-1].sequence)
    assert [row.sequence for row in first + rest] == [15, 13, 4]


async def test_flows_add_up_to_what_lots_hold_and_balances_tell(engine: AsyncEngine) -> None:
    """In many batches, so that sums are added to and not replaced."""
    await fill(engine, logged(history(1, 30)), size=37)
    async with engine.connect() as connection:
        flows = await flows_of(connection, SITE)
        by_program = select(lots.c.program, func.sum(lots.c.remaining)).group_by(lots.c.program)
        held = {row[0]: int(row[1]) for row in await connection.execute(by_program)}
        owed = await deficit_of(connection, SITE)
        told = await connection.scalar(
            select(func.sum(balances.c.balance + balances.c.pending + balances.c.deficit))
        )
        assert await flows_of(connection, "other") == []
        assert await deficit_of(connection, "other") == 0
    flowed: dict[str, int] = {}
    for flow in flows:
        flowed[flow.program] = flowed.get(flow.program, 0) + flow.points
    assert flowed == held
    assert sum(flowed.values()) == int(told or 0)
    assert owed >= 0
    assert {flow.kind for flow in flows} >= {"earned", "redeemed"}


async def test_pending_is_what_lies_in_the_future(engine: AsyncEngine) -> None:
    batch = logged(history(1, 30))
    middle = batch[len(batch) // 2]
    await fill(engine, batch[: len(batch) // 2])
    at = middle.event.occurred_at
    async with engine.connect() as connection:
        rows = (await connection.execute(select(lots))).all()
        pending = await pending_of(connection, SITE, at)
    expected: dict[str, int] = {}
    for row in rows:
        if row.remaining > 0 and row.available_at > at:
            expected[row.program] = expected.get(row.program, 0) + row.remaining
    assert pending == expected
    assert sum(pending.values()) > 0


async def test_deficits_are_summed(engine: AsyncEngine) -> None:
    await fill(engine, logged(story()[:9]))
    async with engine.connect() as connection:
        assert await deficit_of(connection, SITE) == 20


async def test_things_are_found_by_what_is_in_hand(engine: AsyncEngine) -> None:
    await fill(engine, logged(story()))
    async with engine.connect() as connection:

        async def found(text: str) -> tuple[list[str], list[str], list[int]]:
            result = await search(connection, SITE, text, limit=20)
            return (
                [row.customer for row in result.customers],
                [row.reward for row in result.rewards],
                [row.sequence for row in result.entries],
            )

        assert await found("c1") == (["c1"], [], [])
        assert await found("c") == (["c1"], [], [])
        assert await found("C1") == ([], [], [])
        assert await found("c%") == ([], [], [])
        assert await found("_1") == ([], [], [])
        assert await found(f"{SITE}:c1:five-off:2") == ([], ["five-off"], [])
        assert await found("payment:t9:i") == ([], [], [9])
        assert await found("t9") == ([], [], [9])
        assert await found("t") == ([], [], [])
        elsewhere = await search(connection, "other", "t9", limit=20)
        assert elsewhere.entries == []
