"""What the core asks of the fold it drives, and what the fold gives back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from streams.core.batches import Record

Headers = list[tuple[str, bytes]]

Passed = Callable[[Sequence[int]], None]
"""Is told the timestamps, in ms, of the records that a stage has just finished with."""

Buried = Callable[[str], None]
"""Is told the class of what goes to the DLQ."""

Trace = Callable[[Sequence[Record]], "tuple[Sequence[Record], Callable[[], None]] | None"]
"""Opens a span for each traced record: the same records under the new spans, and how to end them.
None where no record is traced.
"""


def unheard(_what: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is no fact: its bytes go to the DLQ with headers that say why."""

    key: bytes | None
    value: bytes
    headers: Headers
    error_class: str = ""


@dataclass(slots=True)
class Output:
    """What folding some records gave.

    Events are (key, value, timestamp in ms), states are (key, value). `headers` are those of the
    few events that have any, by place in `events`. `found` counts facts that were new though only
    the poller brought them.
    """

    events: list[tuple[bytes, bytes, int | None]] = field(default_factory=list)
    headers: dict[int, Headers] = field(default_factory=dict)
    states: list[tuple[bytes, bytes]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    repeats: int = 0
    found: int = 0


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
