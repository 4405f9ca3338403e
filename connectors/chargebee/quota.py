"""One bucket per site for all processes that call it: a row of a small database of its own.

Chargebee counts requests per minute and site, whoever sends them. A call reserves the next moment
in the row and waits for it, so that processes take turns in the order in which they asked. What is
kept here is worth nothing a minute later: without the database, each process takes a fixed share.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.schema import CreateSchema

from connectors.chargebee.limits import QUOTA_USED, Sleep, TokenBucket, burst_of

log = structlog.get_logger(__name__)

SCHEMA = "quota"
LOCK_KEY = 7_166_802
"""Any number, the same for ever: who holds this PostgreSQL advisory lock makes the table."""
ANSWER_SECONDS_MAX = 2.0
ALONE_SECONDS = 10.0
PAUSE_SECONDS_MAX = 3600.0
PROCESSES_MAX = 64
"""So many may have reserved a moment and be waiting for it; more is a clock that was set back."""

_metadata = sa.MetaData()
_bucket = sa.Table(
    "bucket",
    _metadata,
    sa.Column("site", sa.Text, primary_key=True),
    # Unix seconds at which the bucket is full again, and until which nobody calls.
    sa.Column("full_at", sa.Double, nullable=False),
    sa.Column("paused_until", sa.Double, nullable=False),
)


class _Row(NamedTuple):
    full_at: float
    paused_until: float


class SharedBucket:
    """Lets `per_minute` calls of a site through on average, at most `burst` at once, over all
    processes that use this database. `alone` is this process's share where it cannot be reached.

    The clock is the database server's where it has one, so that machines need not agree.
    """

    def __init__(
        self,
        site: str,
        per_minute: float,
        engine: AsyncEngine,
        alone: TokenBucket,
        *,
        burst: float | None = None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        assert per_minute > 0
        self._site = site
        self._apart = 60 / per_minute
        self._depth = burst_of(per_minute, burst) * self._apart
        self._engine = engine
        self._alone = alone
        self._wall = wall
        self._monotonic = monotonic
        self._sleep = sleep
        self._is_postgres = engine.dialect.name == "postgresql"
        self._alone_until = 0.0
        self._is_made = False
        self._turn = asyncio.Lock()

    async def acquire(self) -> None:
        """Waits for this call's turn."""
        async with self._turn:
            while self._monotonic() >= self._alone_until:
                try:
                    if await self._wait_for_a_moment():
                        return
                except Exception as error:  # noqa: BLE001 - drivers raise kinds of their own
                    self._go_alone(error)
            await self._alone.acquire()

    async def _wait_for_a_moment(self) -> bool:
        """Whether the moment that was reserved came while nobody had paused the site."""
        wait = await self._ask(self._reserve)
        if wait <= 0:
            return True
        await self._sleep(wait)
        paused = await self._ask(self._pause_left)
        if paused > 0:
            await self._sleep(paused)
        return paused <= 0

    async def pause(self, seconds: float) -> None:
        """No call of any process goes out for `seconds` from now."""
        await self._alone.pause(seconds)
        if self._monotonic() < self._alone_until:
            return
        try:
            await self._ask(lambda connection: self._pause(connection, seconds))
        except Exception as error:  # noqa: BLE001 - drivers raise kinds of their own
            self._go_alone(error)

    def _go_alone(self, error: Exception) -> None:
        self._alone_until = self._monotonic() + ALONE_SECONDS
        log.warning(
            "quota_not_shared",
            site=self._site,
            reason=str(error) or type(error).__name__,
            instead="this process takes its fixed share",
        )

    async def _ask(self, work: "Callable[[AsyncConnection], Any]") -> float:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            if not self._is_made:
                await _make_table(self._engine)
                self._is_made = True
            async with self._engine.begin() as connection:
                answer: float = await work(connection)
                return answer

    async def _reserve(self, connection: AsyncConnection) -> float:
        """Takes the next moment; seconds until then."""
        row, now = await self._locked(connection)
        full_at = max(row.full_at, now)
        allowed_at = full_at + self._apart - self._depth
        await self._write(connection, full_at + self._apart, row.paused_until)
        QUOTA_USED.labels(self._site).set(min(1.0, (full_at + self._apart - now) / self._depth))
        return max(0.0, allowed_at - now, row.paused_until - now)

    async def _pause_left(self, connection: AsyncConnection) -> float:
        row, now = await self._locked(connection)
        return max(0.0, row.paused_until - now)

    async def _pause(self, connection: AsyncConnection, seconds: float) -> float:
        row, now = await self._locked(connection)
        until = max(row.paused_until, now + min(seconds, PAUSE_SECONDS_MAX))
        # Afterwards calls come one by one: a burst would be answered as the last one was.
        full_at = max(row.full_at, until + self._depth - self._apart)
        await self._write(connection, full_at, until)
        return seconds

    async def _locked(self, connection: AsyncConnection) -> tuple[_Row, float]:
        """The site's row, held until the transaction ends, and the time."""
        insert: Any = postgresql.insert if self._is_postgres else sqlite.insert
        new = {"site": self._site, "full_at": 0.0, "paused_until": 0.0}
        await connection.execute(insert(_bucket).values(new).on_conflict_do_nothing())
        query = sa.select(_bucket).where(_bucket.c.site == self._site).with_for_update()
        found = (await connection.execute(query)).one()
        now = await self._now(connection)
        return self._sane(_Row(found.full_at, found.paused_until), now), now

    def _sane(self, row: _Row, now: float) -> _Row:
        """What no pause and no queue explains comes from a clock that was set back."""
        paused_until = row.paused_until if row.paused_until <= now + PAUSE_SECONDS_MAX else now
        latest = max(now, paused_until) + self._depth + PROCESSES_MAX * self._apart
        return _Row(row.full_at if row.full_at <= latest else now, paused_until)

    async def _now(self, connection: AsyncConnection) -> float:
        if not self._is_postgres:
            return self._wall()
        clock = sa.select(sa.extract("epoch", sa.func.clock_timestamp()))
        return float((await connection.execute(clock)).scalar_one())

    async def _write(
        self, connection: AsyncConnection, full_at: float, paused_until: float
    ) -> None:
        await connection.execute(
            sa.update(_bucket)
            .where(_bucket.c.site == self._site)
            .values(full_at=full_at, paused_until=paused_until)
        )


async def _make_table(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            lock = sa.text("SELECT pg_advisory_xact_lock(:key)")
            await connection.execute(lock, {"key": LOCK_KEY})
            schema = str(await connection.scalar(sa.text("SHOW search_path"))).strip('"')
            await connection.execute(CreateSchema(schema, if_not_exists=True))
        await connection.run_sync(_metadata.create_all)
