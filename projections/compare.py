"""Compare two sets of the views in reach of one connection: by digest, then row by row."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Select, Table, except_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.digest import TableDigest, digest_table
from projections.tables import NOT_REBUILT

SHOWN_MAX = 5

How = Literal["missing", "surplus", "changed"]


class RowDifference(msgspec.Struct, frozen=True):
    """One row of the live views that is `missing`, that is `surplus`, or that `changed`: then
    `columns` names what differs.
    """

    key: dict[str, Any]
    how: How
    columns: list[str] = []


class TableComparison(msgspec.Struct, frozen=True):
    """Both digests of a table, and the first keys, in order, whose rows differ."""

    table: str
    live: TableDigest
    rebuilt: TableDigest
    first_differences: list[RowDifference] = []

    @property
    def is_identical(self) -> bool:
        return self.live == self.rebuilt


async def compare_table(
    connection: AsyncConnection, live: Table, rebuilt: Table
) -> TableComparison:
    digests = (await digest_table(connection, live), await digest_table(connection, rebuilt))
    if digests[0] == digests[1]:
        return TableComparison(str(live.name), *digests)
    return TableComparison(str(live.name), *digests, await _first(connection, live, rebuilt))


async def _first(connection: AsyncConnection, live: Table, rebuilt: Table) -> list[RowDifference]:
    keys = {
        key
        for one, other in ((live, rebuilt), (rebuilt, live))
        for key in await _keys_only_in(connection, one, other)
    }
    return [await _explain(connection, live, rebuilt, key) for key in sorted(keys)[:SHOWN_MAX]]


async def _keys_only_in(
    connection: AsyncConnection, one: Table, other: Table
) -> set[tuple[Any, ...]]:
    names = _key_names(one)
    only = except_(_compared(one), _compared(other)).order_by(*names).limit(SHOWN_MAX)
    answer = await connection.execute(only)
    return {tuple(row[name] for name in names) for row in answer.mappings()}


async def _explain(
    connection: AsyncConnection, live: Table, rebuilt: Table, key: Sequence[Any]
) -> RowDifference:
    named = dict(zip(_key_names(live), key, strict=True))
    was = await _row(connection, live, named)
    should_be = await _row(connection, rebuilt, named)
    if was is None:
        return RowDifference(named, "missing")
    if should_be is None:
        return RowDifference(named, "surplus")
    columns = [str(name) for name, value in should_be.items() if was[name] != value]
    return RowDifference(named, "changed", columns)


async def _row(
    connection: AsyncConnection, table: Table, key: dict[str, Any]
) -> dict[str, Any] | None:
    statement = _compared(table).where(*(table.c[name] == value for name, value in key.items()))
    found = (await connection.execute(statement)).mappings().one_or_none()
    return None if found is None else dict(found)


def _compared(table: Table) -> Select[Any]:
    return select(*(column for column in table.columns if column.name not in NOT_REBUILT))


def _key_names(table: Table) -> list[str]:
    return [str(column.name) for column in table.primary_key]
