"""Which stretches of a partition to read for the offsets that are wanted. PURE."""

from collections.abc import Iterable

NEAR_RECORDS = 100
"""Offsets no further apart are read in one stretch: what lies between costs less than a seek."""


def spans(offsets: Iterable[int], near: int = NEAR_RECORDS) -> list[tuple[int, int]]:
    """(first, last) of each stretch, both included, in order."""
    found: list[tuple[int, int]] = []
    for offset in sorted(set(offsets)):
        if found and offset - found[-1][1] <= near:
            found[-1] = (found[-1][0], offset)
        else:
            found.append((offset, offset))
    return found
