"""The books of one customer, kept from points events alone by their published meaning. PURE.

It shares no code with the engine: lots, sums and figures are worked out anew from the JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Event = Mapping[str, Any]


@dataclass(slots=True)
class Books:
    """Open lots as [points, spendable], and the figures that follow from them."""

    sequence: int = 0
    lifetime: int = 0
    deficit: int = 0
    earned: int = 0
    reversed: int = 0
    lots: dict[str, tuple[int, bool]] = field(default_factory=dict)

    def enter(self, event: Event) -> str | None:
        """Enter the next event; says what does not add up."""
        expected = self.sequence + 1
        if event["sequence"] != expected:
            return f"sequence {event['sequence']} follows {self.sequence}"
        self.sequence = expected
        try:
            self._move(event)
        except KeyError as error:
            return f"it moves lot {error}, which is not open"
        told = (event["balance"], event["pending"], event["lifetime"], event["deficit"])
        if told != self.figures:
            return f"it tells {told}, and the books say {self.figures}"
        return None

    @property
    def figures(self) -> tuple[int, int, int, int]:
        """(balance, pending, lifetime, deficit)."""
        spendable = sum(points for points, is_spendable in self.lots.values() if is_spendable)
        pending = sum(points for points, is_spendable in self.lots.values() if not is_spendable)
        return spendable - self.deficit, pending, self.lifetime, self.deficit

    def _move(self, event: Event) -> None:
        kind, points = event["type"], event.get("points", 0)
        absorbed = event.get("absorbed", 0)
        if kind == "PointsEarned":
            self.lifetime += points
            self.earned += points
            self._open(event, spendable=event["available_at"] <= event["occurred_at"])
        elif kind == "PointsAdjusted" and points > 0:
            self._open(event, spendable=True)
        elif kind == "PointsActivated":
            left, _ = self.lots.pop(event["lot"])
            self.deficit -= absorbed
            if left > absorbed:
                self.lots[event["lot"]] = (left - absorbed, True)
        elif kind == "CorrectionApplied":
            self._correct(event)
        else:
            for change in event.get("lots", ()):
                left, is_spendable = self.lots.pop(change["lot"])
                if left > change["points"]:
                    self.lots[change["lot"]] = (left - change["points"], is_spendable)
            self.deficit += event.get("overdrawn", 0)
            if kind == "PointsReversed":
                self.lifetime -= points
                self.reversed += points

    def _correct(self, event: Event) -> None:
        """Lots and the deficit stand as told; what changes of lifetime points is told too."""
        changed = event["lifetime_points"]
        self.lifetime += changed
        self.earned += max(0, changed)
        self.reversed += max(0, -changed)
        self.deficit = event["deficit"]
        for state in event.get("lots", ()):
            self.lots.pop(state["lot"], None)
            if state["points"]:
                self.lots[state["lot"]] = (state["points"], state.get("active", True))

    def _open(self, event: Event, *, spendable: bool) -> None:
        absorbed = event.get("absorbed", 0)
        self.deficit -= absorbed
        if event["points"] > absorbed:
            self.lots[event["lot"]] = (event["points"] - absorbed, spendable)
