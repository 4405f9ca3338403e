"""Open the access database, SQLite or PostgreSQL, and say plainly what is wrong with it."""

import contextlib
from collections.abc import AsyncIterator

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from projections.access.tables import SCHEMA
from projections.database import open_engine, place


class AccessUnavailable(Exception):
    """The access database cannot be opened, read or written."""


def open_access(url: str, *, schema: str = SCHEMA) -> AsyncEngine:
    """An engine on the access database. Raises `ViewsUnavailable` where the URL is none."""
    return open_engine(url, schema=schema)


@contextlib.asynccontextmanager
async def access(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction. Raises `AccessUnavailable`."""
    try:
        async with engine.begin() as connection:
            yield connection
    except (SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise AccessUnavailable(
            f"The access database {place(engine)} cannot be used ({cause}). Check that it can be "
            "reached and written; `cactus keys list` makes it where it is missing."
        ) from error
