"""The fold of one partition: its accounts as bytes, its programs, and what falls due when."""

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from operator import itemgetter

from schemas import bounds, ids
from schemas.codec import FACTS, POINTS, DecodeError
from schemas.facts import AnyFact, ProgramPublished, TimeReached
from schemas.topics import (
    HEADER_SOURCE,
    HEADER_TRACEPARENT,
    PROGRAMS_KEY,
    SOURCE_POLLER,
    header_in,
)
from streams.account.ordering import fold
from streams.account.programs import Programs, UnusableProgramError
from streams.account.state import Account
from streams.account.storing import decode_account, encode_account, next_due_at, read_due_at
from streams.core.batches import Record
from streams.core.dead_letters import dead_headers, dead_value
from streams.core.ports import Output, Rejected

Encoded = tuple[bytes, bytes, int | None]
"""A points event as `Output` has it."""
_PUBLISHED = ProgramPublished.__name__.encode()


class MisplacedFactError(ValueError):
    """A fact under another key than its account's: its partition may not be the account's home."""


class PartitionFold:
    """Folds facts in their order. Holds every account of the partition, encoded."""

    def __init__(self, code_version: str) -> None:
        self._code_version = code_version
        self._states: dict[bytes, bytes] = {}
        self._programs = Programs()
        self._due_at: dict[bytes, int] = {}
        self._agenda: list[tuple[int, bytes]] = []

    @property
    def programs(self) -> Programs:
        """The versions known by now."""
        return self._programs

    def restore(self, key: bytes, value: bytes) -> None:
        if key == PROGRAMS_KEY:
            self._programs = Programs.decode(value)
            return
        self._states[key] = value
        self._schedule(key, read_due_at(value))

    def apply(self, records: Sequence[Record]) -> Output:
        """Fold account by account, while what belongs to one is near the processor; what comes of
        it is told in the order of the records, and a program is known to those after it.
        """
        output = Output()
        told: list[list[Encoded]] = [[] for _ in records]
        rejected: list[tuple[int, Rejected]] = []
        programs = self._programs
        live: dict[bytes | None, list[int]] = {}
        for place, record in enumerate(records):
            published = self._program_of(record)
            if published is None:
                live.setdefault(record.key, []).append(place)
                continue
            self._fold_accounts(records, live, told, rejected, output)
            live = {}
            try:
                self._programs = self._programs.with_published(published)
            except UnusableProgramError as error:
                rejected.append((place, self._reject(record, error)))
        self._fold_accounts(records, live, told, rejected, output)
        output.events = [event for events in told for event in events]
        output.rejected = [each for _, each in sorted(rejected, key=itemgetter(0))]
        self._hand_on(records, told, output)
        if self._programs is not programs:
            output.states.append((PROGRAMS_KEY, self._programs.encode()))
        return output

    def _fold_accounts(
        self,
        records: Sequence[Record],
        live: Mapping[bytes | None, Sequence[int]],
        told: list[list[Encoded]],
        rejected: list[tuple[int, Rejected]],
        output: Output,
    ) -> None:
        """Fold the records at the places that `live` names by account."""
        for places in live.values():
            account: Account | None = None
            key, moved = b"", False
            for place in places:
                record = records[place]
                try:
                    fact, key = self._read(record)
                    if isinstance(fact, ProgramPublished):
                        raise DecodeError("the type of a program is not written plainly")
                except (DecodeError, MisplacedFactError) as error:
                    rejected.append((place, self._reject(record, error)))
                    continue
                if account is None:
                    state = self._states.get(key)
                    account = Account() if state is None else decode_account(state)
                events = fold(account, fact, record.offset, self._programs)
                if not events:
                    output.repeats += 1
                    continue
                moved = True
                told[place] = [(key, POINTS.encode(each), record.timestamp) for each in events]
            if account is not None and moved:
                state = self._states[key] = encode_account(account)
                output.states.append((key, state))
                self._schedule(key, next_due_at(account))

    def _program_of(self, record: Record) -> ProgramPublished | None:
        """The program that a record publishes, if it does."""
        if _PUBLISHED not in (record.value or b""):
            return None
        try:
            fact, _ = self._read(record)
        except (DecodeError, MisplacedFactError):
            return None
        return fact if isinstance(fact, ProgramPublished) else None

    def next_due_at(self) -> int | None:
        """The soonest instant at which something of any account is due, and has not been told."""
        while self._agenda:
            at, key = self._agenda[0]
            if self._due_at.get(key) == at:
                return at
            heappop(self._agenda)
        return None

    @staticmethod
    def _read(record: Record) -> tuple[AnyFact, bytes]:
        """The fact of a record and the key of its account."""
        fact = FACTS.decode(record.value or b"")
        bounds.check(fact)
        key = ids.account_key(fact.site, fact.customer).encode()
        if record.key != key and not isinstance(fact, ProgramPublished):
            raise MisplacedFactError(f"the key is {record.key!r}, and the account's is {key!r}")
        return fact, key

    @staticmethod
    def _hand_on(
        records: Sequence[Record], told: Sequence[Sequence[Encoded]], output: Output
    ) -> None:
        """What events carry of their facts' headers. Few facts have any."""
        at = 0
        for record, events in zip(records, told, strict=True):
            if record.headers and events:
                if header_in(record.headers, HEADER_SOURCE) == SOURCE_POLLER.encode():
                    output.found += 1
                trace = header_in(record.headers, HEADER_TRACEPARENT)
                if trace is not None:
                    headers = [(HEADER_TRACEPARENT, trace)]
                    output.headers |= dict.fromkeys(range(at, at + len(events)), headers)
            at += len(events)

    def due(self, now: int) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        while self._agenda and self._agenda[0][0] <= now:
            at, key = heappop(self._agenda)
            if self._due_at.get(key) != at:
                continue  # the account has moved on since
            # Said once: the account is scheduled anew when a fact of it has been folded.
            del self._due_at[key]
            site, customer = ids.split_account_key(key.decode())
            fact = TimeReached(
                id=ids.time_reached(at), site=site, customer=customer, occurred_at=at
            )
            found.append((key, FACTS.encode(fact)))
        return found

    def _schedule(self, key: bytes, at: int | None) -> None:
        if at is None:
            self._due_at.pop(key, None)
        elif self._due_at.get(key) != at:
            self._due_at[key] = at
            heappush(self._agenda, (at, key))

    def _reject(self, record: Record, error: Exception) -> Rejected:
        headers = dead_headers(record, error, self._code_version)
        return Rejected(record.key, dead_value(record), headers, type(error).__name__)
