"""What a batch of points events amounts to: points moved and outstanding, figures held. PURE."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from projections.balances import View
from projections.rows import BalanceRow, EntryRow

KINDS = {
    "PointsEarned": ("earned", "earned"),
    "PointsExpired": ("expired", "expired"),
    "PointsRedeemed": ("redeemed", "redeemed"),
    "PointsReversed": ("reversed", "reversed"),
    "PointsRestored": ("restored", "restored"),
    "PointsAdjusted": ("adjusted_up", "adjusted_down"),
    "CorrectionApplied": ("corrected_up", "corrected_down"),
}
"""What points of an event are counted as: where they came, and where they went."""

Program = str


@dataclass(slots=True)
class Tally:
    """Of one batch, by program. `outstanding` is by how much balance + pending changed;
    `unbalanced` counts events whose figures are not those before them and what they moved.
    """

    points: Counter[tuple[Program, str]] = field(default_factory=Counter)
    outstanding: Counter[Program] = field(default_factory=Counter)
    unbalanced: int = 0
    _before: dict[tuple[str, str], int] = field(default_factory=dict)

    def begin(self, rows: Iterable[BalanceRow]) -> None:
        """The accounts as they are before the batch."""
        for row in rows:
            total = row.balance + row.pending
            self._before[row.site, row.customer] = total
            self.outstanding[row.program] -= total

    def end(self, view: View) -> None:
        """The accounts and the entries after it."""
        for row in view.balances.values():
            self.outstanding[row.program] += row.balance + row.pending
        for entry in view.entries:
            self._take(entry, view)

    def _take(self, entry: EntryRow, view: View) -> None:
        account = (entry.site, entry.customer)
        total = entry.balance + entry.pending
        if total != self._before.get(account, 0) + entry.points:
            self.unbalanced += 1
        self._before[account] = total
        if entry.points:
            came, went = KINDS[entry.type]
            program = entry.program or view.balances[account].program
            self.points[program, came if entry.points > 0 else went] += abs(entry.points)
