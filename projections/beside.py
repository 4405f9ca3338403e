"""A second set of the views beside the live ones: built apart, compared, then put in their place.

A file of its own on SQLite, a schema of its own on PostgreSQL. Until `put_in_place`, which is one
transaction, the live rows are only read; what a crash leaves beside them is removed the next time.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import MetaData, Table, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.schema import DropSchema

from projections.compare import TableComparison, compare_table
from projections.database import attach, explained, is_sqlite, open_engine, sqlite_path
from projections.store import PROJECTION
from projections.tables import VIEWS, entries, positions

SUFFIX = "_rebuilt"
COMPARED = (*VIEWS, positions)


class Beside:
    """The second set. `engine` writes it; the methods reach both sets."""

    def __init__(
        self, live: AsyncEngine, engine: AsyncEngine, both: AsyncEngine, name: str
    ) -> None:
        self._live = live
        self.engine = engine
        self._both = both
        metadata = MetaData()
        self._rebuilt: dict[str, Table] = {
            table.name: table.to_metadata(metadata, schema=name) for table in COMPARED
        }

    async def compare(self) -> list[TableComparison]:
        """Table by table, what the live views have and should have."""
        with explained(self._live):
            async with self._both.connect() as connection:
                await self._keep_other_positions(connection)
                return [
                    await compare_table(connection, table, self._rebuilt[table.name])
                    for table in COMPARED
                ]

    async def put_in_place(self) -> None:
        """Replace every live row, and the positions, in one transaction."""
        with explained(self._live):
            async with self._both.begin() as connection:
                await self._keep_times(connection)
                await self._keep_other_positions(connection)
                for table in COMPARED:
                    names = [column.name for column in table.columns]
                    rows = select(self._rebuilt[table.name])
                    await connection.execute(delete(table))
                    await connection.execute(insert(table).from_select(names, rows))

    async def _keep_other_positions(self, connection: AsyncConnection) -> None:
        """What was read of other logs than the points is not rebuilt here, and stays."""
        rebuilt = self._rebuilt[positions.name]
        await connection.execute(delete(rebuilt).where(rebuilt.c.projection != PROJECTION))
        others = select(positions).where(positions.c.projection != PROJECTION)
        names = [column.name for column in positions.columns]
        await connection.execute(insert(rebuilt).from_select(names, others))

    async def _keep_times(self, connection: AsyncConnection) -> None:
        # When an entry became readable is not in the log: only the live views know it.
        rebuilt = self._rebuilt[entries.name]
        known = (
            select(entries.c.projected_at_ms)
            .where(*(entries.c[key.name] == rebuilt.c[key.name] for key in entries.primary_key))
            .scalar_subquery()
        )
        await connection.execute(
            update(rebuilt).where(known.is_not(None)).values(projected_at_ms=known)
        )


@contextlib.asynccontextmanager
async def open_beside(live: AsyncEngine) -> AsyncIterator[Beside]:
    """An empty second set, not yet migrated; removed at the end. The caller holds the lease."""
    opening = _beside_file(live) if is_sqlite(live) else _beside_schema(live)
    async with opening as beside:
        yield beside


@contextlib.asynccontextmanager
async def _beside_file(live: AsyncEngine) -> AsyncIterator[Beside]:
    path = Path(f"{sqlite_path(live)}{SUFFIX}")
    with explained(live):
        _remove(path)
    engine = open_engine(live.url.set(database=str(path), query={}).render_as_string())
    both = open_engine(live.url.render_as_string())
    attach(both, path, SUFFIX)
    try:
        yield Beside(live, engine, both, SUFFIX)
    finally:
        await engine.dispose()
        await both.dispose()
        _remove(path)


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def _beside_schema(live: AsyncEngine) -> AsyncIterator[Beside]:
    with explained(live):
        async with live.begin() as connection:
            schema = f"{await connection.scalar(text('SHOW search_path'))}{SUFFIX}"
            await connection.execute(DropSchema(schema, cascade=True, if_exists=True))
    url = live.url.render_as_string(hide_password=False)
    engine = open_engine(url, schema=schema)
    try:
        yield Beside(live, engine, live, schema)
    finally:
        await engine.dispose()
        with explained(live):
            async with live.begin() as connection:
                await connection.execute(DropSchema(schema, cascade=True, if_exists=True))
