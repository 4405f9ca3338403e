"""Rebuild the views from the points log beside the live ones, compare, and replace what differs."""

from collections.abc import Callable, Mapping

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.cluster import bootstrap_servers, topics_of
from deploy.migrations.runner import upgrade
from deploy.settings import Settings
from deploy.views import now_ms, open_own_views
from projections.beside import Beside, open_beside
from projections.compare import TableComparison
from projections.database import explained
from projections.lease import PROJECTOR, hold_lease
from projections.log import Log, open_log
from projections.replay import Report, replay
from projections.store import Store, read_positions
from projections.tables import metadata

Confirm = Callable[[list[TableComparison]], bool]
"""Is shown all tables where some differ, and says whether the live views are to be replaced."""


class Rebuilt(msgspec.Struct, frozen=True):
    """What a rebuild did. `tables` is empty where there were no views to compare with."""

    topic: str
    events: int
    tables: list[TableComparison]
    replaced: bool

    @property
    def is_identical(self) -> bool:
        return all(table.is_identical for table in self.tables)


async def rebuild(settings: Settings, *, report: Report, confirm: Confirm) -> Rebuilt:
    """Views that are what the log says already stay as they are.

    Raises `OperatingError`, with the live views untouched, where a projector runs, the log cannot
    be read, or the database does not do it.
    """
    servers, topics = bootstrap_servers(settings), topics_of(settings)
    async with open_own_views(settings) as live, hold_lease(live, PROJECTOR, standing_by=None):
        await _make_whole(live)
        async with open_beside(live) as beside:
            await upgrade(beside.engine, "views")
            async with open_log(servers, topics.points) as log:
                known = await _positions(live, topics.points)
                ends = await _ends(log, known)
                store = Store(beside.engine, topics.points, now_ms)
                events = await replay(log, store, ends, report)
            if not known:
                await beside.put_in_place()
                return Rebuilt(topics.points, events, [], replaced=True)
            tables, replaced = await _compare_and_replace(beside, confirm)
            return Rebuilt(topics.points, events, tables, replaced)


async def _make_whole(live: AsyncEngine) -> None:
    """Every table there, if empty: one that somebody dropped is found missing row by row."""
    await upgrade(live, "views")
    with explained(live):
        async with live.begin() as connection:
            await connection.run_sync(metadata.create_all)


async def _positions(live: AsyncEngine, topic: str) -> dict[int, int]:
    with explained(live):
        async with live.connect() as connection:
            return await read_positions(connection, topic)


async def _ends(log: Log, known: Mapping[int, int]) -> dict[int, int]:
    """Where the live views stand, so that like is compared with like; never past the log's end."""
    ends = await log.ends(await log.partitions())
    return {partition: min(end, known.get(partition, end)) for partition, end in ends.items()}


async def _compare_and_replace(
    beside: Beside, confirm: Confirm
) -> tuple[list[TableComparison], bool]:
    tables = await beside.compare()
    if all(table.is_identical for table in tables) or not confirm(tables):
        return tables, False
    await beside.put_in_place()
    return tables, True
