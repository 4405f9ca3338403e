"""Open a database that several processes write, SQLite or PostgreSQL."""

import sqlite3
from typing import Any, Literal
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

Access = Literal["create", "write", "read"]
"""`write` and `read` never leave an empty file behind where there is none."""


ONLY_READS = {"only_reads": True}
"""Execution options of transactions that change nothing: SQLite then waits for no other writer."""


class NoSuchDatabaseKindError(ValueError):
    """The address is of neither SQLite nor PostgreSQL."""


def open_engine(
    url: str, *, schema: str, access: Access = "create", durable: bool = True
) -> AsyncEngine:
    """`sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`, there within `schema`.

    What is not `durable` may lose its last moments when the machine dies, not when a process does.
    Raises `NoSuchDatabaseKindError`.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        engine = create_async_engine(
            parsed,
            connect_args={"server_settings": {"search_path": schema, "lock_timeout": "5000"}},
            pool_pre_ping=True,
            hide_parameters=True,  # errors, and so logs, must not quote what is stored
        )
    elif parsed.get_backend_name() == "sqlite":
        # One connection: SQLite has one writer, and waiting here is cheaper than for its lock.
        engine = create_async_engine(
            parsed if access == "create" else _never_creating(parsed, access),
            poolclass=AsyncAdaptedQueuePool,
            pool_size=1,
            max_overflow=0,
            hide_parameters=True,
        )
        _configure_sqlite(engine, read_only=access == "read", durable=durable)
    else:
        raise NoSuchDatabaseKindError(f"not {parsed.get_backend_name()}: SQLite or PostgreSQL")
    return engine


def _never_creating(url: sa.URL, access: Access) -> sa.URL:
    return url.set(database=f"file:{quote(url.database or '')}").update_query_dict(
        {"mode": "ro" if access == "read" else "rw", "uri": "true"}
    )


def _configure_sqlite(engine: AsyncEngine, *, read_only: bool, durable: bool) -> None:
    @sa.event.listens_for(engine.sync_engine, "do_connect")
    def probe(_dialect: object, _record: object, arguments: Any, options: Any) -> None:
        # A file that cannot be opened is found here: the driver would leave a thread behind that
        # may outlive the event loop, and then says so on standard error.
        sqlite3.connect(*arguments, **options).close()

    @sa.event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        try:
            _set_pragmas(connection, read_only=read_only, durable=durable)
        except BaseException:
            connection.close()  # nobody else will: its thread would live on
            raise

    @sa.event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reads = read_only or ONLY_READS.items() <= connection.get_execution_options().items()
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _set_pragmas(connection: Any, *, read_only: bool, durable: bool) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=5000")
    if read_only:
        cursor.execute("PRAGMA query_only=ON")
    else:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        cursor.execute("PRAGMA foreign_keys=ON")
        # What is erased is overwritten in the file, not only taken out of the tables.
        cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()
