"""The fold by itself, on one core, without Kafka: what a backtest or a replay can reach.

`decide` alone has facts decoded and accounts live; the partition's fold also decodes facts, encodes
events and encodes each touched account once per batch, as in a worker.
"""

import gc
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from schemas.codec import FACTS
from schemas.topics import PROGRAMS_KEY
from streams.account.ordering import fold
from streams.account.programs import Programs
from streams.account.state import Account
from streams.app import POLL_RECORDS_MAX
from streams.core.batches import Record
from streams.fold import PartitionFold
from tests.bench.facts import Load

REPEATS = 5


@dataclass(frozen=True, slots=True)
class PureRate:
    """Facts per CPU-second, the best of a few rounds: noise only ever slows down."""

    what: str
    facts_per_second: float


class Fetched(msgspec.Struct, frozen=True):
    """As much of a consumer's record as the fold reads."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def measure_pure(program: str, programs: Programs, load: Load, partitions: int) -> list[PureRate]:
    """`load` is what `programs` made of the customers' lives; `program` is their name."""
    facts = [FACTS.decode(value) for _, _, value in load.records]
    batches = list(_batches(load, partitions))

    def decide_alone() -> None:
        accounts: defaultdict[str, Account] = defaultdict(Account)
        for offset, fact in enumerate(facts):
            fold(accounts[fact.customer], fact, offset, programs)

    def fold_partitions() -> None:
        folds = [_fold(programs) for _ in range(partitions)]
        for partition, batch in batches:
            folds[partition].apply(batch)

    return [
        PureRate(f"{program}: decide alone, accounts live", _rate(decide_alone, len(facts))),
        PureRate(
            f"{program}: fold of a partition, bytes to bytes", _rate(fold_partitions, len(facts))
        ),
    ]


def _fold(programs: Programs) -> PartitionFold:
    fold = PartitionFold("bench")
    fold.restore(PROGRAMS_KEY, programs.encode())
    return fold


def _batches(load: Load, partitions: int) -> Iterable[tuple[int, list[Record]]]:
    waiting: list[list[Record]] = [[] for _ in range(partitions)]
    for offset, (partition, key, value) in enumerate(load.records):
        record: Record = Fetched("facts", partition, offset, 0, key, value)
        waiting[partition].append(record)
        if len(waiting[partition]) == POLL_RECORDS_MAX:
            yield partition, waiting[partition]
            waiting[partition] = []
    yield from enumerate(waiting)


def _rate(work: Callable[[], None], facts: int) -> float:
    gc.collect()
    gc.freeze()  # what the benchmark itself holds is no part of the work
    best = 0.0
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        best = max(best, facts / (time.process_time() - began))
    gc.unfreeze()
    return best
