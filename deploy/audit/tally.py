"""One promise that an audit holds against everything it speaks of, while it counts. PURE."""

from typing import Protocol

import msgspec

EXAMPLES_MAX = 5


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one promise.

    `sentence` is the promise, `examined` how many things were looked at, `examples` the first of
    the `breaches`. `note` says what else a reader must know: what was skipped, or what still waits.
    """

    name: str
    sentence: str
    examined: int
    breaches: int
    examples: tuple[str, ...]
    note: str = ""


class Tally:
    """A check while it is being counted."""

    def __init__(self, name: str, sentence: str) -> None:
        self._name = name
        self._sentence = sentence
        self._breaches = 0
        self._examples: list[str] = []
        self._notes: list[str] = []
        self.examined = 0

    def breach(self, example: str) -> None:
        self._breaches += 1
        if len(self._examples) < EXAMPLES_MAX:
            self._examples.append(example)

    def note(self, sentence: str) -> None:
        self._notes.append(sentence)

    def check(self) -> Check:
        return Check(
            name=self._name,
            sentence=self._sentence,
            examined=self.examined,
            breaches=self._breaches,
            examples=tuple(self._examples),
            note="; ".join(self._notes),
        )


class Progress(Protocol):
    """Told how far a stage of the audit is. `total` is 0 where there is nothing to do."""

    def __call__(self, stage: str, done: int, total: int, /) -> None: ...


def place(topic: str, partition: int, offset: int) -> str:
    """How examples name a record."""
    return f"{topic}/{partition}/{offset}"
