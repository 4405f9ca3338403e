"""The bucket that processes share, on SQLite and on PostgreSQL, and what is left without it."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from connectors.chargebee.limits import TokenBucket
from connectors.chargebee.quota import ALONE_SECONDS, SharedBucket
from connectors.database import open_engine
from tests.support.postgres import fresh_schema


class Time:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.integration)])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    if request.param == "sqlite":
        opened = open_sqlite(tmp_path)
    else:
        opened = open_engine(request.getfixturevalue("postgres"), schema=fresh_schema())
    yield opened
    await opened.dispose()


def open_sqlite(directory: Path) -> AsyncEngine:
    url = f"sqlite+aiosqlite:///{directory / 'quota.sqlite'}"
    return open_engine(url, schema="quota", durable=False)


def shared(engine: AsyncEngine, clock: Time, *, site: str = "acme") -> SharedBucket:
    alone = TokenBucket(site, 30, burst=1, monotonic=clock.read, sleep=clock.sleep)
    return SharedBucket(
        site,
        60,
        engine,
        alone,
        burst=2,
        wall=clock.read,
        monotonic=clock.read,
        sleep=clock.sleep,
    )


async def test_several_share_what_a_site_allows(tmp_path: Path) -> None:
    clock, engine = Time(), open_sqlite(tmp_path)
    buckets = [shared(engine, clock) for _ in range(3)]
    for _ in range(4):
        for bucket in buckets:
            await bucket.acquire()
    assert sum(clock.slept) == pytest.approx(10)  # two at once, ten more at one a second
    await engine.dispose()


async def test_each_site_has_a_bucket_of_its_own(engine: AsyncEngine) -> None:
    clock = Time()
    for site in ("acme", "other"):
        for _ in range(2):
            await shared(engine, clock, site=site).acquire()
    assert clock.slept == []


async def test_those_who_wait_are_served_a_moment_apart(engine: AsyncEngine) -> None:
    clocks = [Time() for _ in range(5)]  # each of them waits by itself, as processes do
    for clock in clocks:
        await shared(engine, clock).acquire()
    waited = [sum(clock.slept) for clock in clocks]
    assert waited[:2] == [0, 0]
    assert waited[2:] == pytest.approx([1, 2, 3], abs=0.5)


async def test_a_pause_stops_everybody_of_the_site(tmp_path: Path) -> None:
    clock, engine = Time(), open_sqlite(tmp_path)
    one, other = shared(engine, clock), shared(engine, clock)
    await one.pause(60)
    await one.pause(1)
    await other.acquire()
    assert sum(clock.slept) == pytest.approx(60)
    await other.acquire()
    assert sum(clock.slept) == pytest.approx(61)  # and no burst after it
    await engine.dispose()


async def test_one_whose_moment_falls_into_a_pause_asks_again(tmp_path: Path) -> None:
    clock, engine = Time(), open_sqlite(tmp_path)
    throttled = shared(engine, clock)
    interrupted = False

    async def sleep_until_somebody_pauses(seconds: float) -> None:
        nonlocal interrupted
        await clock.sleep(seconds)
        if not interrupted:
            interrupted = True
            await throttled.pause(30)

    waiting = shared(engine, clock)
    waiting._sleep = sleep_until_somebody_pauses
    start = clock.now
    for _ in range(3):
        await waiting.acquire()
    assert clock.now - start == pytest.approx(31)
    await engine.dispose()


async def test_a_clock_that_was_set_back_stops_nobody_for_long(tmp_path: Path) -> None:
    clock, engine = Time(), open_sqlite(tmp_path)
    bucket = shared(engine, clock)
    await bucket.acquire()
    await bucket.pause(5)
    clock.now -= 86_400
    await bucket.acquire()
    assert sum(clock.slept) == 0
    await engine.dispose()


async def test_a_share_is_left_to_each_while_the_database_is_away(tmp_path: Path) -> None:
    clock = Time()
    engine = open_engine("postgresql+asyncpg://ada:x@127.0.0.1:1/quota", schema="quota")
    bucket = shared(engine, clock)
    with capture_logs() as logs:
        for _ in range(4):
            await bucket.acquire()
    assert sum(clock.slept) == pytest.approx(6)  # its own 30 a minute, one at once
    assert [entry["event"] for entry in logs] == ["quota_not_shared"]
    await engine.dispose()


async def test_a_database_that_is_back_is_shared_again(tmp_path: Path) -> None:
    clock, directory = Time(), tmp_path / "later"
    engine = open_sqlite(directory)
    bucket = shared(engine, clock)
    await bucket.acquire()
    directory.mkdir()
    clock.now += ALONE_SECONDS
    await bucket.acquire()
    async with engine.begin() as connection:
        assert (await connection.execute(sa.text("SELECT site FROM bucket"))).scalars().all() == [
            "acme"
        ]
    await engine.dispose()


async def test_a_pause_is_honoured_without_the_database_too() -> None:
    clock = Time()
    engine = open_engine("postgresql+asyncpg://ada:x@127.0.0.1:1/quota", schema="quota")
    bucket = shared(engine, clock)
    await bucket.pause(5)
    await bucket.acquire()
    assert sum(clock.slept) == pytest.approx(5)
    await engine.dispose()


NOON = 1_800_000_000.0


def _draw(directory: str, calls: int) -> None:
    async def draw() -> None:
        engine = open_sqlite(Path(directory))
        never = TokenBucket("acme", 1, burst=1)
        bucket = SharedBucket("acme", 60, engine, never, wall=lambda: NOON, sleep=at_once)
        for _ in range(calls):
            await bucket.acquire()
        await engine.dispose()

    async def at_once(seconds: float) -> None:
        assert seconds > 0

    asyncio.run(draw())


async def test_processes_never_take_the_same_moment(tmp_path: Path) -> None:
    """On a clock that stands still every call moves the bucket on by exactly its own moment."""
    context = multiprocessing.get_context("spawn")
    drawing = [context.Process(target=_draw, args=(str(tmp_path), 20)) for _ in range(3)]
    for process in drawing:
        process.start()
    for process in drawing:
        await asyncio.to_thread(process.join)
    assert [process.exitcode for process in drawing] == [0, 0, 0]
    engine = open_sqlite(tmp_path)
    async with engine.begin() as connection:
        full_at = (await connection.execute(sa.text("SELECT full_at FROM bucket"))).scalar_one()
    assert full_at == NOON + 60
    await engine.dispose()
