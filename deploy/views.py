"""Open the views these settings mean, and say in a sentence what stands against using them."""

import contextlib
from collections.abc import AsyncIterator, Iterator

from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.errors import OperatingError
from deploy.settings import Settings
from projections.database import open_engine
from projections.errors import ViewsError


@contextlib.contextmanager
def in_sentences() -> Iterator[None]:
    """What the projections complain of becomes an operating error."""
    try:
        yield
    except ViewsError as error:
        raise OperatingError(str(error)) from error


@contextlib.asynccontextmanager
async def open_own_views(
    settings: Settings, *, read_only: bool = False
) -> AsyncIterator[AsyncEngine]:
    """The views of these settings. A reader never makes a database where there is none."""
    with in_sentences():
        engine = open_engine(settings.views_url, read_only=read_only)
        try:
            yield engine
        finally:
            await engine.dispose()
