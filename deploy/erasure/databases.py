"""Search the databases of an installation and their files, and make what was erased be gone."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.databases import databases, sqlite_files
from deploy.erasure.needles import Needles
from deploy.errors import OperatingError
from deploy.settings import Settings
from projections.database import open_engine

FILE_ENDINGS = ("", "-wal", "-shm", "-journal")
CHUNK_BYTES = 1 << 20
EMPTIED_SECONDS_MAX = 10.0
POLL_SECONDS = 0.1


async def rows_with(settings: Settings, needles: Needles) -> dict[str, int]:
    """By database, in how many rows a text column holds one of the needles."""
    found: dict[str, int] = {}
    files = sqlite_files(settings)
    for name, (url, schema, tables) in databases(settings).items():
        if make_url(url).get_backend_name() == "sqlite" and name not in files:
            continue
        async with _reading(url, schema) as engine, engine.connect() as connection:
            there = await connection.run_sync(lambda each: set(sa.inspect(each).get_table_names()))
            found[name] = 0
            for table in tables.sorted_tables:
                columns = [each for each in table.columns if isinstance(each.type, sa.Text)]
                if table.name in there and columns:
                    holds = sa.or_(
                        *(
                            column.contains(text, autoescape=True)
                            for column in columns
                            for text in needles.spelled
                        )
                    )
                    query = sa.select(sa.func.count()).select_from(table).where(holds)
                    found[name] += int(await connection.scalar(query) or 0)
    return found


@asynccontextmanager
async def _reading(url: str, schema: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(url, schema=schema, read_only=True)
    try:
        yield engine
    except (SQLAlchemyError, OSError) as error:
        raise OperatingError(f"A database could not be searched: {error}") from error
    finally:
        await engine.dispose()


def bytes_with(path: Path, needles: Needles) -> bool:
    """Whether a file holds a needle anywhere, whatever the file is."""
    tail = b""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            if needles.are_in(tail + chunk):
                return True
            tail = (tail + chunk)[-needles.longest :]
    return False


def files_of(path: Path) -> Iterator[Path]:
    """A SQLite database's files, whichever there are."""
    for ending in FILE_ENDINGS:
        each = Path(f"{path}{ending}")
        if each.is_file():
            yield each


async def empty_journals(settings: Settings, seconds_max: float = EMPTIED_SECONDS_MAX) -> list[str]:
    """Write what was overwritten through to the files themselves. Returns the names of databases
    whose write-ahead log is in use and still holds what was there before.
    """
    in_use = []
    for name, path in sqlite_files(settings).items():
        if not await asyncio.to_thread(_empty, path, seconds_max):
            in_use.append(name)
    return in_use


def _empty(path: Path, seconds_max: float) -> bool:
    deadline = time.monotonic() + seconds_max
    with contextlib.closing(sqlite3.connect(path, timeout=1.0)) as connection:
        while True:
            with contextlib.suppress(sqlite3.OperationalError):
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy:
                    return True
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
