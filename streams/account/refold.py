"""A late fact takes its place: the days since are folded again, from how the account was. PURE.

Every fact is decided as it was then: under the program versions known at the time, what was asked
for at the instant at which it was answered, and rewards under the ordinals that they have.
"""

from typing import Final, TypeGuard

import msgspec

from schemas import ids
from schemas.facts import (
    AdjustmentRequested,
    AnyFact,
    RedemptionRequested,
    RewardDelivered,
    RewardFailed,
    TimeReached,
)
from schemas.points import AnyPointsEvent, PointsReversed, RewardEarned
from streams.account import timeline, window
from streams.account.commuting import lets_by
from streams.account.decide import decide
from streams.account.evolve import firing_of, ordinal_of
from streams.account.outcomes import waiting_for
from streams.account.packing import unpack, weight
from streams.account.past import Remembered
from streams.account.programs import Programs
from streams.account.trace import Trace
from streams.account.turn import Ordinals, Turn
from streams.account.window import ON_ARRIVAL, Firing

Outcome = RewardDelivered | RewardFailed
_ANSWERED: Final = frozenset({AdjustmentRequested, RedemptionRequested})


class Refold:
    """Folds the account of a turn anew, with the late fact of the turn, and leaves it untouched.

    `target` is what the account should be; `own` are the events of the late fact in its place and
    what undid them, `earned` the rewards that fired. As the account has them, `known` are the
    rewards fired in the same days, `fired` those that stand, `ended` older ones that do not.
    `corrected` are the facts that gave something else: id, points then and now. `failed` are those
    that reached nobody and do not fire in this order.
    """

    def __init__(self, turn: Turn, late: Remembered, index: int) -> None:
        """`index` is that of the past to begin with."""
        account = turn.account
        since = account.past[index:]
        self.target = window.rewind(account, index)
        self.own: list[AnyPointsEvent] = []
        self.earned: dict[Firing, RewardEarned] = {}
        self.corrected: list[tuple[str, int, int]] = []
        self.failed: list[Firing] = []
        self._turn = turn
        self._waiting: list[tuple[Outcome, Remembered]] = []
        self.known = [firing for past in since for firing in past.fired]
        self.fired, self.ended = window.firings(since)
        self._ordinals = Ordinals(self.known, account.ledger.fired)
        told = [late, *(each for past in since for each in past.facts)]
        if turn.trace is not None:
            turn.trace.decide_anew(len(told) - 1)
        for each, fact in sorted(
            [(each, unpack(each.fact, turn.fact)) for each in told], key=_place
        ):
            self._fold(each, fact, is_late=each is late)
        self._pass_time(account.memory.clock, turn.programs)
        self._forget_waiting()

    def _fold(self, each: Remembered, fact: AnyFact, *, is_late: bool) -> None:
        self._pass_time(each.at, self._known_to(each))
        # What was answered stands.
        if type(fact) is AdjustmentRequested:
            fact = msgspec.structs.replace(fact, points=each.given)
        trace = self._turn.trace if is_late else None
        turn = self._turn_of(fact, each, trace)
        if type(fact) is RedemptionRequested:
            turn.granted = each.given > 0
        if self._has_to_wait(fact, turn):
            self._waiting.append((fact, each))
        else:
            self._live(turn)
        given = window.given_by(fact, turn.events)
        self.own += (
            turn.events if is_late else [each for each in turn.events if self._undoes_late(each)]
        )
        if given != each.given and not is_late:
            self.corrected.append((fact.id, each.given, given))
        kept = each.given if type(fact) in _ANSWERED else given
        told = Remembered(
            each.at, each.rank, each.offset, each.known, kept, each.fact, lets_by(turn), turn.room
        )
        window.remember(self.target, told, weight(fact))
        self._tell_waiting()

    def _has_to_wait(self, fact: AnyFact, turn: Turn) -> TypeGuard[Outcome]:
        """Whether a fact is the outcome of a reward that has not fired yet in this order."""
        return (type(fact) is RewardDelivered or type(fact) is RewardFailed) and waiting_for(
            turn, fact.reward_id
        ) is None

    def _undoes_late(self, event: AnyPointsEvent) -> bool:
        """A refund that came before its payment undoes what it earned; also that is news now."""
        return type(event) is PointsReversed and event.earned_by == self._turn.fact.id

    def _tell_waiting(self) -> None:
        """An outcome that stands before its reward in this order is told when that has fired."""
        for waiting in self._waiting.copy():
            fact, each = waiting
            turn = self._turn_of(fact, each)
            if waiting_for(turn, fact.reward_id) is not None:
                self._waiting.remove(waiting)
                self._live(turn)

    def _forget_waiting(self) -> None:
        """An outcome whose reward does not fire is that of one that is taken away: one that is due
        later is earned anew, and has an outcome of its own.
        """
        waiting = [each.offset for _, each in self._waiting]
        past = self.target.past[-1]
        past.facts = [each for each in past.facts if each.offset not in waiting]
        self.failed = [
            firing_of(fact.reward_id) for fact, _ in self._waiting if isinstance(fact, RewardFailed)
        ]

    def _pass_time(self, until: int, programs: Programs) -> None:
        target, late = self.target, self._turn.fact
        if target.due_at and target.due_at <= until:
            moment = TimeReached(
                id=ids.time_reached(until),
                site=late.site,
                customer=late.customer,
                occurred_at=until,
            )
            turn = Turn(target, moment, ids.digest(moment.id), self._turn.offset, programs)
            self._live(turn, until)
            self._tell_waiting()
        target.memory.clock = max(target.memory.clock, until)

    def _live(self, turn: Turn, until: int | None = None) -> None:
        """Decide the fact of a turn on the target, or let time alone pass until an instant."""
        turn.ordinals = self._ordinals
        if until is None:
            decide(turn)
        else:
            timeline.advance(turn, until)
        window.follow(self.target, turn.events)
        for event in turn.events:
            if type(event) is RewardEarned:
                self.earned[event.reward, ordinal_of(event.reward_id)] = event

    def _turn_of(self, fact: AnyFact, each: Remembered, trace: Trace | None = None) -> Turn:
        digest, programs = ids.digest(fact.id), self._known_to(each)
        return Turn(self.target, fact, digest, each.offset, programs, trace=trace)

    def _known_to(self, each: Remembered) -> Programs:
        return self._turn.programs.first(each.known)


def _place(told: tuple[Remembered, AnyFact]) -> tuple[int, int, str, int]:
    """By instant, rank and id; what stands where it arrived, by arrival."""
    each, fact = told
    if each.rank == ON_ARRIVAL:
        return each.at, each.rank, "", each.offset
    return each.at, each.rank, fact.id, 0
