"""The bucket of each site that every process of an installation draws on."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from connectors.chargebee.limits import Bucket, TokenBucket
from connectors.chargebee.quota import SCHEMA, SharedBucket
from connectors.database import NoSuchDatabaseKindError, open_engine
from deploy.errors import ConfigurationError
from deploy.settings import Settings

OpenBucket = Callable[[str, float], Bucket]
"""A site's bucket, and what this process may take per minute while it cannot be shared."""


@asynccontextmanager
async def open_quota(settings: Settings) -> AsyncIterator[OpenBucket]:
    """Raises `ConfigurationError`; a database that cannot be reached is none."""
    if settings.database.quota_url is None:
        # Where this fails, every process takes its fixed share, and says so.
        with contextlib.suppress(OSError):
            settings.home.mkdir(parents=True, exist_ok=True)
    try:
        engine = open_engine(settings.quota_url, schema=SCHEMA, durable=False)
    except NoSuchDatabaseKindError as error:
        raise ConfigurationError(f"database.quota_url: {error}") from error

    def bucket(site: str, share_per_minute: float) -> Bucket:
        alone = TokenBucket(site, share_per_minute)
        return SharedBucket(site, settings.chargebee.requests_per_minute, engine, alone)

    try:
        yield bucket
    finally:
        await engine.dispose()
