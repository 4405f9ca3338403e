"""A fact's turn → points events: what one fact means to the account that it meets. PURE.

The fact moves the account's clock first, then is decided, and always leaves at least one event:
`FactIgnored` says why where nothing moved. Repeats and order are `ordering`'s, which calls this.
"""

from collections.abc import Callable
from typing import Any, Final

from schemas import facts, ids
from schemas.points import (
    AccountErased,
    AnyPointsEvent,
    FactIgnored,
    PointsAdjusted,
    PointsExpired,
)
from streams.account import (
    activities,
    clawback,
    lots,
    outcomes,
    pulls,
    redemption,
    refunds,
    reminders,
    subscriptions,
    thresholds,
    tiers,
    timeline,
)
from streams.account.earning import apply_rule, earn
from streams.account.state import NEVER, Memory
from streams.account.turn import BY_FACT, Turn

WRITTEN_OFF: Final = "written off, for the account is erased"


def decide(turn: Turn) -> list[AnyPointsEvent]:
    """The events of one fact, in sequence; the turn's account is changed in place."""
    account, memory, fact = turn.account, turn.memory, turn.fact
    if account.ledger.erased:
        turn.note("account_erased", "the customer was deleted")
        _ignore(turn, moved=False)
        return turn.events
    at, joined_at, due_at = fact.occurred_at, memory.joined_at, account.due_at
    if joined_at == NEVER or at < joined_at:
        memory.joined_at = at
    if due_at and due_at <= at:
        timeline.advance(turn, at)
    # What time did answers the clock's own fact, and says nothing about any other.
    turn.lived, turn.recalled = len(turn.events), False
    by_time = 0 if type(fact) is facts.TimeReached else turn.lived
    turn.now = memory.clock = max(turn.now, at)
    turn.program = turn.programs.effective(turn.site, at)
    if turn.trace is not None:
        turn.trace.begin(turn.program)
    turn.begin()
    _HANDLERS[type(fact)](turn, fact)
    if turn.program is not None:
        subscriptions.schedule_anniversaries(memory, turn.program)
        if turn.memory.unfired and not turn.fired:
            thresholds.fire(turn)
        if turn.program.tiers is not None:
            tiers.settle(turn)
    moved = len(turn.events) > by_time
    reminders.remind(turn)
    timeline.reschedule(turn)
    _ignore(turn, moved=moved)
    return turn.events


def _ignore(turn: Turn, *, moved: bool) -> None:
    """Say why nothing moved, or what did not although something else did."""
    if moved and not turn.notes:
        return
    told = [note for note in turn.notes if note[0]]
    if not told and not moved:
        told = turn.notes
    if not told:
        if moved:
            return
        nothing = "no_program" if turn.program is None else "no_rule"
        told = [(False, nothing, "no rule of the program is about this")]
        if turn.program is None:
            told = [(False, nothing, "no program of the site was in force")]
        elif turn.program.retired:
            told = [(False, "program_retired", "the program was retired: nothing earns any more")]
    details = dict.fromkeys(detail for _, _, detail in told if detail)
    turn.emit(
        FactIgnored(
            **turn.head(BY_FACT, turn.fact.occurred_at),
            reason=told[0][1],
            detail="; ".join(details),
        )
    )


def _follow(turn: Turn, *, event: str | None = None) -> None:
    """What comes after earning, always in this order: overdue lots, tier upgrade, rewards."""
    program = turn.program
    assert program is not None
    if turn.earnings and turn.payment is None:
        tiers.qualify_points(turn, turn.fact.occurred_at)
    if turn.credited and turn.fact.occurred_at < turn.now:
        _catch_up(turn)
    if turn.earnings or turn.payment is not None:
        tiers.upgrade(turn)
    thresholds.fire(turn, event=event)


def _catch_up(turn: Turn) -> None:
    """Let happen what is due already of lots that a late fact opened or confirmed: time alone."""
    timeline.reschedule(turn)
    program, credited, pulled = turn.program, turn.credited, turn.pulled
    turn.pulled = []
    timeline.advance(turn, turn.now)
    turn.program, turn.credited, turn.pulled = program, credited, pulled


def _pull(turn: Turn, triggers: list[str], *, event: str | None = None) -> None:
    """All triggers of the fact: first what they do to lots that are there, then rules earn.

    Rewards that they fire are noted for later.
    """
    turn.pulled += triggers
    if turn.program is None:
        return
    at = turn.fact.occurred_at
    activities.happened(turn, triggers, at, event=event)
    for trigger in triggers:
        earn(turn, trigger, at, event=event)
    if "plan_upgraded" in triggers:
        assert turn.subscription is not None
        clawback.remember(turn, turn.subscription.id)


