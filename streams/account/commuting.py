"""Late facts that change nothing of what was decided before them: decided where they stand. PURE.

Billing tells several things of one second in any order, and a reward may have reached the customer
before the next of them arrives. Deciding the days since anew would end in the same account, so
`ordering` asks here first. What is not known to commute is decided anew.
"""

from collections.abc import Sequence
from typing import Final

from schemas import facts, points
from streams.account import subscriptions
from streams.account.compiled import CompiledProgram
from streams.account.evolve import MAX_SETTLED
from streams.account.past import Remembered
from streams.account.turn import Turn

NOTHING: Final = 0
"""Lets nothing by: what comes before it is decided anew with it."""
SILENT: Final = 1
"""Lets by what nothing of the program answers, at the same instant: it did not ask what is known of
subscriptions."""
EARNING: Final = 2
"""Lets by what only earns, at the same instant: it did no more itself, by other rules."""
ANYTHING: Final = 3
"""Lets by whatever is no refund: a reward reached the customer, which no rule sees."""

PAYMENT_PULLS = ("payment_succeeded", "first_payment", "on_time_payment")


def lets_by(turn: Turn) -> int:
    """What may be decided after the fact of a turn although it stands before it."""
    fact, events = turn.fact, turn.events
    first = turn.lived
    if isinstance(fact, facts.RewardDelivered):
        alone = len(events) == first + 1 and isinstance(events[first], points.RewardDelivered)
        return ANYTHING if alone else NOTHING
    if not isinstance(fact, facts.PaymentSucceeded) or turn.recalled:
        return NOTHING
    for index in range(first, len(events)):
        event = events[index]
        if isinstance(event, points.PointsEarned):
            if event.absorbed:
                return SILENT
        elif not isinstance(event, points.FactIgnored):
            return SILENT
    return EARNING


def commutes(turn: Turn, before: Remembered | None, since: Sequence[Remembered]) -> int:
    """Whether the fact of a turn may be decided now, although the facts `since` stand after it:
    `ANYTHING` if so, `EARNING` if it turns out to earn and do no more, else `NOTHING`.

    `before` is the one that stands next before it, None where that is kept no more.
    """
    fact, memory = turn.fact, turn.memory
    if memory.lived_at > fact.occurred_at or memory.unfired or memory.parked:
        return NOTHING
    if len(turn.ledger.settled) >= MAX_SETTLED or isinstance(fact, facts.PaymentRefunded):
        return NOTHING
    if memory.upgrades and not isinstance(fact, facts.PaymentSucceeded):
        return NOTHING
    if not _is_one_version(turn, before or since[0], is_kept=before is not None):
        return NOTHING
    least = ANYTHING
    for each in since:
        if each.lets_by != ANYTHING and each.at != fact.occurred_at:
            return NOTHING
        least = min(least, each.lets_by)
    if least in (NOTHING, ANYTHING):
        return least
    return _commutes_with_payments(turn, least)


def only_earned(turn: Turn) -> bool:
    """Whether all that came of a fact is points that are there at once, and nothing after them."""
    for event in turn.events:
        if isinstance(event, points.PointsEarned):
            if event.absorbed or event.available_at > event.occurred_at:
                return False
        elif not isinstance(event, points.FactIgnored):
            return False
    return True


def _is_one_version(turn: Turn, earlier: Remembered, *, is_kept: bool) -> bool:
    """Whether one version of the program has held from before the fact until now. The first fact
    under a version plans reviews and the like: that was done in time. `earlier` is the fact before
    it, or where none is kept the first after it, which must be of the same instant then.
    """
    programs, at = turn.programs, turn.fact.occurred_at
    if not is_kept and earlier.at != at:
        return False
    program = programs.effective(turn.site, at)
    return (
        earlier.known == programs.count
        and programs.effective(turn.site, earlier.at) is program
        and programs.effective(turn.site, turn.memory.clock) is program
    )


def _commutes_with_payments(turn: Turn, least: int) -> int:
    """As `commutes`, where payments of the same instant let by `least`."""
    program = turn.programs.effective(turn.site, turn.fact.occurred_at)
    pulls = _pulls(turn, program)
    if pulls is None:
        return NOTHING
    if program is None or _is_silent(turn, program, pulls):
        return ANYTHING
    if least == SILENT or turn.deficit:
        return NOTHING
    for trigger in (*PAYMENT_PULLS, *pulls):
        if trigger in program.reads_account:
            return NOTHING
    return EARNING


def _pulls(turn: Turn, program: CompiledProgram | None) -> list[str] | None:
    """Every trigger that a fact about a subscription may pull; None for other facts."""
    fact = turn.fact
    if isinstance(fact, facts.SubscriptionCreated):
        return ["subscription_created"]
    if isinstance(fact, facts.SubscriptionReactivated):
        return ["subscription_reactivated"]
    pulls: list[str] = []
    if isinstance(fact, facts.SubscriptionRenewed):
        seen = fact.subscription
        pulls.append("subscription_renewed")
        if subscriptions.may_complete_year(subscriptions.find(turn.memory, seen.id), seen):
            pulls.append("annual_renewal")
    elif isinstance(fact, facts.SubscriptionActivated):
        seen = fact.subscription
        pulls += ("subscription_created", "trial_converted")
    elif isinstance(fact, facts.SubscriptionChanged):
        seen = fact.subscription
    else:
        return None
    known = subscriptions.find(turn.memory, seen.id)
    changed, _ = subscriptions.change(known, seen, program)
    if changed is not None:
        pulls.append(changed)
    return pulls


def _is_silent(turn: Turn, program: CompiledProgram, pulls: Sequence[str]) -> bool:
    """Whether no rule, reward or lot asks for any of these triggers."""
    confirmed_by = turn.programs.confirmed_by.get(turn.site)
    for trigger in pulls:
        if (
            trigger in program.rules
            or trigger in program.acts_on
            or trigger in program.extended_by
            or (confirmed_by is not None and trigger in confirmed_by)
        ):
            return False
    return "plan_upgraded" not in pulls
