"""One projector at a time: a second one stands by until the first is gone.

For calm, not for correctness: the store's compare-and-set position is what keeps two writers from
harm. SQLite has a lock file beside it, PostgreSQL a session's advisory lock; both end with their
holder, however it ends.
"""

import asyncio
import contextlib
import fcntl
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from projections.database import explained, is_sqlite, sqlite_path
from projections.errors import AnotherWriter, ViewsUnavailable

PROJECTOR = "projector"
"""The lease of who writes the views."""
RETRY_SECONDS = 0.5


@contextlib.asynccontextmanager
async def hold_lease(
    engine: AsyncEngine, name: str, *, standing_by: Callable[[], None] | None
) -> AsyncIterator[None]:
    """Hold the lease `name` on the views. Where it is taken, call `standing_by` once and wait, or
    raise `AnotherWriter` where that is None.
    """
    hold = _hold_file if is_sqlite(engine) else _hold_advisory_lock
    async with hold(engine, name, standing_by):
        yield


def _taken(standing_by: Callable[[], None] | None) -> None:
    if standing_by is None:
        msg = "A projector is writing these views. Stop it first, then run this again."
        raise AnotherWriter(msg)
    standing_by()


@contextlib.asynccontextmanager
async def _hold_file(
    engine: AsyncEngine, name: str, standing_by: Callable[[], None] | None
) -> AsyncIterator[None]:
    path = Path(f"{sqlite_path(engine)}.{name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w", encoding="ascii")  # noqa: ASYNC230 - a local file, once
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}): give this user the right to write."
        raise ViewsUnavailable(msg) from error
    with file:
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    _taken(standing_by)
                told = True
                await asyncio.sleep(RETRY_SECONDS)
        yield


@contextlib.asynccontextmanager
async def _hold_advisory_lock(
    engine: AsyncEngine, name: str, standing_by: Callable[[], None] | None
) -> AsyncIterator[None]:
    with explained(engine):
        connection = await engine.connect()
    try:
        # The lock is the session's, so no transaction need stay open for as long as it is held.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        told = False
        while not await _try_advisory_lock(engine, connection, name):
            if not told:
                _taken(standing_by)
            told = True
            await asyncio.sleep(RETRY_SECONDS)
        yield
    finally:
        # Never back into the pool: the lock ends with the session.
        await connection.invalidate()
        await connection.close()


async def _try_advisory_lock(engine: AsyncEngine, connection: AsyncConnection, name: str) -> bool:
    with explained(engine):
        # Locks are the database's: views in another schema of it are another's.
        schema = await connection.scalar(text("SHOW search_path"))
        key = zlib.crc32(f"{schema}.{name}".encode())
        statement = text("SELECT pg_try_advisory_lock(:key)")
        return bool(await connection.scalar(statement, {"key": key}))
