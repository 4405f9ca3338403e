"""Metrics that several roles tell: none of them may import another, so each is handed its own.

What a busy role counts is counted for a whole batch: bounds are searched in C, and one lock is
taken, so that a fact costs a tenth of a microsecond.
"""

import math
import threading
import time
from bisect import bisect_right
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Literal

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Stage = Literal["stored", "translated", "folded", "projected", "delivered"]
STAGES: tuple[Stage, ...] = ("stored", "translated", "folded", "projected", "delivered")
Invariant = Literal["sequence", "figures", "readable", "one_command"]
INVARIANTS: tuple[Invariant, ...] = ("sequence", "figures", "readable", "one_command")

AGE_BOUNDS = (
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    *(300.0, 900.0, 3600.0, 21_600.0, 86_400.0, 302_400.0),
)
"""Seconds; each threshold of an objective is one of them."""

LAG_MESSAGES = Gauge(
    "cactus_lag_messages", "Records a role has still to read, up to the end it can read", ["topic"]
)
LAG_SECONDS = Gauge(
    "cactus_lag_seconds",
    "How long the records that a role has still to read have waited",
    ["topic"],
)
DEAD_LETTERS = Counter("cactus_dlq_messages_total", "Messages sent to the DLQ", ["stage", "class"])
VIOLATIONS = Counter(
    "cactus_invariant_violations_total",
    "What must never be and was found by a role at work: a gap in a sequence, figures that are not "
    "the sum of the lots, an event that cannot be read, two commands under one reward id",
    ["invariant"],
)
REBALANCES = Counter(
    "cactus_rebalances_total", "Times this process was given partitions of a topic anew", ["topic"]
)
LAST_PROCESSED = Gauge(
    "cactus_last_record_processed_timestamp_seconds",
    "When a stage last finished with a record",
    ["stage"],
)


class Ages(Collector):
    """A histogram by stage that is filled a batch at a time."""

    def __init__(
        self,
        name: str,
        documentation: str,
        *,
        bounds: Sequence[float] = AGE_BOUNDS,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = bounds
        # From the oldest to the newest, so that a timestamp is searched as it is.
        self._falling_ms = [round(bound * 1000) for bound in reversed(bounds)]
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        self._lock = threading.Lock()
        registry.register(self)

    def begin(self, stage: str) -> None:
        """Show it before its first record, so that no count comes out of nowhere."""
        with self._lock:
            self._counts.setdefault(stage, [0] * (len(self._bounds) + 1))
            self._sums.setdefault(stage, 0.0)

    def observe(self, stage: str, timestamps_ms: Sequence[int], now_ms: int) -> None:
        """Records of these times have passed the stage. A time to come has age 0."""
        if not timestamps_ms:
            return
        thresholds = [now_ms - age for age in self._falling_ms]
        places = Tally(map(partial(bisect_right, thresholds), timestamps_ms))
        seconds = max(0, now_ms * len(timestamps_ms) - sum(timestamps_ms)) / 1000
        slots = len(self._bounds)
        self.begin(stage)
        with self._lock:
            for place, count in places.items():
                self._counts[stage][slots - place] += count
            self._sums[stage] += seconds

    def collect(self) -> Iterable[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._documentation, labels=["stage"])
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        with self._lock:
            for stage, counts in self._counts.items():
                buckets = list(zip(names, map(float, accumulate(counts)), strict=True))
                family.add_metric([stage], buckets, self._sums[stage])
        yield family


EVENT_AGE = Ages(
    "cactus_event_age_seconds",
    "Age of an event when a stage had finished with it: stored since it occurred, by the engine's "
    "clock; every later stage since it arrived",
)


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def passing(stage: Stage, now_ms: Callable[[], int] = wall_ms) -> Callable[[Sequence[int]], None]:
    """What a stage is given to tell the timestamps of records that it has finished with."""
    EVENT_AGE.begin(stage)

    def passed(timestamps_ms: Sequence[int]) -> None:
        EVENT_AGE.observe(stage, timestamps_ms, now_ms())
        LAST_PROCESSED.labels(stage).set_to_current_time()

    return passed


def burying(stage: str) -> Callable[[str], None]:
    """What a stage is given to tell the class of what it sends to the DLQ."""
    return lambda error_class: DEAD_LETTERS.labels(stage, error_class).inc()


def violating(invariant: Invariant) -> Callable[[int], None]:
    """What a role is given to tell how often it found this to be."""
    return VIOLATIONS.labels(invariant).inc


def rebalancing(topic: str) -> Callable[[object], None]:
    """What the reader of a topic is given to tell each assignment."""
    counted = REBALANCES.labels(topic)
    return lambda _assignment: counted.inc()


class Lag:
    """Shows how far the reader of one topic is behind, in records and in seconds.

    A partition's records have waited since the last one that was read, or since nothing waited
    there, whichever is later: so neither an idle hour nor a stop is taken for lag.
    """

    def __init__(self, topic: str, wall: Callable[[], float] = time.time) -> None:
        self._messages = LAG_MESSAGES.labels(topic)
        self._seconds = LAG_SECONDS.labels(topic)
        self._wall = wall
        self._caught_up: dict[int, float] = {}

    def show(self, waiting: Mapping[int, int], read_ms: Mapping[int, int]) -> None:
        """`waiting` records by partition, and the timestamp of the last one read of each."""
        now = self._wall()
        self._caught_up = {
            partition: self._caught_up.get(partition, now) if lag else now
            for partition, lag in waiting.items()
        }
        since = [
            max(self._caught_up[partition], read_ms.get(partition, 0) / 1000)
            for partition, lag in waiting.items()
            if lag
        ]
        self._messages.set(sum(waiting.values()))
        self._seconds.set(max(0.0, now - min(since)) if since else 0.0)

    def forget(self) -> None:
        """Nobody knows."""
        self._messages.set(math.nan)
        self._seconds.set(math.nan)
