"""Open the reward ledger these settings mean; say in a sentence what stands against using it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError

from connectors.database import Access
from connectors.rewards.database import LedgerError, explain_database_error
from connectors.rewards.ledger import Ledger, open_ledger
from deploy.errors import OperatingError
from deploy.settings import Settings


@asynccontextmanager
async def open_own_ledger(
    settings: Settings, *, access: Access = "create"
) -> AsyncIterator[Ledger]:
    """The ledger of these settings. A database's complaints become sentences."""
    try:
        ledger = open_ledger(settings.ledger_url, access=access)
    except LedgerError as error:
        raise OperatingError(str(error)) from error
    try:
        yield ledger
    except DBAPIError as error:
        explained = explain_database_error(error, settings.ledger_url)
        raise OperatingError(str(explained)) from error
    except ExceptionGroup as group:
        raise _only_database_errors(group, settings) from group
    finally:
        await ledger.close()


def _only_database_errors(group: ExceptionGroup[Exception], settings: Settings) -> Exception:
    first = group.exceptions[0]
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, DBAPIError):
        return OperatingError(str(explain_database_error(first, settings.ledger_url)))
    return group
