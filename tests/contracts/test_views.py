"""One suite for the views on SQLite and on PostgreSQL, as their own migration makes them."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.migrations.runner import upgrade
from projections.beside import open_beside
from projections.compare import RowDifference
from projections.database import explained, open_engine
from projections.errors import AnotherWriter, SequenceGap, ViewsUnavailable
from projections.lease import hold_lease
from projections.queries import (
    count_by_type,
    count_rewards,
    count_tiers,
    find_balances,
    latency_ms,
    open_lots,
    page_entries,
    rewards_of,
)
from projections.store import Move, Positions, Store, read_positions
from projections.tables import (
    balances,
    day_flows,
    entries,
    flows,
    lots,
    metadata,
    positions,
    rewards,
)
from tests.support.points import DAY, NOON, changed, earned, history, logged, story
from tests.support.views import BOTH, EMPTY, STORY, TOPIC, count_rows, digests, fill, fresh_views
from tests.support.waiting import eventually
from tests.support.year import SITE


@pytest.fixture(params=BOTH)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    opened = await fresh_views(request, tmp_path)
    yield opened
    await opened.dispose()


async def positions_in(engine: AsyncEngine) -> dict[int, int]:
    async with engine.connect() as connection:
        return await read_positions(connection, TOPIC)


async def test_the_migrations_make_the_tables_of_the_code(engine: AsyncEngine) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, _parents: (
                    (name, kind) != ("alembic_version", "table")
                )
            },
        )
        return list(compare_metadata(context, metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_migration_run_again_changes_nothing(engine: AsyncEngine) -> None:
    await fill(engine, logged(story()))
    before = await digests(engine)
    await upgrade(engine, "views")
    assert await digests(engine) == before


async def test_rows_and_position_arrive_together(engine: AsyncEngine) -> None:
    await fill(engine, logged(story()))
    assert await count_rows(engine) == STORY
    assert await positions_in(engine) == {0: 21}


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_batches_of_any_size_give_the_same_rows(engine: AsyncEngine, size: int) -> None:
    events = logged(history(5, 8))
    await fill(engine, events, size=size)
    async with engine.connect() as connection:
        found = {row.customer: row for row in (await connection.execute(select(balances))).all()}
        told = await page_entries(connection, SITE, events[-1].event.customer, limit=1)
    assert told[0].event == events[-1].text
    for last in {each.event.customer: each.event for each in events}.values():
        row = found[last.customer]
        assert (row.balance, row.pending, row.lifetime, row.deficit, row.sequence) == (
            (last.balance, last.pending, last.lifetime, last.deficit, last.sequence)
        )


async def test_a_batch_of_repeats_moves_the_position_and_no_row(engine: AsyncEngine) -> None:
    store = await fill(engine, logged(story()))
    before = await digests(engine)
    again = logged(story(), start=21)
    fresh = await store.apply(again, {0: Move(21, 42)})
    assert fresh == 0
    assert await digests(engine) == before
    assert await positions_in(engine) == {0: 42}


async def test_a_batch_without_records_still_moves_past_markers(engine: AsyncEngine) -> None:
    store = await fill(engine, [])
    await store.apply([], {0: Move(0, 3)})
    assert await positions_in(engine) == {0: 3}


async def test_a_second_writer_writes_nothing_at_all(engine: AsyncEngine) -> None:
    first = await fill(engine, logged(story()[:4]))
    second = Store(engine, TOPIC, lambda: 7)
    moved = await second.open_positions([0])
    await first.apply(logged(story()[4:8], start=4), {0: Move(4, 8)})
    before = await digests(engine)
    with pytest.raises(AnotherWriter, match=r"partition 0 of .* is no longer at offset 4"):
        await second.apply(logged(story()[4:9], start=4), {0: Move(moved[0], 9)})
    assert await digests(engine) == before
    assert await positions_in(engine) == {0: 8}


async def test_of_two_writers_at_once_exactly_one_succeeds(engine: AsyncEngine) -> None:
    store, other = await fill(engine, []), Store(engine, TOPIC, lambda: 7)
    batch = logged(story())
    results = await asyncio.gather(
        store.apply(batch, {0: Move(0, 21)}),
        other.apply(batch, {0: Move(0, 21)}),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in results) == ["AnotherWriter", "int"]
    assert await count_rows(engine) == STORY


async def test_a_gap_leaves_rows_and_position_as_they_were(engine: AsyncEngine) -> None:
    store = await fill(engine, [])
    broken = logged([*story()[:5], *story()[6:]])
    with pytest.raises(SequenceGap):
        await store.apply(broken, {0: Move(0, 17)})
    assert await count_rows(engine) == EMPTY
    assert await positions_in(engine) == {0: 0}


async def test_known_positions_survive_a_restart_and_new_partitions_begin_at_0(
    engine: AsyncEngine,
) -> None:
    await fill(engine, logged(story()))
    assert await Store(engine, TOPIC, lambda: 7).open_positions([0, 1]) == {0: 21, 1: 0}


async def test_digests_do_not_depend_on_the_order_in_which_rows_were_written(
    engine: AsyncEngine,
) -> None:
    await fill(engine, logged(history(5, 8)))
    before = await digests(engine)
    async with engine.begin() as connection:
        rows = [dict(row) for row in (await connection.execute(select(entries))).mappings()]
        await connection.execute(delete(entries))
        await connection.execute(insert(entries), rows[::-1])
    assert await digests(engine) == before


async def test_a_digest_sees_one_figure_and_not_when_a_row_was_projected(
    engine: AsyncEngine,
) -> None:
    await fill(engine, logged(story()))
    before = await digests(engine)
    async with engine.begin() as connection:
        await connection.execute(update(entries).values(projected_at_ms=99))
    assert await digests(engine) == before
    async with engine.begin() as connection:
        one = entries.c.sequence == 3
        await connection.execute(update(entries).where(one).values(lifetime=231))
    after = await digests(engine)
    assert {name for name in after if after[name] != before[name]} == {"entries"}


async def test_open_lots_come_in_the_order_they_are_spent(engine: AsyncEngine) -> None:
    lots = [
        earned(1, 5, (5, 0, 5, 0), expires_at=None),
        earned(2, 5, (10, 0, 10, 0), expires_at=NOON + 90 * DAY),
        earned(3, 5, (15, 0, 15, 0), expires_at=NOON + 60 * DAY),
        earned(4, 5, (20, 0, 20, 0), expires_at=NOON + 60 * DAY),
        earned(5, 5, (25, 0, 25, 0), expires_at=None, promotional=True),
    ]
    await fill(engine, logged(lots))
    async with engine.connect() as connection:
        found = await open_lots(connection, SITE, "c1")
    assert [lot.lot for lot in found] == ["5", "3", "4", "2", "1"]


async def test_pages_of_entries_join_without_overlap(engine: AsyncEngine) -> None:
    await fill(engine, logged(story()))
    async with engine.connect() as connection:
        newest = await page_entries(connection, SITE, "c1", limit=11)
        older = await page_entries(
            connection, SITE, "c1", limit=11, before_sequence=newest[-1].sequence
        )
    assert [entry.sequence for entry in newest + older] == list(range(21, 0, -1))


async def test_counts_add_up_to_the_balances(engine: AsyncEngine) -> None:
    await fill(engine, logged(history(5, 8)))
    async with engine.connect() as connection:
        by_type = await count_by_type(connection)
        tiers = await count_tiers(connection)
        states = await count_rewards(connection)
        whole = (await connection.execute(select(balances.c.balance, balances.c.pending))).all()
    assert sum(points for _, points in by_type.values()) == sum(sum(row) for row in whole)
    assert sum(count for count, _ in by_type.values()) == len(history(5, 8))
    assert sum(tiers.values()) == len(whole)
    assert sum(states.values()) == by_type["RewardEarned"][0]


async def test_latency_is_from_the_record_to_the_row(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert await latency_ms(connection, 0.5) is None
    await fill(engine, logged(story()))
    async with engine.connect() as connection:
        latest = await latency_ms(connection, 1.0)
        first = await latency_ms(connection, 0.0)
    assert latest == 7 - (NOON + 1 * DAY) * 1000
    assert first == 7 - (NOON + 21 * DAY) * 1000


async def test_a_customer_is_found_on_every_site_or_on_one(engine: AsyncEngine) -> None:
    elsewhere = changed(earned(1, 9, (9, 0, 9, 0)), site="other")
    await fill(engine, logged([*story()[:1], elsewhere]))
    async with engine.connect() as connection:
        both = await find_balances(connection, "c1")
        one = await find_balances(connection, "c1", "other")
        given = await rewards_of(connection, SITE, "c1")
    assert [row.site for row in both] == [SITE, "other"]
    assert [row.balance for row in one] == [9]
    assert given == []


async def test_a_second_holder_stands_by_and_takes_over(engine: AsyncEngine) -> None:
    standing_by, taken_over = asyncio.Event(), asyncio.Event()

    async def second() -> None:
        async with hold_lease(engine, "projector", standing_by=standing_by.set):
            taken_over.set()

    async with hold_lease(engine, "projector", standing_by=None):
        waiting = asyncio.create_task(second())
        await eventually(standing_by.is_set)
        assert not taken_over.is_set()
    await eventually(taken_over.is_set)
    await waiting


async def test_who_may_not_wait_is_told_to_stop_the_projector_first(engine: AsyncEngine) -> None:
    async with hold_lease(engine, "projector", standing_by=None):
        with pytest.raises(AnotherWriter, match="Stop it first"):
            async with hold_lease(engine, "projector", standing_by=None):
                pytest.fail("two hold the lease")


async def test_leases_of_different_views_do_not_meet(
    engine: AsyncEngine, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'other' / 'views.sqlite'}")
    if engine.dialect.name == "postgresql":
        other = open_engine(request.getfixturevalue("postgres"), schema="elsewhere")
    async with (
        hold_lease(engine, "projector", standing_by=None),
        hold_lease(other, "projector", standing_by=None),
    ):
        pass
    await other.dispose()


async def test_views_built_beside_are_identical_and_gone_afterwards(engine: AsyncEngine) -> None:
    batch = logged(history(5, 8))
    await fill(engine, batch, size=50)
    async with open_beside(engine) as beside:
        await upgrade(beside.engine, "views")
        await fill(beside.engine, batch)
        compared = await beside.compare()
    assert all(table.is_identical for table in compared)
    assert [table.table for table in compared] == [*EMPTY, "positions"]
    async with open_beside(engine) as again:
        await upgrade(again.engine, "views")
        assert await count_rows(again.engine) == EMPTY


async def test_a_rebuild_leaves_alone_what_was_read_of_other_logs(engine: AsyncEngine) -> None:
    batch = logged(history(5, 8))
    await fill(engine, batch)
    accounts = Positions(engine, "loyalty.accounts.v1", "states.v1")
    await accounts.open([0, 1])
    async with engine.begin() as connection:
        await accounts.move(connection, {1: Move(0, 77)})
    async with open_beside(engine) as beside:
        await upgrade(beside.engine, "views")
        await fill(beside.engine, batch)
        assert all(table.is_identical for table in await beside.compare())
        await beside.put_in_place()
    assert await accounts.open([0, 1]) == {0: 0, 1: 77}
    assert await positions_in(engine) == {0: len(batch)}


async def test_tampered_rows_are_named_and_put_right(engine: AsyncEngine) -> None:
    batch = logged(story())
    await fill(engine, batch)
    before = await digests(engine)
    async with engine.begin() as connection:
        await connection.execute(update(entries).values(projected_at_ms=55))
        await connection.execute(update(balances).values(balance=9_999, tier="golden-barrel"))
        await connection.execute(delete(entries).where(entries.c.sequence.in_([4, 17])))
        spare = rewards.c.reward_id == f"{SITE}:c1:five-off:1"
        await connection.execute(update(rewards).where(spare).values(reward_id="zz"))
    async with open_beside(engine) as beside:
        await upgrade(beside.engine, "views")
        await fill(beside.engine, batch)
        compared = {table.table: table for table in await beside.compare()}
        await beside.put_in_place()
    assert compared["balances"].first_differences == [
        RowDifference({"site": SITE, "customer": "c1"}, "changed", ["balance", "tier"])
    ]
    assert [(each.key["sequence"], each.how) for each in compared["entries"].first_differences] == [
        (4, "missing"),
        (17, "missing"),
    ]
    assert [(each.key, each.how) for each in compared["rewards"].first_differences] == [
        ({"reward_id": f"{SITE}:c1:five-off:1"}, "missing"),
        ({"reward_id": "zz"}, "surplus"),
    ]
    assert compared["lots"].is_identical
    assert compared["positions"].is_identical
    assert await digests(engine) == before
    async with engine.connect() as connection:
        times = {row[0]: row[1] for row in await connection.execute(
            select(entries.c.sequence, entries.c.projected_at_ms)
        )}  # fmt: skip
    assert {times.pop(sequence) for sequence in (4, 17)} == {7}
    assert set(times.values()) == {55}, "when rows became readable is kept"


async def test_only_the_first_differing_keys_are_named(engine: AsyncEngine) -> None:
    batch = logged(story())
    await fill(engine, batch)
    async with engine.begin() as connection:
        await connection.execute(delete(entries))
    async with open_beside(engine) as beside:
        await upgrade(beside.engine, "views")
        await fill(beside.engine, batch)
        compared = {table.table: table for table in await beside.compare()}
    found = compared["entries"].first_differences
    assert [each.key["sequence"] for each in found] == [1, 2, 3, 4, 5]
    assert (compared["entries"].live.rows, compared["entries"].rebuilt.rows) == (0, 21)


async def test_a_replacement_that_fails_leaves_the_live_views_untouched(
    engine: AsyncEngine,
) -> None:
    await fill(engine, logged(story()))
    before = await digests(engine)
    async with open_beside(engine) as beside:
        await upgrade(beside.engine, "views")
        await fill(beside.engine, logged(story()[:5]))
        async with beside.engine.begin() as connection:
            await connection.run_sync(positions.drop)
        with pytest.raises(ViewsUnavailable):
            await beside.put_in_place()
    assert await digests(engine) == before
    assert await positions_in(engine) == {0: 21}


async def test_what_a_crash_left_beside_is_removed(engine: AsyncEngine) -> None:
    await fill(engine, logged(story()))
    left = open_beside(engine)
    beside = await left.__aenter__()
    await upgrade(beside.engine, "views")
    await fill(beside.engine, logged(story()[:5]))
    async with open_beside(engine) as fresh:
        await upgrade(fresh.engine, "views")
        assert await count_rows(fresh.engine) == EMPTY
    await left.__aexit__(None, None, None)


async def test_a_reader_cannot_write_and_makes_no_file(tmp_path: Path) -> None:
    missing = tmp_path / "none.sqlite"
    reader = open_engine(f"sqlite+aiosqlite:///{missing}", read_only=True)
    with pytest.raises(ViewsUnavailable, match="cactus projector"), explained(reader):
        await digests(reader)
    await reader.dispose()
    assert not missing.exists()


async def test_views_that_cannot_be_written_are_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "views.sqlite"
    writer = open_engine(f"sqlite+aiosqlite:///{path}")
    await upgrade(writer, "views")
    await writer.dispose()
    stuck = open_engine(f"sqlite+aiosqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(ViewsUnavailable, match="read-only: give this user the right") as caught:
        await Store(stuck, TOPIC, lambda: 7).open_positions([0])
    await stuck.dispose()
    assert f"The views in {path} cannot be used" in str(caught.value)


def test_a_file_that_cannot_be_opened_leaves_no_thread_to_complain_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaints: list[object] = []
    monkeypatch.setattr(threading, "excepthook", complaints.append)

    async def read() -> None:
        engine = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'none.sqlite'}", read_only=True)
        with pytest.raises(ViewsUnavailable), explained(engine):
            await digests(engine)
        await engine.dispose()

    for _ in range(20):
        asyncio.run(read())
    assert complaints == []


async def test_a_file_that_is_no_database_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "views.sqlite"
    path.write_text("a shopping list: bread, milk, and a cactus" * 50)
    engine = open_engine(f"sqlite+aiosqlite:///{path}")
    with pytest.raises(ViewsUnavailable, match="move it away"):
        await Store(engine, TOPIC, lambda: 7).open_positions([0])
    await engine.dispose()


async def test_views_never_made_are_said_to_be_missing(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'views.sqlite'}")
    with pytest.raises(ViewsUnavailable, match="start `cactus projector` once"):
        await Store(engine, TOPIC, lambda: 7).open_positions([0])
    await engine.dispose()


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/name", ""])
def test_a_url_that_cannot_be_right_is_refused_with_examples(url: str) -> None:
    with pytest.raises(ViewsUnavailable, match=r"write sqlite\+aiosqlite:///path or postgresql"):
        open_engine(url)


async def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    engine = open_engine("postgresql+asyncpg://ada:secret@127.0.0.1:1/views")
    with pytest.raises(ViewsUnavailable, match="PostgreSQL does not answer") as caught:
        await Store(engine, TOPIC, lambda: 7).open_positions([0])
    await engine.dispose()
    assert "secret" not in str(caught.value)


async def test_an_erased_account_leaves_figures_and_no_free_text(engine: AsyncEngine) -> None:
    told, other = story(), changed(earned(1, 9, (9, 0, 9, 0)), customer="c2")
    await fill(engine, logged([*told[:20], other]))
    async with engine.connect() as connection:
        before = await page_entries(connection, SITE, "c1", limit=100)
        others = await page_entries(connection, SITE, "c2", limit=100)
    store = Store(engine, TOPIC, lambda: 7)
    await store.apply(logged(told[20:], start=21), {0: Move(21, 22)})
    async with engine.connect() as connection:
        after = await page_entries(connection, SITE, "c1", limit=100)
        assert await page_entries(connection, SITE, "c2", limit=100) == others
        given = await rewards_of(connection, SITE, "c1")
    texts = "".join(each.event for each in after)
    assert not any(text in texts for text in ("ada", "goodwill", "typo", "No rule", "pc_7"))
    figures = ("type", "fact", "points", "balance", "pending", "lifetime", "deficit", "rule")
    kept = [[getattr(each, name) for name in figures] for each in after[1:]]
    assert kept == [[getattr(each, name) for name in figures] for each in before]
    assert {(each.reference, each.reason) for each in given} == {("", "")}


async def test_what_an_account_forgets_does_not_depend_on_batches(engine: AsyncEngine) -> None:
    more = [*story(), changed(story()[16], sequence=22)]
    await fill(engine, logged(more))
    at_once = await digests(engine)
    async with engine.begin() as connection:
        for table in (balances, entries, lots, rewards, positions, flows, day_flows):
            await connection.execute(delete(table))
    await fill(engine, logged(more), size=1)
    assert await digests(engine) == at_once
