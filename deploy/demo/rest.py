"""When everything that the life set in motion has come to rest. PURE."""

from dataclasses import dataclass, field

from deploy.demo.meters import Readings
from deploy.demo.site import SiteStatus

UNSETTLED = ("due", "attempting", "unknown")
WALKS_AFTER_THE_END = 2
HOLD_SECONDS = 3.0
"""Longer than any role waits between two looks, so that none is merely between them."""

MOVES = (
    ("worker", "cactus_facts_folded_total"),
    ("projector", "cactus_projected_events_total"),
    ("rewarder", "cactus_reward_outcomes_total"),
)


@dataclass(slots=True)
class Rest:
    """Judges moment after moment; at rest is what did not move for a while."""

    _walks_at_end: int | None = None
    _moved: tuple[int, ...] = ()
    _since: float = field(default=float("inf"))

    def reached(self, status: SiteStatus, readings: Readings, monotonic: float) -> bool:
        """Whether nothing has moved, and nothing waits, for `HOLD_SECONDS`."""
        if self._walks_at_end is None and status.over:
            self._walks_at_end = _walks(readings)
        moved = tuple(readings.total(role, name) for role, name in MOVES)
        if self.complaint(status, readings) is not None or moved != self._moved:
            self._moved, self._since = moved, monotonic
            return False
        return monotonic - self._since >= HOLD_SECONDS

    def complaint(self, status: SiteStatus, readings: Readings) -> str | None:
        """What still moves or waits, or None."""
        if not status.over:
            return f"{status.webhooks.waiting} webhooks wait to be sent"
        for role in ("worker", "projector", "rewarder"):
            if not readings.knows(role):
                return f"the {role} does not answer"
            if lag := readings.total(role, "cactus_lag_messages"):
                return f"the {role} has {lag} records to read"
        unsettled = sum(readings.total("rewarder", "cactus_rewards", state=s) for s in UNSETTLED)
        if unsettled:
            return f"{unsettled} rewards are on their way"
        if _walks(readings) - (self._walks_at_end or 0) < WALKS_AFTER_THE_END:
            return "the poller looks for what webhooks lost"
        return None


def _walks(readings: Readings) -> int:
    return readings.total("poller", "cactus_polls_total", outcome="done")
