"""Open the views these settings mean, and say in a sentence what stands against using them."""

import contextlib
import time
from collections.abc import AsyncIterator, Iterator

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from deploy.errors import OperatingError
from deploy.settings import Settings
from projections.database import explained, is_sqlite, open_engine, sqlite_path
from projections.errors import ViewsError
from projections.queries import find_balances
from projections.rows import BalanceRow


def now_ms() -> int:
    """When rows become readable, to set against the timestamps of records: the wall's time."""
    return int(time.time() * 1000)


class UnknownCustomer(OperatingError):
    """The views hold nothing of a customer."""


class SeveralSites(OperatingError):
    """A customer id means several accounts, and which one was not said."""

    exit_code = 2


@contextlib.contextmanager
def in_sentences() -> Iterator[None]:
    """What the projections complain of becomes an operating error."""
    try:
        yield
    except ViewsError as error:
        raise OperatingError(str(error)) from error


@contextlib.asynccontextmanager
async def open_own_views(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The views of these settings, for their writer."""
    with in_sentences():
        engine = open_engine(settings.views_url)
        try:
            yield engine
        finally:
            await engine.dispose()


@contextlib.asynccontextmanager
async def reading_own_views(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """One transaction that reads the views of these settings, all as of one moment."""
    with in_sentences():
        engine = open_engine(settings.views_url, read_only=True)
        if is_sqlite(engine) and not sqlite_path(engine).exists():
            msg = f"There are no views at {sqlite_path(engine)} yet: `cactus projector` makes them."
            raise OperatingError(msg)
        try:
            with explained(engine):
                async with engine.connect() as connection:
                    if not is_sqlite(engine):
                        await connection.execution_options(isolation_level="REPEATABLE READ")
                    yield connection
        finally:
            await engine.dispose()


async def find_account(
    connection: AsyncConnection, customer: str, site: str | None = None
) -> BalanceRow:
    """The one account that is meant. Raises `UnknownCustomer` or `SeveralSites`."""
    found = await find_balances(connection, customer, site)
    if not found:
        where = "" if site is None else f" on site {site!r}"
        raise UnknownCustomer(
            f"The views hold nothing of customer {customer!r}{where}. Check the id, and that the "
            "worker and the projector run."
        )
    if len(found) > 1:
        choices = " or ".join(f"--site {each.site}" for each in found)
        raise SeveralSites(f"Several sites know customer {customer!r}: add {choices}.")
    return found[0]
