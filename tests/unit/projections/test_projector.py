"""The projector between a log, a producer and a store that are told what to do."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaTimeoutError
from prometheus_client import REGISTRY
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from projections.database import open_engine
from projections.errors import LogBroken, SequenceGap, ViewsUnavailable
from projections.log import Chunk, Log, LogUnavailable, Record
from projections.projector import Listeners, Projector
from projections.store import Store
from projections.tables import balances
from projections.tally import KINDS
from schemas.codec import POINTS, REWARDS
from schemas.points import AnyPointsEvent
from tests.support.migrated import migrate
from tests.support.points import story
from tests.support.views import EMPTY, STORY, TOPIC, count_rows, fill

REWARD_IDS = [f"acme-test:c1:five-off:{n}" for n in (1, 2, 3)]


class FakeLog:
    """One partition that holds `values`, and gives `at_once` of them at a time."""

    topic = TOPIC

    def __init__(self, values: Sequence[bytes], at_once: int = 100) -> None:
        self.values = list(values)
        self._at_once = at_once
        self._position = 0
        self.answered = False
        self.silent = 0.0
        self.headers: tuple[tuple[str, bytes], ...] = ()

    async def partitions(self) -> list[int]:
        return [0]

    def assign(self, starts: Mapping[int, int]) -> None:
        self._position = starts[0]

    async def read(self, records_max: int) -> list[Chunk]:
        self.answered = True
        start = self._position
        values = self.values[start : start + min(self._at_once, records_max)]
        if not values:
            return []
        self._position += len(values)
        records = [record(start + index, value, self.headers) for index, value in enumerate(values)]
        return [Chunk(0, records, self._position)]

    def lag(self) -> dict[int, int]:
        return {0: len(self.values) - self._position}

    def has_answered(self) -> bool:
        return self.answered

    def silent_seconds(self) -> float:
        return self.silent


class FakeProducer:
    """Keeps what it is given, or fails as Kafka would."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.failure: Exception | None = None

    async def send(self, topic: str, value: bytes, **fields: Any) -> asyncio.Future[None]:
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.failure is not None:
            acknowledged.set_exception(self.failure)
        else:
            self.sent.append({"topic": topic, "value": value, **fields})
            acknowledged.set_result(None)
        return acknowledged

    @property
    def reward_ids(self) -> list[str]:
        return [REWARDS.decode(each["value"]).reward_id for each in self.sent]


def record(
    offset: int, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()
) -> "ConsumerRecord[Any, Any]":
    return ConsumerRecord(
        topic=TOPIC, partition=0, offset=offset, timestamp=1_000, timestamp_type=0, key=b"k",
        value=value, checksum=None, serialized_key_size=1, serialized_value_size=len(value),
        headers=headers,
    )  # fmt: skip


def encoded(events: Sequence[AnyPointsEvent]) -> list[bytes]:
    return [POINTS.encode(each) for each in events]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'views.sqlite'}")
    await migrate(opened, "views")
    yield opened
    await opened.dispose()


async def opened(
    log: FakeLog,
    producer: FakeProducer,
    engine: AsyncEngine,
    listeners: Listeners | None = None,
) -> Projector:
    """A projector that starts from what the database says, as a new process would."""
    projector = Projector(
        cast("Log", log),
        Store(engine, TOPIC, lambda: 7),
        cast("AIOKafkaProducer", producer),
        "loyalty.rewards.v1",
        listeners,
    )
    await projector.open()
    return projector


async def test_events_become_rows_and_commands(engine: AsyncEngine) -> None:
    producer = FakeProducer()
    projector = await opened(FakeLog(encoded(story())), producer, engine)
    read = await projector.step()
    assert read == 21
    assert await count_rows(engine) == STORY
    assert producer.reward_ids == [*REWARD_IDS, REWARD_IDS[2]]
    first = producer.sent[0]
    assert (first["topic"], first["key"]) == ("loyalty.rewards.v1", b"acme-test:c1")
    assert (first["partition"], first["timestamp_ms"]) == (0, 1_000)


async def test_a_crash_between_commands_and_commit_repeats_them_and_loses_none(
    engine: AsyncEngine,
) -> None:
    producer, log = FakeProducer(), FakeLog(encoded(story()[:6]))
    projector = await opened(log, producer, engine)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE entries RENAME TO away"))
    with pytest.raises(ViewsUnavailable):
        await projector.step()
    assert producer.reward_ids == REWARD_IDS[:1], "it went out before the commit"
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO entries"))
    assert await count_rows(engine) == EMPTY

    again = await opened(log, producer, engine)
    await again.step()

    assert producer.reward_ids == REWARD_IDS[:1] * 2
    assert producer.sent[0] == producer.sent[1], "a repeat is the same command, byte for byte"
    assert (await count_rows(engine))["entries"] == 6


async def test_a_command_that_is_not_acknowledged_keeps_the_position(engine: AsyncEngine) -> None:
    producer, log = FakeProducer(), FakeLog(encoded(story()))
    projector = await opened(log, producer, engine)
    producer.failure = KafkaTimeoutError()
    with pytest.raises(LogUnavailable, match=r"could not be written to loyalty\.rewards\.v1"):
        await projector.step()
    assert await count_rows(engine) == EMPTY

    producer.failure = None
    await (await opened(log, producer, engine)).step()
    assert set(producer.reward_ids) == set(REWARD_IDS)


async def test_a_new_projector_goes_on_where_the_database_stands(engine: AsyncEngine) -> None:
    producer, log = FakeProducer(), FakeLog(encoded(story()), at_once=11)
    await (await opened(log, producer, engine)).step()
    sent = len(producer.sent)
    read = await (await opened(log, producer, engine)).step()
    assert read == 10
    assert (await count_rows(engine))["entries"] == 21
    assert producer.reward_ids[sent:] == [REWARD_IDS[1], REWARD_IDS[2], REWARD_IDS[2]]


