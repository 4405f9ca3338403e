"""Hold one partition's points log and account states against its facts, folded anew. PURE."""

from collections.abc import Mapping
from hashlib import blake2b

from deploy.audit.tally import Tally
from schemas.codec import POINTS, DecodeError

DIGEST_BYTES = 16


class Refold:
    """Takes the whole points log first, then what the fold gives; tells where they differ.

    Sixteen bytes per event are kept, by account and sequence: missing, invented and different
    events are told apart, and one that is wrong does not make those after it look wrong.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._logged: dict[bytes, bytearray] = {}
        # Events whose sequence is not the next one of their account: none in a sound log.
        self._odd: dict[tuple[bytes, int], list[bytes]] = {}
        self._folded: dict[bytes, int] = {}

    def take_logged(self, account: bytes, sequence: int, value: bytes) -> None:
        kept = self._logged.setdefault(account, bytearray())
        if sequence == len(kept) // DIGEST_BYTES + 1:
            kept += _digest(value)
        else:
            self._odd.setdefault((account, sequence), []).append(_digest(value))

    def take_folded(self, account: bytes, value: bytes) -> None:
        """The next event of the account as the facts give it."""
        self._tally.examined += 1
        sequence = self._folded[account] = self._folded.get(account, 0) + 1
        found = [*self._in_order(account, sequence), *self._odd.pop((account, sequence), ())]
        digest = _digest(value)
        if digest in found:
            found.remove(digest)
        elif found:
            found.pop()
            self._breach(account, sequence, f"is not the {_kind(value)} that its fact gives")
        else:
            self._breach(account, sequence, f"({_kind(value)}) is missing in the points log")
        for _ in found:
            self._breach(account, sequence, "stands in the points log once too often")

    def finish(self) -> None:
        """Whatever is left in the log follows from no fact."""
        for account, kept in self._logged.items():
            folded = self._folded.get(account, 0)
            for sequence in range(folded + 1, len(kept) // DIGEST_BYTES + 1):
                self._breach(account, sequence, "follows from no fact")
        for (account, sequence), digests in self._odd.items():
            for _ in digests:
                self._breach(account, sequence, "follows from no fact")

    def _in_order(self, account: bytes, sequence: int) -> list[bytes]:
        kept = self._logged.get(account, b"")
        start = (sequence - 1) * DIGEST_BYTES
        return [bytes(kept[start : start + DIGEST_BYTES])] if start < len(kept) else []

    def _breach(self, account: bytes, sequence: int, what: str) -> None:
        self._tally.breach(f"{account.decode()}: event {sequence} {what}")


def compare_states(
    tally: Tally, held: Mapping[bytes, bytes], folded: Mapping[bytes, bytes]
) -> None:
    """Encoded states by key, as the accounts topic holds them and as the fold gives them."""
    tally.examined += len(folded)
    for key, state in folded.items():
        there = held.get(key)
        if there is None:
            tally.breach(f"the state of {key.decode()} is missing")
        elif there != state:
            tally.breach(f"the state of {key.decode()} is not the one its facts give")
    for key in held.keys() - folded.keys():
        tally.breach(f"the state of {key.decode()} follows from no fact")


def _digest(value: bytes) -> bytes:
    return blake2b(value, digest_size=DIGEST_BYTES).digest()


def _kind(value: bytes) -> str:
    try:
        return type(POINTS.decode(value)).__name__
    except DecodeError:
        return "event"
