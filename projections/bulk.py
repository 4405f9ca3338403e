"""Many rows in one statement: executemany on SQLite, arrays unnested on PostgreSQL.

One round trip per table and batch is what makes PostgreSQL fast here (measured: some 50 times).
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy import (
    ARRAY,
    ClauseElement,
    ColumnElement,
    Insert,
    Table,
    Text,
    and_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Keys = Sequence[tuple[str, ...]]
Names = tuple[str, ...]


class Bulk(Protocol):
    """How one kind of database reads and writes many rows."""

    async def write(
        self,
        connection: AsyncConnection,
        table: Table,
        rows: Iterable[msgspec.Struct],
        *,
        replace: bool,
        adding: Names = (),
    ) -> None:
        """Insert rows. A key that exists is an error, or its row is replaced where `replace`; the
        columns `adding` are then added to what stands there.
        """

    async def read(
        self, connection: AsyncConnection, table: Table, names: tuple[str, ...], keys: Keys
    ) -> Sequence[Any]:
        """The rows whose columns `names`, all text, hold one of `keys`."""


def bulk_for(dialect: str) -> Bulk:
    return SqliteBulk() if dialect == "sqlite" else PostgresBulk()


def _replacing(insert: Any, table: Table, adding: Names) -> Insert:
    keys = [column.name for column in table.primary_key]
    changes = {
        column.name: (column + insert.excluded[column.name])
        if column.name in adding
        else insert.excluded[column.name]
        for column in table.columns
        if column.name not in keys
    }
    replacing: Insert = insert.on_conflict_do_update(index_elements=keys, set_=changes)
    return replacing


class SqliteBulk:
    def __init__(self) -> None:
        self._statements: dict[tuple[str, bool], str] = {}

    async def write(
        self,
        connection: AsyncConnection,
        table: Table,
        rows: Iterable[msgspec.Struct],
        *,
        replace: bool,
        adding: Names = (),
    ) -> None:
        values = [msgspec.structs.astuple(row) for row in rows]
        if not values:
            return
        statement = self._statements.get((table.name, replace))
        if statement is None:
            insert: Any = sqlite.insert(table).values({c.name: bindparam(c.name) for c in table.c})
            whole: ClauseElement = _replacing(insert, table, adding) if replace else insert
            statement = str(whole.compile(dialect=sqlite.dialect()))
            self._statements[table.name, replace] = statement
        # Past SQLAlchemy's handling of parameters, which costs as much per row as SQLite does.
        await connection.exec_driver_sql(statement, values)

    async def read(
        self, connection: AsyncConnection, table: Table, names: tuple[str, ...], keys: Keys
    ) -> Sequence[Any]:
        if not keys:
            return []
        wanted = func.json_each(bindparam("keys", type_=Text)).table_valued("value", name="wanted")
        same: list[ColumnElement[bool]] = [
            table.c[name] == func.json_extract(wanted.c.value, f"$[{position}]")
            for position, name in enumerate(names)
        ]
        statement = select(table).select_from(wanted.join(table, and_(*same)))
        answer = await connection.execute(statement, {"keys": msgspec.json.encode(keys).decode()})
        return answer.all()


class PostgresBulk:
    def __init__(self) -> None:
        self._statements: dict[tuple[str, bool], Insert] = {}

    async def write(
        self,
        connection: AsyncConnection,
        table: Table,
        rows: Iterable[msgspec.Struct],
        *,
        replace: bool,
        adding: Names = (),
    ) -> None:
        values = [msgspec.structs.astuple(row) for row in rows]
        if not values:
            return
        statement = self._statements.get((table.name, replace))
        if statement is None:
            statement = self._insert(table, replace=replace, adding=adding)
            self._statements[table.name, replace] = statement
        columns = zip(*values, strict=True)
        names = (column.name for column in table.columns)
        await connection.execute(
            statement, {name: list(column) for name, column in zip(names, columns, strict=True)}
        )

    @staticmethod
    def _insert(table: Table, *, replace: bool, adding: Names) -> Insert:
        arrays = [bindparam(column.name, type_=ARRAY(column.type)) for column in table.columns]
        names = [column.name for column in table.columns]
        given = func.unnest(*arrays).table_valued(*names, name="given").render_derived()
        insert = postgresql.insert(table).from_select(names, select(*given.c))
        return _replacing(insert, table, adding) if replace else insert

    async def read(
        self, connection: AsyncConnection, table: Table, names: tuple[str, ...], keys: Keys
    ) -> Sequence[Any]:
        if not keys:
            return []
        arrays = [bindparam(f"k_{name}", type_=ARRAY(Text)) for name in names]
        wanted = func.unnest(*arrays).table_valued(*names, name="wanted").render_derived()
        same = [table.c[name] == wanted.c[name] for name in names]
        statement = select(table).select_from(wanted.join(table, and_(*same)))
        columns = zip(*keys, strict=True)
        answer = await connection.execute(
            statement,
            {f"k_{name}": list(column) for name, column in zip(names, columns, strict=True)},
        )
        return answer.all()
