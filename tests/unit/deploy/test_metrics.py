"""Ages by stage, and lag in seconds."""

import math

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from deploy.metrics import LAG_SECONDS, Ages, Lag

NOW_MS = 1_800_000_000_000


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def ages(registry: CollectorRegistry) -> Ages:
    return Ages("cactus_age_seconds", "Ages.", bounds=(1.0, 10.0), registry=registry)


def bucket(registry: CollectorRegistry, le: str) -> float | None:
    return registry.get_sample_value("cactus_age_seconds_bucket", {"stage": "folded", "le": le})


def test_an_age_on_a_bound_is_within_it(ages: Ages, registry: CollectorRegistry) -> None:
    waited = (0, 999, 1_000, 1_001, 10_000, 10_001, 9_999_999)
    ages.observe("folded", [NOW_MS - each for each in waited], NOW_MS)

    assert [bucket(registry, le) for le in ("1.0", "10.0", "+Inf")] == [3, 5, 7]
    total = registry.get_sample_value("cactus_age_seconds_sum", {"stage": "folded"})
    assert total == pytest.approx(sum(waited) / 1000)


def test_batches_add_up_and_a_time_to_come_has_no_age(
    ages: Ages, registry: CollectorRegistry
) -> None:
    ages.observe("folded", [NOW_MS + 5_000], NOW_MS)
    ages.observe("folded", [], NOW_MS)
    ages.observe("folded", [NOW_MS - 2_000], NOW_MS)

    assert [bucket(registry, le) for le in ("1.0", "10.0", "+Inf")] == [1, 2, 2]
    assert registry.get_sample_value("cactus_age_seconds_sum", {"stage": "folded"}) == 2.0


class Reader:
    """A lag that is shown at times told by hand."""

    def __init__(self, topic: str) -> None:
        self.now = 1_000.0
        self._lag = Lag(topic, lambda: self.now)
        self._topic = topic

    def seconds(self, waiting: dict[int, int], read_at: dict[int, float]) -> float:
        self._lag.show(waiting, {each: round(at * 1000) for each, at in read_at.items()})
        return self.shown

    @property
    def shown(self) -> float:
        shown = REGISTRY.get_sample_value("cactus_lag_seconds", {"topic": self._topic})
        assert shown is not None
        return shown

    def forget(self) -> None:
        self._lag.forget()


def test_who_has_read_everything_is_not_behind_however_long_nothing_came() -> None:
    reader = Reader("idle")
    assert reader.seconds({0: 0}, {0: 10.0}) == 0
    reader.now += 3_600
    assert reader.seconds({0: 0}, {0: 10.0}) == 0
    reader.now += 1
    assert reader.seconds({0: 1}, {0: 10.0}) == 1


def test_who_reads_old_records_is_behind_by_their_age() -> None:
    reader = Reader("old")
    reader.seconds({0: 50}, {})
    reader.now += 300
    assert reader.seconds({0: 9}, {0: 1_250.0}) == 50


def test_a_partition_that_stands_still_is_seen_beside_one_that_moves() -> None:
    reader = Reader("beside")
    reader.seconds({0: 0, 1: 0}, {})
    reader.now += 100
    assert reader.seconds({0: 3, 1: 7}, {0: 1_099.0, 1: 900.0}) == 100


def test_what_was_there_at_the_start_counts_from_the_start() -> None:
    reader = Reader("start")
    assert reader.seconds({0: 5}, {}) == 0
    reader.now += 20
    assert reader.seconds({0: 5}, {}) == 20


def test_what_nobody_knows_is_no_number() -> None:
    reader = Reader("unknown")
    reader.seconds({0: 5}, {})
    reader.forget()
    assert math.isnan(reader.shown)
    LAG_SECONDS.remove("unknown")
