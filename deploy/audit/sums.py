"""What an account's events say of one another: no gap in their sequence, and figures add up. PURE.

Worked out from each event's own numbers alone, not by the fold that made them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from deploy.audit.tally import Tally
from projections.balances import net_change
from schemas import ids
from schemas.points import (
    AnyPointsEvent,
    CorrectionApplied,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsRestored,
    PointsReversed,
)


class Sequences:
    """1, 2, 3 … for each account, in the order of the log."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._last: dict[str, int] = {}

    def take(self, event: AnyPointsEvent) -> None:
        self._tally.examined += 1
        account = ids.account_key(event.site, event.customer)
        last = self._last.get(account, 0)
        if event.sequence == last + 1:
            self._last[account] = event.sequence
            return
        self._tally.breach(f"{account}: event {event.sequence} follows event {last}")
        # After a gap the log is held against what it says itself; a repeat moves nothing.
        self._last[account] = max(last, event.sequence)


@dataclass(slots=True)
class _Account:
    """The figures after the last event. `drift` is by how much lots and figures differ by then."""

    total: int = 0
    lifetime: int = 0
    deficit: int = 0
    drift: int = 0
    lots: dict[str, int] = field(default_factory=dict)


class Conservation:
    """Balance and pending change by what events say they moved, and are the sum of the lots."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._accounts: dict[str, _Account] = {}

    def take(self, event: AnyPointsEvent) -> None:
        self._tally.examined += 1
        key = ids.account_key(event.site, event.customer)
        account = self._accounts.setdefault(key, _Account())
        for complaint in _complaints(account, event):
            self._tally.breach(f"{key}: event {event.sequence} {complaint}")


def _complaints(account: _Account, event: AnyPointsEvent) -> Iterator[str]:
    """What does not add up. The account then goes on from what the event says."""
    total = event.balance + event.pending
    if total != account.total + net_change(event):
        yield (
            f"moves {net_change(event)} points and makes {total} of {account.total}"
            " (balance and pending)"
        )
    if event.lifetime != account.lifetime + _lifetime_change(event):
        yield f"makes lifetime points {event.lifetime} of {account.lifetime}"
    if event.deficit != account.deficit + _deficit_change(account, event):
        yield f"makes a deficit of {event.deficit} of {account.deficit}"
    for lot, points in _lot_changes(account, event):
        left = account.lots.pop(lot, 0) + points
        if left < 0:
            yield f"takes {-points} points of lot {lot}, which is {-left} more than it holds"
        if left:
            account.lots[lot] = left
    drift = sum(account.lots.values()) - event.deficit - total
    if drift != account.drift:
        yield f"leaves lots less deficit {drift} points off balance and pending"
    account.total, account.lifetime = total, event.lifetime
    account.deficit, account.drift = event.deficit, drift


def _lifetime_change(event: AnyPointsEvent) -> int:
    match event:
        case PointsEarned():
            return event.points
        case PointsReversed():
            return -event.points
        case CorrectionApplied():
            return event.lifetime_points
        case _:
            return 0


def _deficit_change(account: _Account, event: AnyPointsEvent) -> int:
    match event:
        case PointsEarned() | PointsActivated() | PointsRestored():
            return -event.absorbed
        case PointsReversed():
            return event.overdrawn
        case PointsAdjusted():
            return event.overdrawn - event.absorbed
        case CorrectionApplied():
            return event.deficit - account.deficit
        case _:
            return 0


def _lot_changes(account: _Account, event: AnyPointsEvent) -> Iterator[tuple[str, int]]:
    match event:
        case PointsEarned():
            yield event.lot, event.points - event.absorbed
        case PointsActivated():
            yield event.lot, -event.absorbed
        case PointsRestored():
            yield from ((change.lot, change.points) for change in event.lots)
        case PointsExpired() | PointsReversed() | PointsRedeemed():
            yield from ((change.lot, -change.points) for change in event.lots)
        case CorrectionApplied():
            for state in event.lots:
                yield state.lot, state.points - account.lots.get(state.lot, 0)
        case PointsAdjusted():
            if event.lot:
                yield event.lot, event.points - event.absorbed
            yield from ((change.lot, -change.points) for change in event.lots)
        case _:
            return
