"""Open the access database of these settings, made ready where it is missing."""

import contextlib
from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.errors import OperatingError
from deploy.migrations.runner import upgrade
from deploy.settings import Settings
from deploy.views import in_sentences
from projections.access.database import AccessUnavailable, open_access


@contextlib.asynccontextmanager
async def open_own_access(settings: Settings) -> AsyncIterator[AsyncEngine]:
    with in_sentences():
        engine = open_access(settings.access_url)
    try:
        await upgrade(engine, "access")
        yield engine
    except AccessUnavailable as error:
        raise OperatingError(str(error)) from error
    finally:
        await engine.dispose()