def _payment(turn: Turn, fact: facts.PaymentSucceeded) -> None:
    memory = turn.memory
    turn.payment, turn.subscription = fact, fact.subscription
    if fact.subscription is not None and subscriptions.find(memory, fact.subscription.id) is None:
        subscriptions.observe(memory, fact.subscription, fact.occurred_at)
        turn.introduced = True
    first = not memory.paid and fact.amount_minor > 0
    memory.paid = memory.paid or first
    triggers = ["payment_succeeded"]
    if first:
        triggers.append("first_payment")
    if fact.on_time:
        triggers.append("on_time_payment")
    elif turn.program is not None and fact.amount_minor > 0:
        pulls.end_streaks(turn, turn.program)
    _pull(turn, triggers)
    if turn.program is None:
        refunds.record(turn, fact, first=first)
        return
    tiers.qualify_points(turn, fact.occurred_at)
    tiers.qualify_money(turn, fact)
    # A refund that was waiting is undone before the tier and rewards see the points.
    refunds.record(turn, fact, first=first)
    _follow(turn)


def _refund(turn: Turn, fact: facts.PaymentRefunded) -> None:
    refunds.refund(turn, fact)
    if turn.program is not None and turn.entered:
        thresholds.fire(turn)


def _created(turn: Turn, fact: facts.SubscriptionCreated) -> None:
    seen = turn.subscription = fact.subscription
    known = subscriptions.observe(turn.memory, seen, fact.occurred_at)
    turn.pulled.append("subscription_created")
    waits = seen.status == "in_trial" and known.trial != subscriptions.CONVERTED
    if waits:
        known.trial = subscriptions.WAITING
    if turn.program is None:
        return
    if turn.trace is not None:
        turn.trace.pull("subscription_created")
    activities.happened(turn, ["subscription_created"], fact.occurred_at)
    for rule in turn.program.rules.get("subscription_created", ()):
        if rule.waits and waits:
            turn.note("waits_for_activation", f"{rule.id}: the trial has not ended")
        else:
            apply_rule(turn, rule, "subscription_created", fact.occurred_at)
    _follow(turn)


def _activated(turn: Turn, fact: facts.SubscriptionActivated) -> None:
    seen = turn.subscription = fact.subscription
    triggers = _observe_change(turn, seen)
    known = subscriptions.find(turn.memory, seen.id)
    assert known is not None
    waited = known.trial == subscriptions.WAITING
    known.trial = subscriptions.CONVERTED
    if fact.from_trial:
        triggers.append("trial_converted")
    _pull(turn, triggers)
    if turn.program is None:
        return
    if waited:
        for rule in turn.program.rules.get("subscription_created", ()):
            if rule.waits:
                apply_rule(turn, rule, "subscription_created", fact.occurred_at)
    _follow(turn)


def _observe_change(turn: Turn, seen: facts.Subscription) -> list[str]:
    """Compare with what was known, remember the newer, and return what the difference pulls."""
    known = subscriptions.find(turn.memory, seen.id)
    trigger, reason = subscriptions.change(known, seen, turn.program)
    if trigger is not None and known is not None:
        turn.change = subscriptions.difference(known, seen)
    subscriptions.observe(turn.memory, seen, turn.fact.occurred_at)
    if trigger == "plan_downgraded":
        clawback.undo(turn, seen.id, trigger)
    if trigger is not None:
        return [trigger]
    if isinstance(turn.fact, facts.SubscriptionChanged):
        turn.note(reason, _CHANGE_DETAILS[reason])
    return []


def _changed(turn: Turn, fact: facts.SubscriptionChanged) -> None:
    turn.subscription = fact.subscription
    _pull(turn, _observe_change(turn, fact.subscription))
    if turn.program is not None:
        _follow(turn)


def _renewed(turn: Turn, fact: facts.SubscriptionRenewed) -> None:
    seen = turn.subscription = fact.subscription
    yearly = subscriptions.ends_whole_years(subscriptions.find(turn.memory, seen.id), seen)
    triggers = [*_observe_change(turn, seen), "subscription_renewed"]
    if turn.program is None:
        return
    known = subscriptions.find(turn.memory, seen.id)
    assert known is not None
    if subscriptions.completes_year(known, seen, turn.program, yearly=yearly):
        triggers.append("annual_renewal")
    _pull(turn, triggers)
    _follow(turn)


def _cancelled(turn: Turn, fact: facts.SubscriptionCancelled) -> None:
    turn.subscription = fact.subscription
    subscriptions.observe(turn.memory, fact.subscription, fact.occurred_at)
    clawback.undo(turn, fact.subscription.id, "subscription_cancelled")
    _pull(turn, ["subscription_cancelled"])
    if turn.program is not None:
        _follow(turn)


