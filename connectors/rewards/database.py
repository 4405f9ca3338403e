"""The reward ledger's database: its name, and what is wrong with it as a sentence."""

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.database import Access, NoSuchDatabaseKindError, open_engine


class LedgerError(Exception):
    """The ledger cannot be used; the message says what to do."""


def open_ledger_engine(url: str, *, schema: str, access: Access) -> AsyncEngine:
    """Raises `LedgerError`."""
    try:
        return open_engine(url, schema=schema, access=access)
    except NoSuchDatabaseKindError as error:
        raise LedgerError(f"the ledger cannot be in {url.partition(':')[0]}: {error}") from error


def explain_database_error(error: DBAPIError, url: str) -> LedgerError:
    """A database's complaint as a sentence that says what to do."""
    where = make_url(url).render_as_string(hide_password=True)
    text = str(error.orig)
    if "readonly" in text:
        return LedgerError(
            f"the reward ledger {where} cannot be written: give this user write access"
            " to the file and its directory"
        )
    if "unable to open" in text:
        return LedgerError(
            f"the reward ledger {where} cannot be opened: start `cactus rewarder` once to make it,"
            " and check that its directory can be entered"
        )
    if "no such column" in text or ("column" in text and "does not exist" in text):
        return LedgerError(
            f"the reward ledger {where} is of an earlier release: start `cactus rewarder` once"
        )
    if "no such table" in text or "does not exist" in text:
        return LedgerError(
            f"there is no reward ledger in {where} yet: start `cactus rewarder` once"
        )
    return LedgerError(f"the reward ledger {where} cannot be used: {text}")
