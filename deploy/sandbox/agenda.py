"""What will happen when: things to do at instants of simulated time, in order. PURE."""

import heapq
from collections.abc import Callable


class Agenda:
    """Entries of the same instant are done in the order in which they were entered."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._entered = 0

    def at(self, when: int, do: Callable[[], None]) -> None:
        self._entered += 1
        heapq.heappush(self._heap, (when, self._entered, do))

    def next_due(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def pop(self) -> tuple[int, Callable[[], None]]:
        when, _, do = heapq.heappop(self._heap)
        return when, do