def _reactivated(turn: Turn, fact: facts.SubscriptionReactivated) -> None:
    turn.subscription = fact.subscription
    subscriptions.observe(turn.memory, fact.subscription, fact.occurred_at)
    _pull(turn, ["subscription_reactivated"])
    if turn.program is not None:
        _follow(turn)


def _custom(turn: Turn, fact: facts.CustomEventReceived) -> None:
    if turn.program is None:
        return
    turn.subscription = subscriptions.newest(turn.memory)
    _pull(turn, ["custom"], event=fact.name)
    _follow(turn, event=fact.name)


def _adjusted(turn: Turn, fact: facts.AdjustmentRequested) -> None:
    """By hand. It moves the balance alone: neither lifetime points nor a tier's basis."""
    program = turn.program
    if program is None:
        return
    if fact.points > 0:
        absorbed = turn.absorb(fact.points)
        turn.emit(
            PointsAdjusted(
                **turn.head(BY_FACT, turn.now),
                points=fact.points,
                actor=fact.actor,
                reason=fact.reason,
                lot=ids.lot_text(ids.lot(turn.digest)),
                absorbed=absorbed,
                expires_at=program.expires_at(turn.now),
            )
        )
        thresholds.fire(turn)
        return
    taken: dict[int, int] = {}
    missing = lots.plan(turn.ledger.lots, -fact.points, taken, active=True)
    overdrawn = 0 if program.negative == "clamp" else missing
    points = sum(taken.values()) + overdrawn
    if points == 0:
        turn.note("nothing_to_take", "the balance is empty and the program allows no deficit")
        return
    turn.balance -= points
    turn.deficit += overdrawn
    turn.emit(
        PointsAdjusted(
            **turn.head(BY_FACT, turn.now),
            points=-points,
            actor=fact.actor,
            reason=fact.reason,
            lots=lots.changes_of(taken),
            overdrawn=overdrawn,
        )
    )


def _tier_assigned(turn: Turn, fact: facts.TierAssigned) -> None:
    tiers.assign(turn, fact)
    if turn.entered:
        thresholds.fire(turn)


def _erase(turn: Turn, _fact: facts.CustomerDeleted) -> None:
    """Close the account for good: of the memory only digests and the clock stay.

    What is owed is written off: nobody is left to owe it, and no later sum should carry it.
    """
    open_lots = turn.ledger.lots
    if open_lots:
        changes = lots.changes_of({lot.id: lot.points for lot in open_lots})
        points = sum(lot.points for lot in open_lots)
        turn.balance -= points - turn.pending
        turn.pending = 0
        turn.emit(
            PointsExpired(
                **turn.head(BY_FACT, turn.now), points=points, lots=changes, reason="erased"
            )
        )
    if turn.deficit:
        written_off = turn.absorb(turn.deficit)
        turn.emit(
            PointsAdjusted(
                **turn.head(BY_FACT, turn.now),
                points=written_off,
                actor="",
                reason=WRITTEN_OFF,
                absorbed=written_off,
            )
        )
    turn.emit(AccountErased(**turn.head(BY_FACT, turn.now)))
    memory = turn.account.memory
    turn.account.memory = turn.memory = Memory(
        digests=memory.digests, clock=memory.clock, joined_at=memory.joined_at
    )


def _time(turn: Turn, _fact: facts.TimeReached) -> None:
    if not turn.events and not turn.notes:
        turn.note("nothing_due", "nothing was due that had not happened before")


def _published(_turn: Turn, _fact: facts.ProgramPublished) -> None:
    raise AssertionError("programs are known to a partition, not decided by an account")


_CHANGE_DETAILS: Final = {
    "no_previous_value": "what the subscription was before is not known",
    "older_version": "something newer is known of the subscription",
    "currency_changed": "values in two currencies are not compared",
    "same_value": "neither plan, quantity nor price changed in value",
}

_HANDLERS: Final[dict[type, Callable[[Turn, Any], None]]] = {
    facts.PaymentSucceeded: _payment,
    facts.PaymentRefunded: _refund,
    facts.SubscriptionCreated: _created,
    facts.SubscriptionActivated: _activated,
    facts.SubscriptionChanged: _changed,
    facts.SubscriptionRenewed: _renewed,
    facts.SubscriptionCancelled: _cancelled,
    facts.SubscriptionReactivated: _reactivated,
    facts.CustomEventReceived: _custom,
    facts.AdjustmentRequested: _adjusted,
    facts.TierAssigned: _tier_assigned,
    facts.RedemptionRequested: redemption.requested,
    facts.RedemptionCancelled: redemption.cancelled,
    facts.RewardDelivered: outcomes.delivered,
    facts.RewardFailed: outcomes.failed,
    facts.CustomerDeleted: _erase,
    facts.TimeReached: _time,
    facts.ProgramPublished: _published,
}
