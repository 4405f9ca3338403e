"""The worker's own fold over facts from anywhere, with the clock in the caller's hand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from aiokafka.structs import ConsumerRecord

from deploy.simulation.lines import Advance
from schemas import ids
from schemas.codec import FACTS
from schemas.facts import AnyFact, ProgramPublished
from schemas.program.model import Program
from schemas.topics import PROGRAMS_KEY
from streams.account.programs import Programs
from streams.account.state import Account
from streams.account.storing import decode_account
from streams.core.batches import Record
from streams.fold import PartitionFold

BATCH_FACTS = 512
Watch = Callable[[AnyFact, int, bytes | None, Programs], None]
"""Shown each fact with its offset, the account's state before it, and the programs known then."""
EARLIEST = datetime(2000, 1, 1)  # noqa: DTZ001 - local time in each program's own zone


def known_from_the_start(programs: Sequence[Program]) -> Programs:
    """The versions in force, numbered in their order. One without `effective_from` holds always."""
    known = Programs()
    versions: dict[tuple[str, str], int] = {}
    for program in programs:
        line = (program.site, program.program)
        version = versions[line] = versions.get(line, 0) + 1
        start = program.effective_from or EARLIEST
        known = known.with_published(
            ProgramPublished(
                id=ids.program_published(program.program, version),
                site=program.site,
                customer="",
                occurred_at=0,
                program=program.program,
                version=version,
                document=program.model_copy(update={"effective_from": start}).document(),
            )
        )
    return known


class Simulation:
    """One partition that holds every account. A fact's offset is its position among the facts.

    With a `watch`, facts are folded one by one.
    """

    def __init__(self, programs: Programs, watch: Watch | None = None) -> None:
        self._fold = PartitionFold(code_version="")
        self._fold.restore(PROGRAMS_KEY, programs.encode())
        self._programs = programs
        self._watch = watch
        self._batch = BATCH_FACTS if watch is None else 1
        self._waiting: list[AnyFact] = []
        self._states: dict[bytes, bytes] = {}
        self.facts = 0
        self.repeats = 0

    def run(self, inputs: Iterable[AnyFact | Advance]) -> Iterator[bytes]:
        """The points events as the log would hold them, byte for byte, in their order."""
        for each in inputs:
            if isinstance(each, Advance):
                yield from self._fold_waiting()
                yield from self._advance(each.to)
                continue
            self._waiting.append(each)
            if len(self._waiting) >= self._batch:
                yield from self._fold_waiting()
        yield from self._fold_waiting()

    @property
    def programs(self) -> Programs:
        """The versions known by now."""
        return self._fold.programs

    def accounts(self) -> Iterator[tuple[str, str, Account]]:
        """(site, customer, account) of every account as it stands, in the order of their keys."""
        for key in sorted(self._states):
            site, customer = ids.split_account_key(key.decode())
            yield site, customer, decode_account(self._states[key])

    def _fold_waiting(self) -> list[bytes]:
        pairs = [
            (ids.account_key(fact.site, fact.customer).encode(), FACTS.encode(fact))
            for fact in self._waiting
        ]
        self._waiting.clear()
        return self._apply(pairs)

    def _advance(self, to: int) -> Iterator[bytes]:
        """One `TimeReached` per account and due instant, soonest first, as a ticking clock does."""
        while (at := self._fold.next_due_at()) is not None and at <= to:
            yield from self._apply(self._fold.due(at))

    def _apply(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        if self._watch is not None:
            self._show(pairs, self._watch)
        output = self._fold.apply(
            [_record(self.facts + index, *pair) for index, pair in enumerate(pairs)]
        )
        assert not output.rejected, "whatever reads the input lets facts through alone"
        self.facts += len(pairs)
        self.repeats += output.repeats
        for key, state in output.states:
            if key == PROGRAMS_KEY:
                self._programs = Programs.decode(state)
            else:
                self._states[key] = state
        return [event for _, event, _ in output.events]

    def _show(self, pairs: Sequence[tuple[bytes, bytes]], watch: Watch) -> None:
        """Each pair is of another account: one fact, or what is due at one instant."""
        for index, (key, value) in enumerate(pairs):
            fact = FACTS.decode(value)
            if not isinstance(fact, ProgramPublished):
                watch(fact, self.facts + index, self._states.get(key), self._programs)


def _record(offset: int, key: bytes, value: bytes) -> Record:
    """As Kafka would hand the fact to the worker."""
    return ConsumerRecord(
        topic="",
        partition=0,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=len(key),
        serialized_value_size=len(value),
        headers=(),
    )
