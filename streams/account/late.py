"""A fact that was overtaken takes its place: at once where it commutes, else by a re-fold. PURE."""

from schemas.facts import PaymentSucceeded
from schemas.points import AnyPointsEvent
from streams.account import timeline, window
from streams.account.commuting import ANYTHING, EARNING, commutes, lets_by, only_earned
from streams.account.correction import correct
from streams.account.decide import decide
from streams.account.past import Remembered
from streams.account.refold import Refold
from streams.account.state import decode_core, encode_core
from streams.account.turn import Turn


def decide_late(turn: Turn, told: Remembered, index: int, core: bytes) -> list[AnyPointsEvent]:
    """Decide the fact of a turn, which stands after the past of this index.

    `core` is how the account is encoded, where that is known.
    """
    pasts = turn.account.past
    if index == len(pasts) - 1:
        past = pasts[index]
        place = window.place_in(past, told, turn.fact.id)
        before = past.facts[place - 1] if place else None
        when = commutes(turn, before, past.facts[place:])
        if when == ANYTHING:
            return _decide_in_place(turn, told, place)
        if when == EARNING:
            trial = Trial(turn, core)
            events = _decide_in_place(turn, told, place, trial)
            if events:
                return events
            turn = trial.undone()
    return correct(turn, Refold(turn, told, index))


class Trial:
    """How things stood before a turn was tried that may turn out to do more than it may."""

    __slots__ = ("_core", "_mark", "_payments", "_recorded", "_turn")

    def __init__(self, turn: Turn, core: bytes) -> None:
        self._turn = turn
        self._core = core or encode_core(turn.account)
        self._payments = turn.memory.payments.copy()
        self._recorded = turn.memory.recorded
        self._mark = turn.trace.mark() if turn.trace is not None else 0

    def failed(self) -> bool:
        return not only_earned(self._turn) or self._turn.memory.recorded != self._recorded

    def undone(self) -> Turn:
        """A new turn of the same fact, on the account as it was."""
        turn, account = self._turn, self._turn.account
        digests = account.memory.digests
        before = decode_core(self._core)
        before.memory.digests, before.memory.payments = digests, self._payments
        account.ledger, account.memory, account.due_at = before.ledger, before.memory, before.due_at
        if turn.trace is not None:
            turn.trace.forget_from(self._mark)
        return Turn(account, turn.fact, turn.digest, turn.offset, turn.programs, trace=turn.trace)


def _decide_in_place(
    turn: Turn, told: Remembered, place: int, trial: Trial | None = None
) -> list[AnyPointsEvent]:
    """Decide a fact as of its own instant, with all since decided; [] where the trial failed."""
    account, memory = turn.account, turn.memory
    clock, payments = memory.clock, memory.payments.copy()
    turn.now = memory.clock = told.at
    events = decide(turn)
    if trial is not None and trial.failed():
        return []
    told.lets_by = lets_by(turn)
    if account.due_at and account.due_at <= clock:
        timeline.advance(turn, clock)
    memory.clock = clock
    window.follow(account, events, payments, added=isinstance(turn.fact, PaymentSucceeded))
    told.given = window.given_by(turn.fact, events)
    window.remember(account, told, place)
    return events
