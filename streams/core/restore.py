"""What a writer knows of its partition, taken up from the accounts topic, and what speaks against
going on with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.topics import POSITION_KEY, Topics
from streams.core.batches import Record
from streams.core.partition_log import partition_end
from streams.core.ports import Fold


class ForeignRecordError(Exception):
    """The accounts topic holds what no worker wrote."""


class PositionBeyondLogError(Exception):
    """The accounts topic knows facts that the facts topic does not hold."""


@dataclass(slots=True)
class Kept:
    """A fold, up to which accounts-topic offset it is whole, and the next fact it wants. A writer
    leaves it behind, and one that follows in the same process reads only what is new.
    """

    fold: Fold
    restored_to: int = 0
    next_offset: int = 0

    def take_up(self, records: Sequence[Record]) -> None:
        """Records of the accounts topic, in their order. Raises `ForeignRecordError`."""
        for record in records:
            if record.key is None or record.value is None:
                raise ForeignRecordError(
                    f"{record.topic}-{record.partition} holds at offset {record.offset} a record "
                    "without key or value, which no worker writes. An account's memory may be gone "
                    "with it: restore the topic, or fold the facts topic anew into a fresh one."
                )
            if record.key == POSITION_KEY:
                self.next_offset = int(record.value)
            else:
                self.fold.restore(record.key, record.value)
        self.restored_to = records[-1].offset + 1


async def refuse_position_beyond_log(
    bootstrap_servers: str, topics: Topics, partition: int, position: int
) -> None:
    """Raises `PositionBeyondLogError`: facts up to such a position would be skipped in silence."""
    end = await partition_end(bootstrap_servers, topics.facts, partition)
    if position > end:
        raise PositionBeyondLogError(
            f"{topics.facts}-{partition} ends at offset {end}, and its accounts have folded up to "
            f"{position}: the topic was truncated or made anew. Restore it, or make "
            f"{topics.accounts} anew with it."
        )
