"""What time it is for the engine: the wall clock, or a time machine's that a file tells.

A sandbox lives a year in a minute. Its driver writes the simulated instant into a file, and every
role that asks for the time follows it, so that nothing falls due before the life has got there.
"""

import time
from collections.abc import Callable
from pathlib import Path

Clock = Callable[[], int]
"""Unix seconds UTC, whole."""


def wall_clock() -> int:
    return int(time.time())


def file_clock(path: Path) -> Clock:
    """A clock that reads unix seconds from `path`; it stands at 0 until the file holds a number."""

    def now() -> int:
        try:
            return int(path.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return 0

    return now


def write_clock(path: Path, now: int) -> None:
    """Set the time that `file_clock(path)` tells. Atomic: a reader never sees half a number."""
    draft = path.with_suffix(".draft")
    draft.write_text(str(now), encoding="ascii")
    draft.replace(path)


def choose_clock(path: Path | None) -> Clock:
    """The clock of a role: the time machine's where `path` is set, else the wall's."""
    return wall_clock if path is None else file_clock(path)
