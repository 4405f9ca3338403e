"""Late facts that change nothing of what was decided before them: decided where they stand. PURE.

Billing tells several things of one second in any order, and a reward may have reached the customer
before the next of them arrives. Deciding the days since anew would end in the same account, so
`ordering` asks here first. What is not known to commute is decided anew.
"""

from collections.abc import Sequence
from typing import Final

from schemas import facts, points
from schemas.facts import SubscriptionFact
from streams.account import subscriptions
from streams.account.compiled import CompiledProgram
from streams.account.evolve import MAX_SETTLED
from streams.account.past import Remembered
from streams.account.tiers import basis_of
from streams.account.turn import Turn

NOTHING: Final = 0
"""Lets nothing by: what comes before it is decided anew with it."""
SILENT: Final = 1
"""Lets by what nothing of the program answers, at the same instant: it did not ask what is known of
subscriptions."""
EARNING: Final = 2
"""Lets by what also earns, by other rules and so little that it reaches nothing."""
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
    for _, reason, _ in turn.notes:
        if reason == "cost_not_covered":
            return SILENT
    for index in range(first, len(events)):
        event = events[index]
        if isinstance(event, points.PointsEarned | points.PointsActivated):
            if event.absorbed:
                return SILENT
        elif not isinstance(event, points.FactIgnored | points.RewardEarned):
            return SILENT
    return EARNING


def commutes(turn: Turn, before: Remembered | None, since: Sequence[Remembered]) -> bool:
    """Whether the fact of a turn may be decided now, although the facts `since` stand after it.

    `before` is the one that stands next before it, None where that is kept no more.
    """
    fact, memory = turn.fact, turn.memory
    if memory.lived_at > fact.occurred_at or memory.unfired or memory.parked:
        return False
    if len(turn.ledger.settled) >= MAX_SETTLED or isinstance(fact, facts.PaymentRefunded):
        return False
    if not _is_one_version(turn, before or since[0], is_kept=before is not None):
        return False
    least, room = ANYTHING, 0
    for each in since:
        if each.lets_by != ANYTHING and each.at != fact.occurred_at:
            return False
        least = min(least, each.lets_by)
        if each.room:
            room = min(each.room, room or each.room)
    program = turn.programs.effective(turn.site, fact.occurred_at)
    if least == ANYTHING:
        return not memory.upgrades or isinstance(fact, facts.PaymentSucceeded)
    return least != NOTHING and _lets_payments_be(turn, program, least, room)


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


def _lets_payments_be(turn: Turn, program: CompiledProgram | None, least: int, room: int) -> bool:
    """Whether a fact changes nothing for the payments of the same instant, which let by `least`,
    nor they for it.
    """
    fact = turn.fact
    if not isinstance(fact, SubscriptionFact):
        return False
    pulls = _pulls(turn, fact, program)
    if "plan_downgraded" in pulls:
        return False
    if program is None or _is_silent(turn, program, pulls):
        return True
    if least == SILENT or turn.deficit or turn.memory.held_tier:
        return False
    for trigger in (*PAYMENT_PULLS, *pulls):
        if trigger in program.reads_account:
            return False
    confirmed_by = turn.programs.confirmed_by.get(turn.site)
    most = 0
    for trigger in pulls:
        if trigger in program.extended_by or (confirmed_by and trigger in confirmed_by):
            return False
        bound = program.earns_at_most(trigger, fact.subscription.quantity)
        if bound is None:
            return False
        most += bound
    return not (room and most >= room) and _reaches_nothing(turn, program, most)


def _reaches_nothing(turn: Turn, program: CompiledProgram, most: int) -> bool:
    """Whether so many points more fire no reward and raise no tier."""
    ledger, tiers = turn.ledger, program.tiers
    for reward in program.threshold_rewards:
        threshold, standing = reward.threshold, ledger.standing(reward.id)
        assert threshold is not None
        figure = turn.lifetime if reward.by_lifetime else turn.balance
        if not standing:
            needed = threshold
        elif reward.every:
            needed = threshold if reward.cost else threshold * (standing + 1)
        else:
            continue
        if figure + most >= needed:
            return False
    if tiers is None or tiers.retired:
        return True
    present = tiers.index.get(ledger.tier, -1)
    if present < 0:
        return False
    if present == len(tiers.levels) - 1:
        return True
    basis = basis_of(turn.memory, turn.lifetime, tiers, turn.fact.occurred_at)
    return basis + most < tiers.levels[present + 1].at


def _pulls(turn: Turn, fact: SubscriptionFact, program: CompiledProgram | None) -> list[str]:
    """Every trigger that a fact about a subscription may pull."""
    seen = fact.subscription
    if isinstance(fact, facts.SubscriptionCreated):
        return ["subscription_created"]
    if isinstance(fact, facts.SubscriptionReactivated):
        return ["subscription_reactivated"]
    if isinstance(fact, facts.SubscriptionCancelled):
        return ["subscription_cancelled", "plan_downgraded"]
    pulls: list[str] = []
    known = subscriptions.find(turn.memory, seen.id)
    if isinstance(fact, facts.SubscriptionRenewed):
        pulls.append("subscription_renewed")
        if subscriptions.may_complete_year(known, seen):
            pulls.append("annual_renewal")
    elif isinstance(fact, facts.SubscriptionActivated):
        pulls += ("subscription_created", "trial_converted")
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
    return True
