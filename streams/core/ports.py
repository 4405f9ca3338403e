"""What the core asks of the fold it drives, and what the fold gives back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from streams.core.batches import Record

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is no fact: its bytes go to the DLQ with headers that say why."""

    key: bytes | None
    value: bytes
    headers: Headers


@dataclass(slots=True)
class Output:
    """What folding some records gave.

    Events are (key, value, timestamp in ms), states are (key, value).
    """

    events: list[tuple[bytes, bytes, int | None]] = field(default_factory=list)
    states: list[tuple[bytes, bytes]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    repeats: int = 0


class Fold(Protocol):
    """The fold of one partition. It may run ahead of what is committed: should a commit fail, the
    process ends and the next one restores what was committed.
    """

    def restore(self, key: bytes, value: bytes) -> None:
        """Take up one record of the accounts topic."""

    def apply(self, records: Sequence[Record]) -> Output:
        """Fold records in their order."""

    def due(self, now: int) -> list[tuple[bytes, bytes]]:
        """(key, TimeReached) for each account that has something due, once per due instant."""
