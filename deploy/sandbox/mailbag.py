"""Which webhooks go out when: duplicates, delays past later events, and some that never go. PURE.

Every draw depends on the seed and the event's id alone. Delays are in simulated time.
"""

import heapq

import msgspec

from deploy.sandbox.chance import fractions
from deploy.sandbox.events import Event
from deploy.sandbox.terms import HOUR

NOW_SHARE = 0.5


class Disturbance(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of all events. `delay_seconds_max` bounds how late a webhook or a duplicate comes."""

    duplicate: float = 0.07
    disorder: float = 0.07
    lost: float = 0.005
    delay_seconds_max: int = 36 * HOUR


class Letter(msgspec.Struct, frozen=True):
    """One webhook to deliver: at what simulated instant, and the how-manieth copy it is."""

    due_at: int
    sequence: int
    copy: int
    event: Event


class Mailbag:
    """Letters that wait for their instant. `lost` are ids that only the Events API shows."""

    def __init__(self, seed: int, disturbance: Disturbance) -> None:
        self._seed = seed
        self._disturbance = disturbance
        self._heap: list[tuple[int, int, int, Event]] = []
        self.lost: list[str] = []
        self.muted = 0

    def put(self, event: Event) -> None:
        if event.muted:
            self.muted += 1
            return
        disturbance = self._disturbance
        lost, late, lateness, again, gap = fractions(self._seed, event.id, 5)
        if lost < disturbance.lost:
            self.lost.append(event.id)
            return
        due = event.occurred_at
        if late < disturbance.disorder:
            due += 1 + int(lateness * disturbance.delay_seconds_max)
        self._push(due, event, 0)
        if again < disturbance.duplicate:
            # Half of the duplicates follow on the heels of the first, as a lost answer makes them.
            wait = 0 if gap < NOW_SHARE else int((gap - NOW_SHARE) * disturbance.delay_seconds_max)
            self._push(due + wait, event, 1)

    def _push(self, due_at: int, event: Event, copy: int) -> None:
        heapq.heappush(self._heap, (due_at, event.sequence, copy, event))

    def take(self, now: int | None) -> list[Letter]:
        """Letters due by `now`, in order; all of them where `now` is None."""
        letters = []
        while self._heap and (now is None or self._heap[0][0] <= now):
            letters.append(Letter(*heapq.heappop(self._heap)))
        return letters

    def __len__(self) -> int:
        return len(self._heap)
