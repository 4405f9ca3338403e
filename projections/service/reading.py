"""Read the views: one short transaction, and errors in sentences."""

import contextlib
from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncConnection

from projections.database import explained
from projections.service.ports import Ports


@contextlib.asynccontextmanager
async def reading(ports: Ports) -> AsyncIterator[AsyncConnection]:
    """Raises `ViewsUnavailable`."""
    with explained(ports.views):
        async with ports.views.connect() as connection:
            yield connection
