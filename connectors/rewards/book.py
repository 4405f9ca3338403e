"""What every part of the ledger has in common: its database, and how that inserts."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.database import ONLY_READS


class Book:
    """A part of the ledger. Each of its methods is one transaction: on `engine`, or on `reading`
    where it changes nothing.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.reading = engine.execution_options(**ONLY_READS)
        self._insert: Any = (
            postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        )
