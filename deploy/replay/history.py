"""One account as it was decided: what the views keep of it, and the facts behind that."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.errors import OperatingError
from deploy.replay.reader import FactsReader, Progress
from projections.history import entries_of
from projections.rows import EntryRow
from streams.core.batches import Record


class CannotTell(OperatingError):
    """What an answer rests on is gone; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """`entries` are all of the account, `records` its facts and the published versions of its
    site's programs, in the order of their offsets. `missing` are offsets that are gone.
    """

    site: str
    customer: str
    entries: list[EntryRow]
    records: list[Record]
    missing: list[int] = field(default_factory=list)


Wanted = Callable[[EntryRow], bool]


async def read_history(
    connection: AsyncConnection,
    reader: FactsReader,
    site: str,
    customer: str,
    *,
    until: Wanted | None = None,
    progress: Progress = lambda *_: None,
) -> History:
    """Facts up to that of the first entry that is `until`; all of them where none is, or none is
    asked for. A fact that gave no event came before: no entry names it, and it changed nothing.
    """
    entries = await entries_of(connection, site, customer)
    last = next((each.fact_offset for each in entries if until is not None and until(each)), None)
    offsets = {each.fact_offset for each in entries if last is None or each.fact_offset <= last}
    if not offsets:
        return History(site=site, customer=customer, entries=entries, records=[])
    partition = entries[0].partition
    facts = await reader.read(partition, offsets, progress)
    published = await reader.published(partition, site)
    programs = [each for each in published if each.offset < max(offsets)]
    return History(
        site=site,
        customer=customer,
        entries=entries,
        records=sorted([*facts.values(), *programs], key=lambda each: each.offset),
        missing=sorted(offsets - facts.keys()),
    )
