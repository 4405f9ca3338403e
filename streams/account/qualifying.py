"""What qualifies for tiers: points, and each currency's money, kept apart and by instant. PURE.

A new version may count something else, or for another time: it is answered from what is kept here.
All that the window in force looks back to is exact. What is older is exact too while there is
little of it; else it is merged by months of thirty days, each counting from its last instant.
"""

from bisect import bisect_left
from typing import Final

from streams.account.state import Memory, Qualifying
from streams.account.windows import KEPT_SECONDS, Window

POINTS: Final = ""
"""Points stand among the currencies under no name."""

EXACT: Final = 64
"""So many instants that the window does not look back to are kept before they are merged."""
_MONTH: Final = 30 * 86_400


def count(memory: Memory, currency: str, at: int, value: int, window: Window | None) -> None:
    """Let `value` count from `at`. `window` is the one in force, None where it counts others."""
    kept = memory.qualifying.get(currency)
    if kept is None:
        kept = memory.qualifying[currency] = Qualifying()
    kept.total += value
    instants, values = kept.instants, kept.values
    if not instants or at > instants[-1]:
        instants.append(at)
        values.append(value)
    else:
        place = bisect_left(instants, at)
        if instants[place] == at:
            values[place] += value
        else:
            instants.insert(place, at)
            values.insert(place, value)
    if len(instants) > EXACT or instants[0] < memory.clock - KEPT_SECONDS:
        _shorten(kept, memory.clock, window)


def uncount(memory: Memory, currency: str, at: int, value: int) -> None:
    """Something that counts from `at` was undone."""
    kept = memory.qualifying.get(currency)
    if kept is None:
        return
    kept.total = max(0, kept.total - value)
    place = bisect_left(kept.instants, at)
    if place == len(kept.instants):
        return
    found = kept.instants[place]
    if found == at or (found <= kept.merged_until and found // _MONTH == at // _MONTH):
        kept.values[place] = max(0, kept.values[place] - value)


def counted(memory: Memory, currency: str, window: Window, at: int, *, ending: bool = False) -> int:
    """What counts at an instant; with `ending` a year counts that ends at this very instant."""
    kept = memory.qualifying.get(currency)
    if kept is None:
        return 0
    if window.for_life:
        return kept.total
    instants, values = kept.instants, kept.values
    if window.by_year:
        start = window.year_start(at - 1 if ending else at, memory.joined_at)
        return sum(values[bisect_left(instants, start) :])
    place = bisect_left(instants, at - window.sure)
    found = sum(values[place:])
    while place and instants[place - 1] > at - window.gone:
        place -= 1
        if window.leaves_at(instants[place], memory.joined_at) > at:
            found += values[place]
    return found


def _shorten(kept: Qualifying, now: int, window: Window | None) -> None:
    """Forget what is too old to be asked for, and merge what need not be exact."""
    exact_from = window.looks_back_to(now) if window is not None else now
    instants, values = kept.instants, kept.values
    forgotten = bisect_left(instants, min(now - KEPT_SECONDS, exact_from))
    del instants[:forgotten], values[:forgotten]
    old = bisect_left(instants, exact_from)
    if old > EXACT:
        _merge(kept, old)


def _merge(kept: Qualifying, old: int) -> None:
    instants: list[int] = []
    values: list[int] = []
    for place in range(old):
        at, value = kept.instants[place], kept.values[place]
        if instants and instants[-1] // _MONTH == at // _MONTH:
            instants[-1] = at
            values[-1] += value
        else:
            instants.append(at)
            values.append(value)
    kept.merged_until = instants[-1]
    kept.instants[:old] = instants
    kept.values[:old] = values
