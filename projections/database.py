"""Open the database of the views, SQLite or PostgreSQL, and say plainly what is wrong with it."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from projections.errors import ViewsUnavailable
from projections.tables import SCHEMA

BUSY_SECONDS = 5.0
POOL_SIZE = 4
SQLITE_CACHE_KIB = 65_536

ADVICE = (
    ("readonly", "The file or its directory is read-only: give this user the right to write."),
    ("locked", "Another process holds it: stop that one, or wait until it is done."),
    ("disk is full", "The disk is full: make room, then start again; nothing is lost."),
    ("unable to open", "It cannot be opened: check that it exists (`cactus projector` makes it)."),
    ("not a database", "It is no database of ours: move it away and run `cactus projector`."),
    ("malformed", "It is damaged: move it away and start the projector, which rebuilds it."),
    ("no such table", "It holds no views yet: start `cactus projector` once."),
    ("undefinedtable", "It holds no views yet: start `cactus projector` once."),
    ("does not exist", "It holds no views yet: start `cactus projector` once."),
    ("no space left", "The disk is full: make room, then start again; nothing is lost."),
    ("password", "PostgreSQL refuses the credentials: check CACTUS_DATABASE__VIEWS_URL."),
    ("permission denied", "PostgreSQL refuses this role: grant it the right to the schema."),
    ("connect", "PostgreSQL does not answer: check that it runs and the URL is right."),
)


def open_engine(url: str, *, schema: str = SCHEMA, read_only: bool = False) -> AsyncEngine:
    """An engine on the views. On PostgreSQL its tables live in `schema`.

    A writing engine takes SQLite's write lock when a transaction begins: two writers then wait for
    each other instead of failing half-way.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            parsed = parsed.set(drivername="sqlite+aiosqlite")
            if read_only:
                parsed = _never_creating(parsed)
            engine = create_async_engine(
                parsed,
                connect_args={"timeout": BUSY_SECONDS},
                hide_parameters=True,  # errors, and so logs, must not quote what is stored
            )
            _tune_sqlite(engine, read_only=read_only)
            return engine
        if parsed.get_backend_name() != "postgresql":
            raise ArgumentError(f"{parsed.get_backend_name()} is neither")
        return create_async_engine(
            parsed.set(drivername="postgresql+asyncpg"),
            pool_size=POOL_SIZE,
            connect_args={"server_settings": {"search_path": schema}},
            hide_parameters=True,
        )
    except (ArgumentError, NoSuchModuleError) as error:
        msg = (
            "The database URL of the views cannot be right: write sqlite+aiosqlite:///path or "
            f"postgresql+asyncpg://user@host/name ({error})."
        )
        raise ViewsUnavailable(msg) from error


def _never_creating(url: URL) -> URL:
    """A reader that finds no file must not leave an empty one behind."""
    return url.set(database=f"file:{quote(url.database or '')}").update_query_dict(
        {"mode": "ro", "uri": "true"}
    )


def _tune_sqlite(engine: AsyncEngine, *, read_only: bool) -> None:
    @event.listens_for(engine.sync_engine, "do_connect")
    def _probe(_dialect: object, _record: object, arguments: Any, options: Any) -> None:
        # A file that cannot be opened is found here: the driver would leave a thread behind that
        # may outlive the event loop, and then says so on standard error.
        sqlite3.connect(*arguments, **options).close()

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # The driver's own idea of transactions begins them late and ends them before DDL.
        connection.isolation_level = None
        try:
            _configure_sqlite(connection, read_only=read_only)
        except BaseException:
            connection.close()  # nobody else will: its thread would live on
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _configure_sqlite(connection: Any, *, read_only: bool) -> None:
    cursor = connection.cursor()
    if read_only:
        cursor.execute("PRAGMA query_only = ON")
    else:
        cursor.execute("PRAGMA journal_mode = WAL")
        # A power cut may take the last commits, and their positions with them: they are read
        # from Kafka again. Nothing here needs an fsync per batch.
        cursor.execute("PRAGMA synchronous = NORMAL")
        # What is erased is overwritten in the file, not only taken out of the tables.
        cursor.execute("PRAGMA secure_delete = ON")
    cursor.execute(f"PRAGMA cache_size = -{SQLITE_CACHE_KIB}")
    cursor.close()


def attach(engine: AsyncEngine, path: Path, name: str) -> None:
    """Let every connection of a SQLite engine reach a second file as the schema `name`."""

    @event.listens_for(engine.sync_engine, "connect")
    def _attach(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"ATTACH DATABASE ? AS {name}", (str(path),))
        cursor.close()


def place(engine: AsyncEngine) -> str:
    """Which database an engine means, without its password."""
    return str(sqlite_path(engine)) if is_sqlite(engine) else engine.url.render_as_string()


def sqlite_path(engine: AsyncEngine) -> Path:
    """The file of a SQLite engine, whether its URL holds a path or SQLite's own kind of URI."""
    database = engine.url.database or ""
    return Path(unquote(database.removeprefix("file:")) if "uri" in engine.url.query else database)


def is_sqlite(engine: AsyncEngine) -> bool:
    return engine.dialect.name == "sqlite"


@contextlib.contextmanager
def explained(engine: AsyncEngine) -> Iterator[None]:
    """Turn what the driver says into `ViewsUnavailable`, with advice. Our own errors pass."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise ViewsUnavailable(_explain(engine, error)) from error


def _explain(engine: AsyncEngine, error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = f"{type(cause).__name__} {cause}"
    advice = next((advice for sign, advice in ADVICE if sign in text.lower()), "")
    return f"The views in {place(engine)} cannot be used ({cause}). {advice}".rstrip()
