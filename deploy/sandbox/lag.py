"""A replica that is behind: lists that do not show yet what was made a moment ago. PURE."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

REMEMBERED_SECONDS = 120.0


class Lag:
    """Nothing is ever taken out of a collection, so how many there were tells what was there."""

    def __init__(
        self, collections: Mapping[str, Mapping[str, object]], clock: Callable[[], float]
    ) -> None:
        self._collections = collections
        self._clock = clock
        self._past: deque[tuple[float, dict[str, int]]] = deque()
        self._seconds = 0.0

    def note(self) -> None:
        """Remember how much there is now."""
        counts = {kind: len(held) for kind, held in self._collections.items()}
        now = self._clock()
        if not self._past or self._past[-1][1] != counts:
            self._past.append((now, counts))
        while len(self._past) > 1 and self._past[1][0] < now - REMEMBERED_SECONDS:
            self._past.popleft()

    @contextmanager
    def behind(self, seconds: float) -> Iterator[None]:
        """Within it, `shown` is what could be seen so many seconds ago."""
        self.note()
        self._seconds = seconds
        try:
            yield
        finally:
            self._seconds = 0.0
            self.note()

    def shown(self, kind: str) -> int | None:
        """How many of the oldest resources a list shows; None: all."""
        if self._seconds <= 0:
            return None
        seen = self._clock() - self._seconds
        return next((counts[kind] for at, counts in reversed(self._past) if at <= seen), 0)
