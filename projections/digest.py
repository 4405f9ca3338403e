"""One figure for all rows of a table, whatever their order: two databases agree or they do not."""

from collections.abc import AsyncIterator, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.tables import NOT_REBUILT, VIEWS

DIGEST_BYTES = 16
MODULUS = 1 << (8 * DIGEST_BYTES)


class TableDigest(msgspec.Struct, frozen=True):
    """`digest` is the sum of the rows' hashes, so it does not depend on their order."""

    rows: int
    digest: str


def row_digest(values: Sequence[Any]) -> int:
    """A hash of one row's values; the same row hashes the same from any database."""
    return int.from_bytes(blake2b(msgspec.json.encode(values), digest_size=DIGEST_BYTES).digest())


async def stream_rows(connection: AsyncConnection, table: Table) -> AsyncIterator[tuple[Any, ...]]:
    """Every row of a table, without the columns that a rebuild does not bring back."""
    columns = [column for column in table.columns if column.name not in NOT_REBUILT]
    async with connection.stream(select(*columns)) as rows:
        async for row in rows:
            yield tuple(row)


async def digest_table(connection: AsyncConnection, table: Table) -> TableDigest:
    rows = total = 0
    async for row in stream_rows(connection, table):
        rows += 1
        total = (total + row_digest(row)) % MODULUS
    return TableDigest(rows, f"{total:032x}")


async def digest_views(connection: AsyncConnection) -> dict[str, TableDigest]:
    """The digest of each table of the views, by table name."""
    return {table.name: await digest_table(connection, table) for table in VIEWS}
