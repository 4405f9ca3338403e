"""Project the points log anew, as far as the views have got, and compare row by row."""

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from deploy.audit.tally import Progress, Tally
from deploy.settings import Settings
from deploy.topic_logs import Logs
from deploy.views import reading_own_views
from projections.database import open_engine
from projections.digest import digest_table, row_digest
from projections.errors import LogBroken
from projections.projector import decode_record
from projections.store import Move, Store, read_positions
from projections.tables import NOT_REBUILT, VIEWS, metadata
from streams.core.batches import Record

STAGE = "views"


async def audit_views(
    settings: Settings, logs: Logs, topic: str, tally: Tally, progress: Progress
) -> dict[int, int]:
    """Returns the positions in the points log at which the views were read."""
    with tempfile.TemporaryDirectory(prefix="cactus-audit-") as directory:
        async with reading_own_views(settings) as live, _scratch(Path(directory)) as store:
            positions = await read_positions(live, topic)
            try:
                await _project(logs, topic, store, positions, progress)
            except LogBroken as error:
                tally.breach(f"the points log cannot be projected: {error}")
                return positions
            async with store.engine.connect() as anew:
                for table in VIEWS:
                    await _compare(tally, table, live, anew)
            return positions


@asynccontextmanager
async def _scratch(directory: Path) -> AsyncIterator[Store]:
    engine: AsyncEngine = open_engine(f"sqlite+aiosqlite:///{directory / 'views.sqlite'}")
    try:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        yield Store(engine, "anew", lambda: 0)
    finally:
        await engine.dispose()


async def _project(
    logs: Logs, topic: str, store: Store, positions: Mapping[int, int], progress: Progress
) -> None:
    ends = await logs.ends(topic, sorted(positions))
    done, total = 0, sum(positions.values())
    await store.open_positions(sorted(positions))
    for partition, position in sorted(positions.items()):
        if position > ends[partition]:
            msg = (
                f"The views are at offset {position} of partition {partition}, and the log ends"
                f" at {ends[partition]}."
            )
            raise LogBroken(msg)
        reached = 0
        async for records in logs.read(topic, partition, 0, position):
            reached = await _apply(store, partition, reached, records)
            progress(STAGE, done + reached, total)
        done += position


async def _apply(store: Store, partition: int, reached: int, records: Sequence[Record]) -> int:
    after: int = records[-1].offset + 1
    batch = [decode_record(record) for record in records]
    await store.apply(batch, {partition: Move(reached, after)})
    return after


async def _compare(
    tally: Tally, table: Table, live: AsyncConnection, anew: AsyncConnection
) -> None:
    rows, expected = await digest_table(live, table), await digest_table(anew, table)
    tally.examined += expected.rows
    if rows == expected:
        return
    partitions = set(await _partitions(live, table)) | set(await _partitions(anew, table))
    for partition in sorted(partitions):
        await _tell_differences(tally, table, partition, live, anew)


async def _partitions(connection: AsyncConnection, table: Table) -> Sequence[int]:
    answer = await connection.scalars(select(table.c.partition).distinct())
    return answer.all()


async def _tell_differences(
    tally: Tally, table: Table, partition: int, live: AsyncConnection, anew: AsyncConnection
) -> None:
    expected = {key: digest async for key, digest in _rows(anew, table, partition)}
    async for key, digest in _rows(live, table, partition):
        there = expected.pop(key, None)
        if there is None:
            tally.breach(f"{table.name} has a row that the log does not give: {_named(key)}")
        elif there != digest:
            tally.breach(f"{table.name} has another row than the log gives: {_named(key)}")
    for key in expected:
        tally.breach(f"{table.name} lacks a row that the log gives: {_named(key)}")


async def _rows(
    connection: AsyncConnection, table: Table, partition: int
) -> AsyncIterator[tuple[tuple[Any, ...], int]]:
    """Key and digest of each row."""
    columns = [column for column in table.columns if column.name not in NOT_REBUILT]
    names = [column.name for column in columns]
    keys = [names.index(column.name) for column in table.primary_key]
    query = select(*columns).where(table.c.partition == partition)
    async with connection.stream(query) as rows:
        async for row in rows:
            yield tuple(row[index] for index in keys), row_digest(tuple(row))


def _named(key: tuple[Any, ...]) -> str:
    return ":".join(str(part) for part in key)
