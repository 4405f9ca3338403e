"""Fold one account's records as the worker did, and hold what that gives against what is stored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from deploy.replay.history import History
from projections.rows import EntryRow
from schemas import ids
from schemas.codec import FACTS
from schemas.facts import AnyFact, ProgramPublished
from schemas.topics import PROGRAMS_KEY
from streams.account.programs import Programs
from streams.account.state import Account
from streams.account.storing import decode_account
from streams.core.batches import Record
from streams.fold import PartitionFold

Watch = Callable[[AnyFact, int, bytes | None, Programs], None]
"""Shown each fact with its offset, the account's state before it, and the programs known then."""


@dataclass(frozen=True, slots=True)
class Given:
    """A fact, where it stands, and the events it gives."""

    fact: AnyFact
    offset: int
    events: tuple[bytes, ...]


class Replay:
    """Folds the records of one account and of its site's programs, one by one."""

    def __init__(self, site: str, customer: str, watch: Watch | None = None) -> None:
        self._key = ids.account_key(site, customer).encode()
        self._fold = PartitionFold("replay")
        self._watch = watch
        self._state: bytes | None = None

    @property
    def account(self) -> Account:
        """As it stands after the last fact."""
        return Account() if self._state is None else decode_account(self._state)

    @property
    def programs(self) -> Programs:
        """The versions known by then."""
        return self._fold.programs

    def fold(self, records: Iterable[Record]) -> Iterator[Given]:
        for record in records:
            fact = FACTS.decode(record.value or b"")
            if self._watch is not None and not isinstance(fact, ProgramPublished):
                self._watch(fact, record.offset, self._state, self._fold.programs)
            output = self._fold.apply([record])
            for key, state in output.states:
                if key != PROGRAMS_KEY:
                    assert key == self._key, "the records are of one account"
                    self._state = state
            if not isinstance(fact, ProgramPublished):
                yield Given(fact, record.offset, tuple(event for _, event, _ in output.events))


def discrepancies(history: History, given: Sequence[Given]) -> list[str]:
    """What stands against a replay: facts that are gone, versions that are gone, and the first
    entry that is not, byte for byte, what its fact gives. Empty where it proves what is stored.
    """
    found = []
    if history.missing:
        places = ", ".join(str(offset) for offset in history.missing[:5])
        more = len(history.missing) - 5
        rest = f" and {more:,} more" if more > 0 else ""
        found.append(
            f"{len(history.missing):,} of the customer's facts are no longer in the log (offsets "
            f"{places}{rest})."
        )
    found += _lacking(history)
    events = [event for each in given for event in each.events]
    for entry, event in zip(_replayed(history, given), events, strict=False):
        if entry.event.encode() != event:
            found.append(
                f"Entry {entry.sequence} ({entry.type}) is stored otherwise than a replay of the "
                "facts gives it: what follows explains the replay."
            )
            break
    else:
        replayed = len(_replayed(history, given))
        if len(events) != replayed:
            found.append(
                f"{replayed:,} entries are stored for these facts, and a replay gives "
                f"{len(events):,}."
            )
    return found


def _replayed(history: History, given: Sequence[Given]) -> list[EntryRow]:
    """The stored entries of the facts that were folded."""
    last = given[-1].offset if given else -1
    return [each for each in history.entries if each.fact_offset <= last]


def _lacking(history: History) -> list[str]:
    facts = [FACTS.decode(each.value or b"") for each in history.records]
    known = {(each.program, each.version) for each in facts if isinstance(each, ProgramPublished)}
    last = history.records[-1].offset if history.records else -1
    named = {
        (each.program, each.program_version)
        for each in history.entries
        if each.program and each.fact_offset <= last
    }
    return [
        f"Version {version} of the program `{program}`, under which some of this was decided, is "
        "not found in the log any more."
        for program, version in sorted(named - known)
    ]
