"""One customer's history as a replay finds it: records of the log, and entries of the views."""

from collections.abc import Iterable, Sequence

from deploy.replay.history import History
from projections.balances import Logged, View, project
from projections.rows import EntryRow
from schemas import ids
from schemas.codec import FACTS, POINTS
from schemas.facts import AnyFact, ProgramPublished
from schemas.program.model import Program
from streams.core.batches import Record
from streams.fold import PartitionFold
from tests.support.records import fact_record, record
from tests.support.story import CUSTOMER
from tests.support.year import SITE, loaded


def published(text: str, version: int = 1) -> ProgramPublished:
    """The program in the YAML `text`, as it becomes known."""
    return published_program(loaded(text), version)


def published_program(program: Program, version: int = 1) -> ProgramPublished:
    """The program as it becomes known."""
    return ProgramPublished(
        id=ids.program_published(program.program, version),
        site=program.site,
        customer="",
        occurred_at=0,
        program=program.program,
        version=version,
        document=program.document(),
    )


def history_of(*told: AnyFact) -> History:
    """Published programs and facts in the order of the log, ten offsets apart; all of one customer,
    and decided as the worker decides them.
    """
    records = [_record(10 * place, fact) for place, fact in enumerate(told)]
    return History(site=SITE, customer=CUSTOMER, entries=entries_of(records), records=records)


def entries_of(records: Sequence[Record]) -> list[EntryRow]:
    """What the views keep of the records of a log."""
    fold, view = PartitionFold("test"), View()
    events = [event for each in records for _, event, _ in fold.apply([each]).events]
    for logged in _logged(events):
        project(view, logged)
    return view.entries


def _logged(events: Iterable[bytes]) -> Iterable[Logged]:
    for offset, event in enumerate(events):
        yield Logged(3, offset, 0, event.decode(), POINTS.decode(event))


def _record(offset: int, fact: AnyFact) -> Record:
    if isinstance(fact, ProgramPublished):
        key = ids.account_key(fact.site, "@programs").encode()
        return record(offset, FACTS.encode(fact), key=key)
    return fact_record(offset, fact)
