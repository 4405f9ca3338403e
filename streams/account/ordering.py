"""(account, fact, offset, programs) → points events: the one entrance to the fold. PURE.

A repeated fact does nothing at all. One that comes in order is decided, and remembered for some
days. One that comes late takes its place: what follows it is decided again, unless it
commutes with that (`late`).

Canonical order is by (`occurred_at`, rank, id). What people and machines ask for is answered when
it arrives: requests and outcomes stand where the account's clock was then. So do facts that come
too late to be placed.
"""

from typing import Final

from schemas import facts, ids
from schemas.points import AnyPointsEvent
from streams.account import window
from streams.account.commuting import lets_by
from streams.account.decide import decide
from streams.account.late import decide_late
from streams.account.packing import weight
from streams.account.past import Remembered
from streams.account.programs import Programs
from streams.account.state import Account, Memory
from streams.account.trace import Trace
from streams.account.turn import Turn
from streams.account.window import ON_ARRIVAL

_TIME: Final = -1
_RANKS: Final[dict[type, int]] = {
    facts.SubscriptionCreated: 0,
    facts.SubscriptionActivated: 1,
    facts.SubscriptionChanged: 2,
    facts.SubscriptionRenewed: 3,
    facts.SubscriptionReactivated: 4,
    facts.PaymentSucceeded: 5,
    facts.PaymentRefunded: 6,
    facts.CustomEventReceived: 7,
    facts.SubscriptionCancelled: 8,
    facts.TimeReached: _TIME,
}
_DIGEST: Final = ids.DIGEST_BYTES


def fold(
    account: Account,
    fact: facts.AnyFact,
    offset: int,
    programs: Programs,
    *,
    trace: Trace | None = None,
) -> list[AnyPointsEvent]:
    """The events of one fact, in sequence; `account` is changed in place.

    `offset` is the fact's place in its partition of `loyalty.facts.v1`. Returns [] for a fact that
    was decided before, whatever it carries now. `trace` is told everything that is considered,
    where the fact belongs.
    """
    memory = account.memory
    digest = ids.digest(fact.id)
    if _remembers(memory, digest):
        if trace is not None:
            trace.repeat()
        return []
    memory.digests += digest
    core, account.core = account.core, b""
    turn = Turn(account, fact, digest, offset, programs, trace=trace)
    if account.ledger.erased:
        return decide(turn)
    rank = _RANKS.get(type(fact), ON_ARRIVAL)
    if rank == _TIME:
        return _pass(turn)
    told = Remembered(fact.occurred_at, rank, offset, programs.count, 0, fact)
    if rank != ON_ARRIVAL and _is_overtaken(account, told, fact.id):
        index = _find_past(account, told.at, weight(fact))
        if index is not None:
            return decide_late(turn, told, index)
        told.rank = ON_ARRIVAL
    told.at = max(told.at, memory.clock)
    window.open_past(account, told.at, core)
    return _decide_in_order(turn, told)


def _remembers(memory: Memory, digest: bytes) -> bool:
    at = memory.digests.find(digest)
    while at % _DIGEST and at >= 0:
        at = memory.digests.find(digest, at + 1)
    return at >= 0


def _pass(turn: Turn) -> list[AnyPointsEvent]:
    """Time is nothing to decide again: a re-fold lives through it anyway."""
    account = turn.account
    if not account.past:
        return decide(turn)
    events = decide(turn)
    window.follow(account, events)
    return events


def _is_overtaken(account: Account, told: Remembered, fact_id: str) -> bool:
    """Whether something was decided already before which the fact belongs."""
    clock, past = account.memory.clock, account.past
    if told.at != clock or not past:
        return told.at < clock
    return window.is_before(told, fact_id, past[-1].facts[-1])


def _find_past(account: Account, at: int, size: int) -> int | None:
    """The index of the newest past that lies before an instant; None where it is too late for a
    fact of this size.
    """
    if at < account.memory.clock - window.REACH_SECONDS or size > window.KEPT_BYTES:
        return None
    past = account.past
    for index in range(len(past) - 1, -1, -1):
        size += past[index].size
        if past[index].clock < at and size <= 3 * window.KEPT_BYTES:
            return index
    return None


def _decide_in_order(turn: Turn, told: Remembered) -> list[AnyPointsEvent]:
    account = turn.account
    events = decide(turn)
    if account.ledger.erased:
        account.past.clear()
        return events
    window.follow(account, events)
    told.given = window.given_by(turn.fact, events)
    told.lets_by, told.room = lets_by(turn), turn.room
    window.remember(account, told, weight(turn.fact))
    return events
