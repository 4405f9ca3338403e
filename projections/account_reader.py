"""Read one account in the least time: this is what apps ask for, a thousand times a second.

Past SQLAlchemy, which costs ten times what either database does for a row found by its key. On
SQLite the read happens on the event loop: it takes some twenty microseconds, and a thread would
take more just to be asked. On PostgreSQL a statement is prepared once per connection.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import quote

import asyncpg
from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from projections.accounts import ACCOUNT, Account
from projections.database import is_sqlite, place, sqlite_path
from projections.errors import ViewsUnavailable
from projections.rows import BalanceRow
from projections.tables import SCHEMA, balances

CONNECTIONS_MAX = 8
SQLITE_CACHE_KIB = 65_536
ANSWER_SECONDS_MAX = 5.0
BLOCKED_SECONDS_MAX = 0.25
"""Under a write-ahead log a reader waits for nobody; elsewhere not for long."""

_ONE = ACCOUNT.where(
    balances.c.site == bindparam("site"), balances.c.customer == bindparam("customer")
)


class AccountReader(Protocol):
    async def read(self, site: str, customer: str) -> Account | None:
        """Raises `ViewsUnavailable`."""

    async def close(self) -> None: ...


def open_account_reader(engine: AsyncEngine, *, schema: str = SCHEMA) -> AccountReader:
    """Of the database that an engine on the views means. Connects when it is first asked."""
    if is_sqlite(engine):
        return SqliteAccountReader(engine)
    return PostgresAccountReader(engine, schema)


class SqliteAccountReader:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: sqlite3.Connection | None = None
        self._statement = str(_ONE.compile(dialect=sqlite.dialect(paramstyle="qmark")))

    async def read(self, site: str, customer: str) -> Account | None:
        try:
            if self._connection is None:
                self._connection = self._open()
            row = self._connection.execute(self._statement, (site, customer)).fetchone()
        except sqlite3.Error as error:
            await self.close()  # what is wrong with it may be gone with the next
            raise _unavailable(self._engine, error) from error
        return _account(row)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(sqlite_path(self._engine)))}?mode=ro",
            uri=True,
            timeout=BLOCKED_SECONDS_MAX,
            isolation_level=None,
        )
        connection.execute(f"PRAGMA cache_size = -{SQLITE_CACHE_KIB}")
        return connection

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PostgresAccountReader:
    def __init__(self, engine: AsyncEngine, schema: str) -> None:
        self._engine = engine
        self._schema = schema
        self._pool: Any = None
        self._opening = asyncio.Lock()
        dialect = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        self._statement = str(_ONE.compile(dialect=dialect))

    async def read(self, site: str, customer: str) -> Account | None:
        try:
            pool = self._pool or await self._open()
            row = await pool.fetchrow(self._statement, site, customer, timeout=ANSWER_SECONDS_MAX)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise _unavailable(self._engine, error) from error
        return _account(row)

    async def _open(self) -> Any:
        async with self._opening:
            if self._pool is None:
                url = self._engine.url.set(drivername="postgresql")
                self._pool = await asyncpg.create_pool(
                    url.render_as_string(hide_password=False),
                    min_size=1,
                    max_size=CONNECTIONS_MAX,
                    server_settings={"search_path": self._schema},
                )
            return self._pool

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None


def _account(row: Sequence[Any] | None) -> Account | None:
    if row is None:
        return None
    *columns, state = row
    account = BalanceRow(*columns)
    account.erased = bool(account.erased)
    return Account(account, state)


def _unavailable(engine: AsyncEngine, error: Exception) -> ViewsUnavailable:
    return ViewsUnavailable(f"The views in {place(engine)} cannot be used ({error!r}).")
