"""Bring a database to the newest revision, safely when several processes start at once."""

import contextlib
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.errors import OperatingError

LOCK_KEY = 7_166_801
"""Any number, the same for ever: who holds this PostgreSQL advisory lock migrates."""


class MigrationFailed(OperatingError):
    """The database could not be brought to the newest revision."""


async def upgrade(engine: AsyncEngine, name: str, *, to: str = "head") -> None:
    """Run the missing revisions of `deploy/migrations/<name>`, up to `to`, in one transaction and
    under a lock.

    On PostgreSQL the tables live in the schema of the engine's search path, made where missing.
    Raises `MigrationFailed` with what to do about it.
    """
    _make_directory(engine)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, name, to)
    except (SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        msg = (
            f"The database {_place(engine)} cannot be made ready ({cause}). Check that it can be "
            "reached and written, that its disk is not full, and that no other program holds it."
        )
        raise MigrationFailed(msg) from error


def _place(engine: AsyncEngine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _make_directory(engine: AsyncEngine) -> None:
    url = make_url(engine.url)
    database = url.database
    if engine.dialect.name != "sqlite" or "uri" in url.query:  # then the path is SQLite's own URI
        return
    if database and database != ":memory:":
        # Where this fails, opening the file says why.
        with contextlib.suppress(OSError):
            Path(database).parent.mkdir(parents=True, exist_ok=True)


def _upgrade(connection: Connection, name: str, to: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        schema = connection.scalar(text("SHOW search_path"))
        quoted = connection.dialect.identifier_preparer.quote(str(schema).strip('"'))
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {quoted}"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / name).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
