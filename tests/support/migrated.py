"""Databases as the migrations leave them, for tests of what is done with them.

The first SQLite file of a kind is migrated, the others are copies of it. Tests of the migrations
themselves call the runner.
"""

import sqlite3
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.migrations.runner import upgrade

_MADE: dict[str, bytes] = {}


async def migrate(engine: AsyncEngine, name: str) -> None:
    """Bring an empty database to the newest revision of `name`."""
    file = _file_of(engine)
    if file is None or file.exists():
        await upgrade(engine, name)
        return
    if name not in _MADE:
        await upgrade(engine, name)
        _MADE[name] = _content(file)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_MADE[name])


def _file_of(engine: AsyncEngine) -> Path | None:
    """None for a server's database, and for one in memory."""
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database or database == ":memory:":
        return None
    return Path(database)


def _content(file: Path) -> bytes:
    """With what stands in the write-ahead log only."""
    connection = sqlite3.connect(file)
    try:
        return connection.serialize()
    finally:
        connection.close()