@pytest.mark.parametrize(
    "value", [b"{", b'{"type":"PointsMelted","v":1}', b'{"type":"PointsEarned","v":9}', b""]
)
async def test_an_event_it_does_not_know_stops_it_and_is_not_skipped(
    engine: AsyncEngine, value: bytes
) -> None:
    producer = FakeProducer()
    log = FakeLog([*encoded(story()[:4]), value])
    with pytest.raises(LogBroken, match=r"loyalty\.points\.v1/0/4 cannot be read"):
        await (await opened(log, producer, engine)).step()
    assert await count_rows(engine) == EMPTY
    assert producer.sent == []


async def test_a_gap_stops_it(engine: AsyncEngine) -> None:
    log = FakeLog(encoded([*story()[:2], *story()[3:]]))
    with pytest.raises(SequenceGap):
        await (await opened(log, FakeProducer(), engine)).step()
    assert await count_rows(engine) == EMPTY


async def test_it_tells_how_far_it_is_behind(engine: AsyncEngine) -> None:
    lags: list[tuple[int, int]] = []
    heard = Listeners(lag=lambda waiting, read_ms: lags.append((waiting[0], read_ms.get(0, 0))))
    projector = await opened(FakeLog(encoded(story()), at_once=8), FakeProducer(), engine, heard)
    for _ in range(4):
        await projector.step()
    assert lags == [(13, 1_000), (5, 1_000), (0, 1_000), (0, 1_000)]


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_it_counts_points_and_keeps_what_is_outstanding(engine: AsyncEngine) -> None:
    kinds = {kind for both in KINDS.values() for kind in both}
    before = {kind: metric("cactus_points_total", program="spikes", kind=kind) for kind in kinds}
    stale = metric("cactus_points_outstanding", program="spikes")
    projector = await opened(FakeLog(encoded(story())), FakeProducer(), engine)
    await projector.step()

    counted = {
        kind: metric("cactus_points_total", program="spikes", kind=kind) - before[kind]
        for kind in kinds
    }
    [row] = await balance_rows(engine)
    went = {"redeemed", "reversed", "expired", "adjusted_down", "corrected_down"}
    assert counted["earned"] > 0
    assert sum(-points if kind in went else points for kind, points in counted.items()) == sum(row)
    outstanding = metric("cactus_points_outstanding", program="spikes") - stale
    assert outstanding + metric("cactus_points_outstanding", program="") == sum(row)

    await opened(FakeLog([]), FakeProducer(), engine)  # a new process asks the database
    assert metric("cactus_points_outstanding", program="spikes") == sum(row)


async def balance_rows(engine: AsyncEngine) -> list[tuple[int, int]]:
    async with engine.connect() as connection:
        rows = await connection.execute(select(balances.c.balance, balances.c.pending))
        return [(row.balance, row.pending) for row in rows]


async def test_an_event_whose_figures_do_not_add_up_is_counted(engine: AsyncEngine) -> None:
    first, second, *_ = story()
    wrong = msgspec.structs.replace(second, balance=second.balance + 1)
    unbalanced: list[int] = []
    heard = Listeners(unbalanced=unbalanced.append)
    projector = await opened(FakeLog(encoded([first, wrong])), FakeProducer(), engine, heard)
    await projector.step()
    assert unbalanced == [1]


async def test_a_gap_in_a_sequence_is_counted_before_it_ends_the_projector(
    engine: AsyncEngine,
) -> None:
    first, _, third, *_ = story()
    gaps: list[int] = []
    heard = Listeners(gaps=gaps.append)
    projector = await opened(FakeLog(encoded([first, third])), FakeProducer(), engine, heard)
    with pytest.raises(SequenceGap):
        await projector.step()
    assert gaps == [1]


async def test_a_command_goes_on_with_the_trace_of_its_event(engine: AsyncEngine) -> None:
    parent, own = b"00-1-1-01", b"00-1-2-01"
    ended: list[str] = []

    def trace(records: Sequence[Record]) -> tuple[Sequence[Record], Callable[[], None]]:
        under = [replace(each, headers=(("traceparent", own),)) for each in records]
        assert records[0].headers == (("traceparent", parent),)
        return under, lambda: ended.append("batch")

    log, producer = FakeLog(encoded(story())), FakeProducer()
    log.headers = (("traceparent", parent),)
    projector = await opened(log, producer, engine, Listeners(trace=trace))
    await projector.step()
    assert {each["headers"][0] for each in producer.sent} == {("traceparent", own)}
    assert ended == ["batch"]


async def test_it_is_ready_while_kafka_answers(engine: AsyncEngine) -> None:
    log = FakeLog([])
    projector = await opened(log, FakeProducer(), engine)
    assert projector.complaint() == "it has not read yet"
    await projector.step()
    assert projector.complaint() is None
    log.silent = 12.0
    assert projector.complaint() == "Kafka has not answered for 12 s"


async def test_asked_to_stop_it_finishes_the_batch_at_hand(engine: AsyncEngine) -> None:
    stop, log = asyncio.Event(), FakeLog(encoded(story()))
    projector = await opened(log, FakeProducer(), engine)
    running = asyncio.create_task(projector.run(stop))
    while not log.answered:  # noqa: ASYNC110 - the fake has no event to wait for
        await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(running, 10)
    assert (await count_rows(engine))["entries"] == 21


async def test_repeats_in_the_log_give_no_row_twice(engine: AsyncEngine) -> None:
    await fill(engine, [])
    log = FakeLog(encoded([*story(), *story()]))
    await (await opened(log, FakeProducer(), engine)).step()
    assert (await count_rows(engine))["entries"] == 21
