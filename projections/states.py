"""Keep each account as the fold left it, from the accounts topic, beside the views.

A log of its own, so a position of its own. The projector's other half writes the same database:
the two take turns by a lock, because SQLite has one writer.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog
from prometheus_client import Counter

from projections.bulk import bulk_for
from projections.database import explained
from projections.log import Chunk, Log, Record
from projections.rows import StateRow
from projections.store import Move, Positions
from projections.tables import states
from schemas.ids import split_account_key
from schemas.topics import POSITION_KEY, PROGRAMS_KEY

log = structlog.get_logger(__name__)

PROJECTION = "states.v1"
BATCH_RECORDS_MAX = 5_000
ACCOUNTS = Counter("cactus_projected_states_total", "Accounts written as the fold left them")


class States:
    """Runs beside the projector, under the same lease. `lag` is told how many records wait and the
    timestamp in ms of the last one read, by partition.
    """

    def __init__(
        self,
        accounts: Log,
        positions: Positions,
        turn: asyncio.Lock,
        lag: Callable[[Mapping[int, int], Mapping[int, int]], None] = lambda _waiting, _read: None,
    ) -> None:
        self._log = accounts
        self._store = positions
        self._turn = turn
        self._lag = lag
        self._read_ms: dict[int, int] = {}
        self._bulk = bulk_for(positions.engine.dialect.name)
        self._positions: dict[int, int] = {}

    async def open(self) -> None:
        """Take up the positions that the database holds."""
        partitions = await self._log.partitions()
        known = await self._store.open(partitions)
        self._positions = {partition: known[partition] for partition in partitions}
        self._log.assign(self._positions)

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.step()

    async def step(self) -> None:
        """Read once and write what came."""
        chunks = await self._log.read(BATCH_RECORDS_MAX)
        if chunks:
            async with self._turn:
                await self._apply(chunks)
            last = {each.partition: each.records[-1].timestamp for each in chunks if each.records}
            self._read_ms |= last
        self._lag(self._log.lag(), self._read_ms)

    async def _apply(self, chunks: Sequence[Chunk]) -> None:
        rows = latest_states(record for chunk in chunks for record in chunk.records)
        moves = {
            each.partition: Move(self._positions[each.partition], each.next_offset)
            for each in chunks
        }
        engine = self._store.engine
        with explained(engine):
            async with engine.begin() as connection:
                await self._store.move(connection, moves)
                await self._bulk.write(connection, states, rows, replace=True)
        self._positions |= {each.partition: each.next_offset for each in chunks}
        ACCOUNTS.inc(len(rows))


def latest_states(records: Iterable[Record]) -> list[StateRow]:
    """The last state of each account among the records, in the order of their keys."""
    found: dict[bytes, StateRow] = {}
    for record in records:
        if record.key in {POSITION_KEY, PROGRAMS_KEY} or not record.value:
            continue
        site, customer = split_account_key(record.key.decode())
        found[record.key] = StateRow(
            site, customer, record.partition, record.offset, bytes(record.value)
        )
    return [found[key] for key in sorted(found)]
