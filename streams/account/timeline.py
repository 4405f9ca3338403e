"""The account's clock: everything that time alone does, instant by instant, in one order. PURE.

At one instant: activate pending lots, void those that waited in vain, expire lots, remind, review
the tier, earn for anniversaries, then tier upgrade and rewards. A lot whose `expires_at` is t is
gone at t.
"""

from typing import Final

from schemas import ids
from schemas.facts import TimeReached
from schemas.points import ExpiryReason, PointsActivated, PointsExpired
from streams.account import (
    activities,
    lots,
    payments,
    refunds,
    reminders,
    subscriptions,
    thresholds,
    tiers,
)
from streams.account.earning import earn
from streams.account.state import NEVER, Lot
from streams.account.turn import BY_TIME, Turn

ANNIVERSARY: Final = "subscription_anniversary"


def advance(turn: Turn, until: int) -> None:
    """Live through every instant up to `until` at which something is due."""
    account = turn.account
    while account.due_at and account.due_at <= until:
        at = account.due_at
        turn.now = account.memory.clock = max(account.memory.clock, at)
        account.memory.lived_at = max(account.memory.lived_at, at)
        turn.program = turn.programs.effective(turn.fact.site, at)
        if turn.trace is not None:
            turn.trace.instant(at)
        _end_pending(turn, at)
        _expire(turn, at)
        reminders.remind(turn)
        if NEVER != tiers.due_at(turn.memory) <= at:
            tiers.review(turn, at)
        _celebrate(turn, at)
        if turn.memory.parked:
            refunds.give_up_unmatched(turn, at)
        if turn.program is not None:
            thresholds.fire(turn)
        reminders.remind(turn)
        turn.credited = False
        reschedule(turn)
        assert not account.due_at or account.due_at > at, "time does not move on"
    if turn.trace is not None:
        turn.trace.resume()


def reschedule(turn: Turn) -> None:
    """Work out the next instant at which time alone changes the account."""
    memory, open_lots = turn.memory, turn.ledger.lots
    soonest = _sooner(tiers.due_at(memory), lots.soonest_expiry(open_lots))
    if turn.pending:
        for lot in open_lots:
            if not lot.active:
                soonest = _sooner(soonest, lot.available_at)
    for known in memory.subscriptions:
        soonest = _sooner(soonest, known.anniversary_at)
    for parked in memory.parked:
        if not parked.found:
            soonest = _sooner(soonest, parked.until)
    for remind_at in memory.reminders.values():
        soonest = _sooner(soonest, remind_at)
    turn.account.due_at = soonest


def _sooner(one: int, other: int) -> int:
    """The earlier of two instants, either of which may be NEVER."""
    return other if one == NEVER or NEVER != other < one else one


def _end_pending(turn: Turn, at: int) -> None:
    """Pending lots become spendable, oldest first; those that waited for an activity are void."""
    if not turn.pending:
        return
    due = [lot for lot in turn.ledger.lots if not lot.active and lot.available_at <= at]
    if not due:
        return
    void = [lot for lot in due if lot.waits_for]
    for lot in sorted(due, key=Lot.age):
        if not lot.waits_for:
            _activate(turn, lot, at)
    if void:
        turn.pending -= sum(lot.points for lot in void)
        _lose(turn, void, at, "voided")


def _activate(turn: Turn, lot: Lot, at: int) -> None:
    turn.pending -= lot.points
    absorbed = turn.absorb(lot.points)
    turn.emit(
        PointsActivated(
            site=turn.site,
            customer=turn.customer,
            sequence=turn.sequence + 1,
            cause=turn.cause(BY_TIME),
            occurred_at=at,
            balance=turn.balance,
            pending=turn.pending,
            lifetime=turn.lifetime,
            deficit=turn.deficit,
            lot=ids.lot_text(lot.id),
            points=lot.points,
            absorbed=absorbed,
        )
    )


def _expire(turn: Turn, at: int) -> None:
    if not NEVER != lots.soonest_expiry(turn.ledger.lots) <= at:
        return
    due = [lot for lot in turn.ledger.lots if lot.active and NEVER != lot.expires_at <= at]
    turn.balance -= sum(lot.points for lot in due)
    _lose(turn, due, at, "expired")


def _lose(turn: Turn, due: list[Lot], at: int, reason: ExpiryReason) -> None:
    points_of_lots = {lot.id: lot.points for lot in due}
    payments.note_expired(turn.account, points_of_lots)
    turn.emit(
        PointsExpired(
            **turn.head(BY_TIME, at),
            points=sum(points_of_lots.values()),
            lots=lots.changes_of(points_of_lots),
            reason=reason,
        )
    )


def _celebrate(turn: Turn, at: int) -> None:
    """Anniversaries of this instant. Expressions see the instant, not the fact that moved time."""
    due = [each for each in turn.memory.subscriptions if NEVER != each.anniversary_at <= at]
    fact = turn.fact
    for known in due:
        known.anniversary_at = NEVER
        if turn.program is None:
            continue
        moment = TimeReached(
            id=ids.time_reached(at), site=fact.site, customer=fact.customer, occurred_at=at
        )
        own = turn.stand_in(moment, ids.anniversary(known.id, at))
        own.subscription = subscriptions.as_subscription(known)
        own.pulled.append(ANNIVERSARY)
        own.begin()
        activities.happened(own, own.pulled, at)
        earn(own, ANNIVERSARY, at)
        tiers.qualify_points(own, at)
        tiers.upgrade(own)
        thresholds.fire(own)
        turn.take_over(own)
    if due and turn.program is not None:
        subscriptions.schedule_anniversaries(turn.memory, turn.program)
