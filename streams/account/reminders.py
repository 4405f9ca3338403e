"""Reminders: points that expire at an instant are told of once, some time before it. PURE."""

from schemas.points import PointsExpiringSoon
from streams.account import lots
from streams.account.state import NEVER
from streams.account.turn import BY_TIME, Turn


def remind(turn: Turn) -> None:
    """Plan a reminder for each instant at which points expire, and tell what is due, past or not.

    The program in force decides: one that does not remind tells nothing of earlier plans either.
    """
    planned = turn.memory.reminders
    if not planned and (turn.program is None or not turn.program.reminds):
        return
    program = turn.programs.effective(turn.fact.site, turn.now)
    if program is None or not program.reminds:
        planned.clear()
        return
    expiries = turn.ledger.expiries()
    for expires_at, remind_at in list(planned.items()):
        if expires_at <= turn.now or (remind_at != NEVER and expires_at not in expiries):
            del planned[expires_at]
    for expires_at in sorted(expiries):
        if expires_at not in planned:
            planned[expires_at] = max(turn.now, program.remind_at(expires_at))
        if NEVER != planned[expires_at] <= turn.now:
            planned[expires_at] = NEVER
            tell(turn, expires_at)


def tell(turn: Turn, expires_at: int) -> None:
    """Remind of the points that expire at an instant."""
    left = {
        lot.id: lot.points
        for lot in turn.ledger.lots
        if lot.active and lot.expires_at == expires_at
    }
    turn.emit(
        PointsExpiringSoon(
            **turn.head(BY_TIME, turn.now),
            points=sum(left.values()),
            lots=lots.changes_of(left),
            expires_at=expires_at,
        )
    )
