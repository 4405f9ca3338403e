"""What an account keeps of its last days: how it was, and the facts since. PURE."""

import msgspec

from schemas.facts import AnyFact


class Remembered(msgspec.Struct, array_like=True, gc=False):
    """A fact that may have to be folded again; `packing` packs it when the account is encoded.

    `at` and `rank` are its place in canonical order (see `ordering`), `known` counts the program
    versions known to it, `given` is what points it gave. `lets_by` says which facts commute with it
    (see `commuting`): those that earn must stay below `room`, 0 for no bound.
    """

    at: int
    rank: int
    offset: int
    known: int
    given: int
    fact: AnyFact | bytes
    lets_by: int = 0
    room: int = 0


class Past(msgspec.Struct, array_like=True, gc=False):
    """An account as it was when its clock showed `clock`, and what came since.

    `core` is that account but for digests, payments and its own past. Of its `payments` whoever
    came after forgot the first `dropped`, and those in `changed`, by place, are kept as they were.
    The `facts` since are about `size` bytes. `fired` are the rewards fired since, `ended` those
    revoked since.
    """

    clock: int
    core: bytes
    payments: int
    dropped: int = 0
    changed: dict[int, msgspec.Raw] | None = None
    facts: list[Remembered] = []
    size: int = 0
    fired: tuple[tuple[str, int], ...] = ()
    ended: tuple[tuple[str, int], ...] = ()
