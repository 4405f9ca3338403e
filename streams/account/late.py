"""A fact that was overtaken takes its place: at once where it commutes, else by a re-fold. PURE."""

from schemas.points import AnyPointsEvent
from streams.account import timeline, window
from streams.account.commuting import commutes, lets_by
from streams.account.correction import correct
from streams.account.decide import decide
from streams.account.packing import weight
from streams.account.past import Remembered
from streams.account.refold import Refold
from streams.account.turn import Turn


def decide_late(turn: Turn, told: Remembered, index: int) -> list[AnyPointsEvent]:
    """Decide the fact of a turn, which stands after the past of this index."""
    pasts = turn.account.past
    if index == len(pasts) - 1:
        past = pasts[index]
        place = window.place_in(past, told, turn.fact.id)
        before = past.facts[place - 1] if place else None
        if commutes(turn, before, past.facts[place:]):
            return _decide_in_place(turn, told, place)
    return correct(turn, Refold(turn, told, index))


def _decide_in_place(turn: Turn, told: Remembered, place: int) -> list[AnyPointsEvent]:
    """Decide a fact as of its own instant, with all since decided; then let time go on."""
    account, memory = turn.account, turn.memory
    clock = memory.clock
    turn.now = memory.clock = told.at
    events = decide(turn)
    told.lets_by, told.room = lets_by(turn), turn.room
    if account.due_at and account.due_at <= clock:
        timeline.advance(turn, clock)
    memory.clock = clock
    window.follow(account, events)
    told.given = window.given_by(turn.fact, events)
    window.remember(account, told, weight(turn.fact), place)
    return events
