"""One partition of facts with several customers, lived through as a worker lives through it."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from schemas import ids
from schemas.codec import FACTS
from schemas.facts import AnyFact, RewardDelivered, RewardFailed
from schemas.topics import PROGRAMS_KEY
from streams.account.programs import Programs
from streams.core.batches import Record
from streams.core.ports import Output
from streams.fold import PartitionFold
from tests.support.records import record
from tests.support.story import CUSTOMER
from tests.support.year import SITE


class Worker:
    """A fold that begins with what was committed, as after a restart."""

    def __init__(self, states: Mapping[bytes, bytes]) -> None:
        self.fold = PartitionFold(code_version="")
        for key, state in states.items():
            self.fold.restore(key, state)

    def apply(self, records: Sequence[Record]) -> Output:
        output = self.fold.apply(records)
        assert not output.rejected
        return output


class Partition:
    """What was written: `log`, the facts with those of the clock; events; states by key."""

    def __init__(self, programs: Programs) -> None:
        self.log: list[Record] = []
        self.events: list[tuple[bytes, bytes]] = []
        self.states: dict[bytes, bytes] = {PROGRAMS_KEY: programs.encode()}
        self._worker = Worker(self.states)

    def live(self, facts: Iterable[AnyFact]) -> None:
        """Tell facts in the order in which they occurred, and live through the time between."""
        for fact in sorted(facts, key=lambda each: each.occurred_at):
            self.live_until(fact.occurred_at)
            key = ids.account_key(fact.site, fact.customer).encode()
            self._append([(key, FACTS.encode(fact))])

    def live_until(self, at: int) -> None:
        while (due_at := self._worker.fold.next_due_at()) is not None and due_at <= at:
            self._append(self._worker.fold.due(due_at))

    def _append(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        records = [
            record(len(self.log) + place, value, key=key)
            for place, (key, value) in enumerate(pairs)
        ]
        self.log += records
        self.commit(self._worker.apply(records))

    def commit(self, output: Output) -> None:
        self.events += [(key, event) for key, event, _ in output.events]
        self.states.update(output.states)


def named(fact: AnyFact, customer: str) -> AnyFact:
    """The story's customer under another name."""
    if isinstance(fact, RewardDelivered | RewardFailed):
        rest = fact.reward_id.removeprefix(f"{SITE}:{CUSTOMER}:")
        fact = replace(fact, reward_id=f"{SITE}:{customer}:{rest}")
    return replace(fact, customer=customer)
