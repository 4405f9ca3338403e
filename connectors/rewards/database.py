"""Open the reward ledger's database, SQLite or PostgreSQL, and explain what is wrong with it."""

import sqlite3
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool


class LedgerError(Exception):
    """The ledger cannot be used; the message says what to do."""


def open_engine(url: str, *, schema: str = "ledger", read_only: bool = False) -> AsyncEngine:
    """`sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`, there within `schema`."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        engine = create_async_engine(
            parsed,
            connect_args={"server_settings": {"search_path": schema, "lock_timeout": "5000"}},
            pool_pre_ping=True,
        )
    elif parsed.get_backend_name() == "sqlite":
        # One connection: SQLite has one writer, and waiting here is cheaper than for its lock.
        engine = create_async_engine(
            _never_creating(parsed) if read_only else parsed,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=1,
            max_overflow=0,
        )
        _make_sqlite_durable(engine, read_only=read_only)
    else:
        raise LedgerError(f"the ledger needs SQLite or PostgreSQL, not {parsed.get_backend_name()}")
    return engine


def _never_creating(url: sa.URL) -> sa.URL:
    """A reader that finds no file must not leave an empty one behind."""
    return url.set(database=f"file:{quote(url.database or '')}").update_query_dict(
        {"mode": "ro", "uri": "true"}
    )


def _make_sqlite_durable(engine: AsyncEngine, *, read_only: bool) -> None:
    @sa.event.listens_for(engine.sync_engine, "do_connect")
    def probe(_dialect: object, _record: object, arguments: Any, options: Any) -> None:
        # A file that cannot be opened is found here: the driver would leave a thread behind that
        # may outlive the event loop, and then says so on standard error.
        sqlite3.connect(*arguments, **options).close()

    @sa.event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        try:
            _set_pragmas(connection, read_only=read_only)
        except BaseException:
            connection.close()  # nobody else will: its thread would live on
            raise

    @sa.event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _set_pragmas(connection: Any, *, read_only: bool) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=5000")
    if read_only:
        cursor.execute("PRAGMA query_only=ON")
    else:
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL: this file is the record of what was sent, not a view that can be rebuilt.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def explain_database_error(error: DBAPIError, url: str) -> LedgerError:
    """A database's complaint as a sentence that says what to do."""
    where = make_url(url).render_as_string(hide_password=True)
    text = str(error.orig)
    if "readonly" in text:
        return LedgerError(
            f"the reward ledger {where} cannot be written: give this user write access"
            " to the file and its directory"
        )
    if "unable to open" in text:
        return LedgerError(
            f"the reward ledger {where} cannot be opened: start `cactus rewarder` once to make it,"
            " and check that its directory can be entered"
        )
    if "no such table" in text or "does not exist" in text:
        return LedgerError(
            f"there is no reward ledger in {where} yet: start `cactus rewarder` once"
        )
    return LedgerError(f"the reward ledger {where} cannot be used: {text}")
