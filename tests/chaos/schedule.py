"""The faults of one run, drawn from its seed before anything starts. PURE."""

import random
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle, islice

SESSION_TIMEOUT_SECONDS = 10.0
"""After it a silent worker loses its partitions: a freeze must outlast it to make a zombie."""


class Kind(StrEnum):
    KILL = "kill -9 of a worker"
    FREEZE = "worker frozen, then resumed as a zombie"
    TERMINATE = "worker terminated"
    BROKER = "kill -9 of the broker"


SHARES = (Kind.KILL, Kind.FREEZE, Kind.KILL, Kind.TERMINATE, Kind.KILL, Kind.FREEZE, Kind.KILL,
          Kind.BROKER, Kind.KILL, Kind.TERMINATE)  # fmt: skip
"""Of every ten faults. Any ten or more hold every kind."""

LASTS_SECONDS = {
    Kind.KILL: (0.0, 0.0),
    Kind.FREEZE: (SESSION_TIMEOUT_SECONDS + 1, SESSION_TIMEOUT_SECONDS + 6),
    Kind.TERMINATE: (0.0, 0.0),
    Kind.BROKER: (0.0, 3.0),
}
PAUSE_SECONDS = (0.3, 3.0)
AT_WORK_RATIO = 0.65


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`pause_seconds` pass before it; `at_work` then waits until facts are being committed.

    `victim` in [0, 1) chooses among the workers that live then. `lasts_seconds` is how long a
    worker stays frozen, or the broker away before it starts again.
    """

    kind: Kind
    pause_seconds: float
    at_work: bool
    victim: float
    lasts_seconds: float


def draw_faults(seed: int, count: int) -> tuple[Fault, ...]:
    """`count` faults; the same for the same seed, for ever."""
    rng = random.Random(f"faults {seed}")
    kinds = list(islice(cycle(SHARES), count))
    rng.shuffle(kinds)
    return tuple(
        Fault(
            kind=kind,
            pause_seconds=rng.uniform(*PAUSE_SECONDS),
            at_work=rng.random() < AT_WORK_RATIO,
            victim=rng.random(),
            lasts_seconds=rng.uniform(*LASTS_SECONDS[kind]),
        )
        for kind in kinds
    )
