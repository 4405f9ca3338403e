"""What the console asks of the views: the same on both databases, and by an index."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from projections.console_queries import (
    flow_by_day,
    flow_by_month,
    page_chain,
    programs_that_flow,
    search_accounts,
)
from projections.search import search
from tests.support.points import earned, logged, story
from tests.support.views import BOTH, fill, fresh_views
from tests.support.year import SITE

PREFIXED = ["c1", "c1%", "c10", "c_2", "C1", "d"]


@pytest.fixture(params=BOTH)
async def views(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = await fresh_views(request, tmp_path)
    others = [earned(1, 5, (5, 0, 5, 0), customer=name) for name in PREFIXED if name != "c1"]
    await fill(engine, logged([*story(), *others]))
    yield engine
    await engine.dispose()


async def test_customers_are_paged_by_how_their_ids_begin(views: AsyncEngine) -> None:
    async with views.connect() as connection:
        found = await search_accounts(connection, SITE, "c1", limit=9)
        assert {each.customer for each in found} == {"c1", "c10", "c1%"}
        odd = await search_accounts(connection, SITE, "c1%", limit=9)
        assert [each.customer for each in odd] == ["c1%"]
        first = await search_accounts(connection, SITE, "", limit=4)
        rest = await search_accounts(connection, SITE, "", limit=4, after=first[-1].customer)
        names = [each.customer for each in (*first, *rest)]
        assert sorted(names) == sorted(PREFIXED)
        assert await search_accounts(connection, "another", "", limit=4) == []


async def test_a_timeline_is_narrowed_to_a_kind(views: AsyncEngine) -> None:
    async with views.connect() as connection:
        rewards = await page_chain(connection, SITE, "c1", kind="rewards", limit=99, before=None)
        assert {each.type for each in rewards} == {
            "RewardEarned",
            "RewardDelivered",
            "RewardFailed",
            "RewardRevoked",
        }
        early = await page_chain(connection, SITE, "c1", kind="", limit=99, before=4)
        assert [each.sequence for each in early] == [3, 2, 1]


async def test_flows_of_days_and_months_agree_with_what_happened(views: AsyncEngine) -> None:
    async with views.connect() as connection:
        days = await flow_by_day(connection, since="2025-12-01", until="2025-12-31")
        months = await flow_by_month(connection, site=SITE, program="spikes")
        assert await programs_that_flow(connection) == [(SITE, ""), (SITE, "spikes")]
        nothing = await flow_by_day(connection, since="2024-01-01", until="2024-12-31")
    assert [each.period for each in days] == sorted(each.period for each in days)
    assert sum(each.points["Earned"] for each in days) == 150 + 80 + 5 * 5
    assert sum(each.points["Spent"] for each in days) == 0
    assert [each.period for each in months] == ["2025-12"]
    assert nothing == []


async def test_an_entry_is_found_by_what_brought_it_and_by_an_index(views: AsyncEngine) -> None:
    seen: list[str] = []

    @sa.event.listens_for(views.sync_engine, "before_cursor_execute")
    def listen(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    async with views.connect() as connection:
        found = await search(connection, SITE, "t2", limit=5)
        assert {(each.customer, each.sequence) for each in found.entries} == {("c1", 2)}
        if views.dialect.name != "sqlite":
            return  # PostgreSQL plans by statistics, which small tables make meaningless
        for statement in [each for each in seen if "FROM entries" in each]:
            holes = ("x",) * statement.count("?")
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", holes)
            assert "entries_by_" in str(plan.all()), statement
