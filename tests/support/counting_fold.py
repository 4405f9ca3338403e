"""A fold simple enough to know its answer: each account counts its records."""

from collections.abc import Sequence

from streams.core.batches import Record
from streams.core.ports import Output, Rejected


class CountingFold:
    """The n-th record of a key gives the event b"n", after `padding`; b"bad" is rejected."""

    def __init__(self) -> None:
        self.counts: dict[bytes, int] = {}
        self.restored = 0
        self.padding = b""
        self.told: list[tuple[bytes, bytes]] = []

    def restore(self, key: bytes, value: bytes) -> None:
        self.restored += 1
        self.counts[key] = int(value)

    def apply(self, records: Sequence[Record]) -> Output:
        output, touched = Output(), set()
        for record in records:
            assert record.key is not None
            if record.value == b"bad":
                output.rejected.append(Rejected(record.key, record.value, [("error", b"bad")]))
                continue
            self.counts[record.key] = self.counts.get(record.key, 0) + 1
            touched.add(record.key)
            event = b"%b%d" % (self.padding, self.counts[record.key])
            output.events.append((record.key, event, record.timestamp))
        output.states = [(key, b"%d" % self.counts[key]) for key in touched]
        return output

    def due(self, now: int) -> list[tuple[bytes, bytes]]:
        due, self.told = self.told, []
        return due
