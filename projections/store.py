"""Apply a batch of points events and the log position after it in one SQL transaction.

The position is moved by compare-and-set, first thing in the transaction. A second writer therefore
waits for the row, finds it moved, and writes nothing: no lease has to be trusted for correctness.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from projections.anonymous import forget
from projections.balances import Logged, View, lots_touched, project, rewards_touched
from projections.bulk import bulk_for
from projections.database import explained
from projections.errors import AnotherWriter
from projections.rows import BalanceRow, LotRow, RewardRow
from projections.tables import (
    balances,
    day_flows,
    entries,
    flows,
    lots,
    positions,
    rewards,
)
from projections.tally import Tally

PROJECTION = "views.v1"
SUMS = ("points", "changes")


@dataclass(frozen=True, slots=True)
class Move:
    """A partition's position before and after a batch."""

    expected: int
    next_offset: int


class Positions:
    """How far one projection has read one topic. Moved by compare-and-set."""

    def __init__(self, engine: AsyncEngine, topic: str, projection: str = PROJECTION) -> None:
        self.engine = engine
        self.topic = topic
        self.projection = projection
        here = (positions.c.projection == projection) & (positions.c.topic == topic)
        self._advance = (
            update(positions)
            .where(here)
            .where(positions.c.partition == bindparam("at_partition"))
            .where(positions.c.next_offset == bindparam("expected"))
            .values(next_offset=bindparam("reached"))
        )

    async def open(self, partitions: Sequence[int]) -> dict[int, int]:
        """The next offset of each partition; one never seen begins at 0."""
        dialect = sqlite if self.engine.dialect.name == "sqlite" else postgresql
        rows = [
            {
                "projection": self.projection,
                "topic": self.topic,
                "partition": each,
                "next_offset": 0,
            }
            for each in partitions
        ]
        with explained(self.engine):
            async with self.engine.begin() as connection:
                await connection.execute(dialect.insert(positions).on_conflict_do_nothing(), rows)
                return await read_positions(connection, self.topic, self.projection)

    async def move(self, connection: AsyncConnection, moves: Mapping[int, Move]) -> None:
        """Raises `AnotherWriter`."""
        # Sorted, so that two writers lock rows in one order and cannot deadlock.
        for partition, move in sorted(moves.items()):
            assert move.next_offset >= move.expected
            result = await connection.execute(
                self._advance,
                {
                    "at_partition": partition,
                    "expected": move.expected,
                    "reached": move.next_offset,
                },
            )
            if result.rowcount != 1:
                msg = (
                    f"Another projector writes these views: partition {partition} of {self.topic} "
                    f"is no longer at offset {move.expected}. Nothing was written. Run one "
                    "projector per database."
                )
                raise AnotherWriter(msg)


class Store:
    """The views' writer. `now_ms` tells when a batch was projected; `turn` is held while a batch
    is written, by whoever else writes the same database.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        topic: str,
        now_ms: Callable[[], int],
        turn: asyncio.Lock | None = None,
    ) -> None:
        self.engine = engine
        self._positions = Positions(engine, topic)
        self._now_ms = now_ms
        self._turn = turn or asyncio.Lock()
        self._bulk = bulk_for(engine.dialect.name)

    async def open_positions(self, partitions: Sequence[int]) -> dict[int, int]:
        """The next offset of each partition; one never seen begins at 0."""
        return await self._positions.open(partitions)

    async def outstanding(self) -> dict[str, int]:
        """Balance and pending of all accounts, by program."""
        total = func.sum(balances.c.balance + balances.c.pending)
        statement = select(balances.c.program, total).group_by(balances.c.program)
        with explained(self.engine):
            async with self.engine.begin() as connection:
                rows = (await connection.execute(statement)).all()
        return {program: int(points) for program, points in rows}

    async def apply(
        self, batch: Sequence[Logged], moves: Mapping[int, Move], tally: Tally | None = None
    ) -> int:
        """Write a batch, in log order per partition, and move the positions. Returns how many of
        the events were new, and what they amount to in `tally`.

        Raises `AnotherWriter`, `SequenceGap`, `LogBroken` or `ViewsUnavailable`; the database is
        then as it was before.
        """
        with explained(self.engine):
            async with self._turn, self.engine.begin() as connection:
                await self._positions.move(connection, moves)
                view = await self._load(connection, batch)
                if tally is not None:
                    tally.begin(view.balances.values())
                fresh = sum([project(view, logged) for logged in batch])
                if tally is not None:
                    tally.end(view)
                await self._write(connection, view)
                return fresh

    async def _load(self, connection: AsyncConnection, batch: Sequence[Logged]) -> View:
        """The rows that the batch may touch, as they are now."""
        accounts: set[tuple[str, ...]] = set()
        lot_keys: set[tuple[str, ...]] = set()
        reward_keys: set[tuple[str, ...]] = set()
        for logged in batch:
            event = logged.event
            accounts.add((event.site, event.customer))
            for lot in lots_touched(event):
                lot_keys.add((event.site, event.customer, lot))
            for reward in rewards_touched(event):
                reward_keys.add((reward,))
        read = self._bulk.read
        view = View()
        for row in await read(connection, balances, ("site", "customer"), sorted(accounts)):
            view.balances[row.site, row.customer] = BalanceRow(*row)
        for row in await read(connection, lots, ("site", "customer", "lot"), sorted(lot_keys)):
            view.lots[row.site, row.customer, row.lot] = LotRow(*row)
        for row in await read(connection, rewards, ("reward_id",), sorted(reward_keys)):
            view.rewards[row.reward_id] = RewardRow(*row)
        return view

    async def _write(self, connection: AsyncConnection, view: View) -> None:
        projected_at_ms = self._now_ms()
        for entry in view.entries:
            entry.projected_at_ms = projected_at_ms
        write = self._bulk.write
        changed_balances = (view.balances[key] for key in sorted(view.changed_balances))
        changed_lots = (view.lots[key] for key in sorted(view.changed_lots))
        changed_rewards = (view.rewards[key] for key in sorted(view.changed_rewards))
        await write(connection, balances, changed_balances, replace=True)
        # An entry is never written twice: a key that exists is somebody else's, and an error.
        await write(connection, entries, view.entries, replace=False)
        await write(connection, lots, changed_lots, replace=True)
        await write(connection, rewards, changed_rewards, replace=True)
        flowed = (view.flows[key] for key in sorted(view.flows))
        await write(connection, flows, flowed, replace=True, adding=SUMS)
        of_days = (view.day_flows[key] for key in sorted(view.day_flows))
        await write(connection, day_flows, of_days, replace=True, adding=SUMS)
        if view.erased:
            await forget(connection, self._bulk, view.erased)


async def read_positions(
    connection: AsyncConnection, topic: str, projection: str = PROJECTION
) -> dict[int, int]:
    """The next offset of each partition of a topic that the views have seen."""
    statement = select(positions.c.partition, positions.c.next_offset).where(
        positions.c.projection == projection, positions.c.topic == topic
    )
    return {row.partition: row.next_offset for row in await connection.execute(statement)}
