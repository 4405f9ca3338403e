"""What was rejected lies among the dead letters, with the bytes it came with. PURE."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from deploy.audit.tally import Tally, place

Origin = tuple[str, int, int]
"""Topic, partition and offset of the record that a dead letter was."""


class DeadLetters:
    """Takes dead letters, and the records they came from: those that must be there (`expect`),
    and any record that has a letter (`take_original`).
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._letters: dict[Origin, set[bytes]] = {}
        self._originals: dict[Origin, bytes] = {}
        self._missing_since: dict[Origin, int] = {}
        self._excused: set[Origin] = set()
        self._settled: set[Origin] = set()
        self.reaches_back_to_ms = 0
        """Letters of records before this timestamp may have aged out."""

    def take_letter(self, at: int, headers: Iterable[tuple[str, bytes]], value: bytes) -> None:
        self._tally.examined += 1
        origin = _origin(dict(headers))
        if origin is None:
            self._tally.breach(f"the dead letter at offset {at} does not say where it came from")
        else:
            self._letters.setdefault(origin, set()).add(_digest(value))

    def take_original(self, origin: Origin, value: bytes) -> None:
        if origin in self._letters:
            self._originals[origin] = _digest(value)

    def excuse(self, origin: Origin) -> None:
        """Its letter was taken out: the person it was about is erased."""
        self._excused.add(origin)

    def expect(self, origin: Origin, value: bytes, timestamp_ms: int) -> None:
        self._originals[origin] = _digest(value)
        self._missing_since[origin] = timestamp_ms

    def settle(self, origin: Origin) -> None:
        """It was sent again or given up."""
        self._settled.add(origin)

    def finish(self) -> None:
        if waiting := len(self._letters.keys() - self._settled):
            self._tally.note(f"{waiting:,} wait for a decision: cactus dlq list")
        for origin, digest in self._originals.items():
            letters = self._letters.get(origin)
            if letters is None:
                is_old = self._missing_since[origin] < self.reaches_back_to_ms
                if not is_old and origin not in self._excused:
                    self._tally.breach(f"{place(*origin)} was rejected and has no dead letter")
            elif letters != {digest}:
                self._tally.breach(f"a dead letter of {place(*origin)} holds other bytes than it")


def _origin(headers: Mapping[str, bytes]) -> Origin | None:
    try:
        return (
            headers["topic"].decode(),
            int(headers["partition"]),
            int(headers["offset"]),
        )
    except (KeyError, ValueError):
        return None


def _digest(value: bytes) -> bytes:
    return blake2b(value, digest_size=16).digest()
