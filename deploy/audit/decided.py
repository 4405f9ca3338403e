"""What people decided about dead letters, as far as an audit must know it."""

from sqlalchemy import inspect, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from deploy.audit.dead_letters import DeadLetters, Origin
from deploy.databases import sqlite_files
from deploy.dead_letters.decisions import DISCARD, ERASE, REPLAYED
from deploy.dead_letters.letters import DLQ_SUBJECT
from deploy.errors import OperatingError
from deploy.settings import Settings
from projections.access.tables import SCHEMA, decisions
from projections.database import open_engine


async def read_decided(settings: Settings, dead_letters: DeadLetters) -> None:
    """Excuses letters that an erasure took out, and knows those that wait for nobody any more.

    Where there is no access database yet, nobody has decided anything.
    """
    url = settings.access_url
    is_file = make_url(url).get_backend_name() == "sqlite"
    if is_file and "access database" not in sqlite_files(settings):
        return
    wanted = (ERASE, REPLAYED, DISCARD)
    query = select(decisions.c.kind, decisions.c.subject).where(decisions.c.kind.in_(wanted))
    engine = open_engine(url, schema=SCHEMA, read_only=True)
    try:
        async with engine.connect() as connection:
            if not await connection.run_sync(lambda each: inspect(each).has_table(decisions.name)):
                return
            for kind, subject in await connection.execute(query):
                origin = _origin(subject)
                if origin is not None:
                    decide = dead_letters.excuse if kind == ERASE else dead_letters.settle
                    decide(origin)
    except (SQLAlchemyError, OSError) as error:
        raise OperatingError(f"The access database cannot be read: {error}") from error
    finally:
        await engine.dispose()


def _origin(subject: str) -> Origin | None:
    """Topic, partition and offset; None for a letter that does not tell where it came from."""
    topic, _, place = subject.removeprefix(f"{DLQ_SUBJECT}:").partition("/")
    partition, _, offset = place.partition("/")
    if not (partition.isdecimal() and offset.isdecimal()):
        return None
    return topic, int(partition), int(offset)
