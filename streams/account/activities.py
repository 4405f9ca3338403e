"""What a customer's activity does to lots that are there: confirm those that wait, extend. PURE.

It comes before what the fact itself earns, and is decided at the activity's own instant, however
late it is told: what was not there then, or was gone, is left alone.
"""

from collections.abc import Sequence

from schemas import ids
from schemas.points import PointsActivated, PointsExtended
from streams.account import lots
from streams.account.compiled import CompiledRule, activity
from streams.account.state import NEVER, Lot
from streams.account.turn import Turn


def happened(turn: Turn, triggers: Sequence[str], at: int, *, event: str | None = None) -> None:
    """All the triggers that one fact pulls, at once. `event` is a custom event's name."""
    program = turn.program
    assert program is not None
    confirmed_by = turn.programs.confirmed_by.get(turn.fact.site) if turn.pending else None
    if confirmed_by is None and not program.extended_by:
        return
    done = triggers if event is None else [activity("custom", event)]
    if confirmed_by is not None and not confirmed_by.isdisjoint(done):
        _confirm(turn, done, at)
    for each in done:
        if each in program.extended_by:
            _extend(turn, _trigger_of(each), at)
            break


def _confirm(turn: Turn, done: Sequence[str], at: int) -> None:
    """Lots that wait for this become spendable, and their expiry is counted from it."""
    program = turn.program
    assert program is not None
    waiting = [
        lot for lot in turn.ledger.lots if lot.waits_for and lot.earned_at <= at < lot.available_at
    ]
    for lot in sorted(waiting, key=Lot.age):
        rule = _rule_of(turn, lot)
        if rule is None or rule.activity not in done:
            continue
        turn.pending -= lot.points
        absorbed = turn.absorb(lot.points)
        turn.emit(
            PointsActivated(
                **turn.head(_trigger_of(rule.activity), at),
                lot=ids.lot_text(lot.id),
                points=lot.points,
                absorbed=absorbed,
                expires_at=program.expires_at(at),
            )
        )


def _rule_of(turn: Turn, lot: Lot) -> CompiledRule | None:
    """The rule as it was when the lot was earned: a later version breaks no promise."""
    program = turn.programs.effective(turn.fact.site, lot.earned_at)
    return program.rule_by_id.get(lot.waits_for) if program is not None else None


def _extend(turn: Turn, trigger: str, at: int) -> None:
    """Count the expiry of every lot that was spendable anew. It never comes nearer."""
    program = turn.program
    assert program is not None
    expires_at = program.expires_at(at)
    assert expires_at is not None, "only a program with an expiry extends it"
    moved = {
        lot.id: lot.points
        for lot in turn.ledger.lots
        if lot.active and lot.available_at <= at and NEVER != lot.expires_at < expires_at
    }
    if moved:
        turn.emit(
            PointsExtended(
                **turn.head(trigger, at), lots=lots.changes_of(moved), expires_at=expires_at
            )
        )


def _trigger_of(done: str) -> str:
    return done.partition(":")[0]
