"""Replay the points log into views that begin empty. No reward commands: the log had its own."""

from collections.abc import Callable, Mapping

from projections.log import Log, read_between
from projections.projector import BATCH_RECORDS_MAX, decode_record
from projections.store import Move, Store

Report = Callable[[int, int], None]
"""Is told how many offsets of how many are done."""


async def replay(log: Log, store: Store, ends: Mapping[int, int], report: Report) -> int:
    """Bring `store`, migrated and empty, to the offsets `ends`. Returns how many events it took."""
    starts = await store.open_positions(sorted(ends))
    positions, total, events = dict(starts), sum(ends.values()), 0
    report(0, total)
    async for chunk in read_between(log, starts, ends, records_max=BATCH_RECORDS_MAX):
        batch = [decode_record(record) for record in chunk.records]
        move = Move(positions[chunk.partition], chunk.next_offset)
        events += await store.apply(batch, {chunk.partition: move})
        positions[chunk.partition] = chunk.next_offset
        report(sum(positions.values()), total)
    return events
