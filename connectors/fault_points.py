"""Named steps at which a process can be made to die, so that dying there can be tested.

Nothing is armed in production, and passing a step that is not armed costs one comparison.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

POINTS = frozenset(
    f"{work}{step}"
    for work in ("grant_", "undo_")
    for step in (
        "leased",
        "prepared",
        "attempt_unstored",
        "attempt_stored",
        "before_call",
        "after_call",
        "result_unstored",
        "result_stored",
        "reading_stored",
    )
) | frozenset({"commands_unstored", "commands_stored", "outcomes_told", "outcomes_marked"})
"""`unstored` is within the transaction, before it is committed."""


class NoSuchPointError(ValueError):
    """The text names no step; the message says which there are."""


def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class _Armed:
    point: str
    left: int
    die: Callable[[], None]


_armed: list[_Armed] = []


def arm(spec: str, die: Callable[[], None] = _kill_this_process) -> None:
    """`name:nth` (or `name`, the first time): `die` is called there once; empty disarms.

    Raises `NoSuchPointError`.
    """
    _armed.clear()
    if not spec:
        return
    point, _, nth = spec.partition(":")
    if point not in POINTS:
        raise NoSuchPointError(
            f"{point!r} is no fault point; known are {', '.join(sorted(POINTS))}"
        )
    if nth and not (nth.isdecimal() and int(nth) > 0):
        raise NoSuchPointError(f"{spec!r}: write the name, a colon and which time, such as :3")
    _armed.append(_Armed(point, int(nth or 1), die))


def reach(point: str) -> None:
    """This step is reached: whoever armed it wants the process to die here."""
    if not _armed or _armed[0].point != point:
        return
    armed = _armed[0]
    armed.left -= 1
    if armed.left == 0:
        _armed.clear()
        armed.die()
