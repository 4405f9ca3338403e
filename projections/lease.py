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
from sqlalchemy.ext.asyncio import AsyncEngine

from projections.database import explained, is_sqlite
from projections.errors import AnotherWriter, ViewsUnavailable

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
    path = Path(f"{engine.url.database}.{name}.lock")
    try:
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
    key = zlib.crc32(name.encode())
    with explained(engine):
        connection = await engine.connect()
    try:
        # The lock is the session's, so no transaction need stay open for as long as it is held.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        told = False
        while not await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
            if not told:
                _taken(standing_by)
            told = True
            await asyncio.sleep(RETRY_SECONDS)
        yield
        await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
    finally:
        # Never back into the pool: a lock not released would live on with the session.
        await connection.invalidate()
        await connection.close()
