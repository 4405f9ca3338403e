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
from streams.account.turn import BY_TIER, Turn

NOTHING: Final = 0
"""Lets nothing by: what comes before it is decided anew with it."""
SILENT: Final = 1
"""Lets by what nothing of the program answers, at the same instant: it did not ask what is known of
subscriptions."""
EARNING: Final = 2
"""Lets by what also earns, by other rules and so little that it reaches nothing."""
ANYTHING: Final = 3
"""Lets by whatever is no refund: a reward reached the customer, which no rule sees."""
INTRODUCING: Final = 4
"""Beside one of the others: the first to tell of its subscription, it lets by only what would tell
the same of it."""

PAYMENT_PULLS: Final = ("payment_succeeded", "first_payment", "on_time_payment")


def lets_by(turn: Turn) -> int:
    """What may be decided after the fact of a turn although it stands before it."""
    fact, events = turn.fact, turn.events
    first = turn.lived
    if type(fact) is facts.RewardDelivered:
        alone = len(events) == first + 1 and type(events[first]) is points.RewardDelivered
        return ANYTHING if alone else NOTHING
    if type(fact) is not facts.PaymentSucceeded or turn.recalled:
        return NOTHING
    level = EARNING
    for _, reason, _ in turn.notes:
        if reason == "cost_not_covered":
            level = SILENT
    for index in range(first, len(events)):
        if not _only_earns(turn, events[index]):
            level = SILENT
            break
    return level + INTRODUCING if turn.introduced else level


def _only_earns(turn: Turn, event: points.AnyPointsEvent) -> bool:
    """Whether an event of a payment is the same where more was earned before it."""
    if type(event) is points.PointsEarned or type(event) is points.PointsActivated:
        return event.absorbed == 0
    if type(event) is points.RewardEarned:
        return event.cause.trigger != BY_TIER
    if type(event) is points.TierChanged:
        return _is_placed(turn, event)
    return type(event) is points.FactIgnored


def _is_placed(turn: Turn, event: points.TierChanged) -> bool:
    """Whether an account without a tier was put in the lowest, as its first fact does anyway."""
    tiers = turn.program.tiers if turn.program else None
    return not event.from_tier and tiers is not None and tiers.index.get(event.to_tier) == 0


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
    least, room, introducing = ANYTHING, 0, 0
    for each in since:
        lets_by = each.lets_by
        if lets_by != ANYTHING and each.at != fact.occurred_at:
            return False
        if lets_by >= INTRODUCING:
            lets_by -= INTRODUCING
            introducing += 1
        least = min(least, lets_by)
        if each.room:
            room = min(each.room, room or each.room)
    program = turn.programs.effective(turn.site, fact.occurred_at)
    if introducing and not (introducing == 1 and _introduces_alike(turn, program)):
        return False
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


def _introduces_alike(turn: Turn, program: CompiledProgram | None) -> bool:
    """Whether a fact may come after the payment that was the first to tell of its subscription: all
    that is known of it would be the same without that payment.
    """
    fact = turn.fact
    if not isinstance(fact, facts.SubscriptionCreated | facts.SubscriptionRenewed):
        return False
    known, seen = turn.memory.subscriptions[-1], fact.subscription
    return known.id == seen.id and subscriptions.is_told_alike(
        known, seen, fact.occurred_at, program
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
