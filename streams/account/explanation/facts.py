"""What a fact was, as the customer lived it: the first sentence of an explanation. PURE."""

from typing import assert_never

from schemas import facts
from schemas.facts import AnyFact
from schemas.program.amounts import money_text
from streams.account.explanation.wording import Wording, values

_BACK = {
    "refund": "{amount} of your payment `{payment}` were refunded on {day}.",
    "chargeback": "Your bank took back {amount} of your payment `{payment}` on {day}.",
    "late_failure": "Your payment `{payment}` of {amount} failed after all on {day}.",
}


def told(fact: AnyFact, wording: Wording) -> str:
    """One sentence with its day in the program's zone."""
    day = wording.day(fact.occurred_at)
    match fact:
        case facts.PaymentSucceeded():
            return f"You paid {money_text(fact.amount_minor, fact.currency)} on {day}."
        case facts.PaymentRefunded():
            amount = money_text(fact.amount_minor, fact.currency)
            payment = fact.payment_transaction
            return _BACK[fact.reason].format(amount=amount, payment=payment, day=day)
        case facts.CustomEventReceived():
            read = f" with {values({**fact.properties})}" if fact.properties else ""
            return f"`{fact.name}` happened on {day}{read}."
        case facts.TimeReached():
            return f"Time went on to {wording.moment(fact.occurred_at)}."
        case facts.CustomerDeleted():
            return f"Your account was deleted on {day}."
        case facts.ProgramPublished():
            return f"Version {fact.version} of the program `{fact.program}` was published."
        case (
            facts.RewardDelivered()
            | facts.RewardFailed()
            | facts.AdjustmentRequested()
            | facts.TierAssigned()
            | facts.RedemptionRequested()
            | facts.RedemptionCancelled()
        ):
            return _request(fact, wording, day)
        case _:
            return _subscription(fact, day)


def _subscription(fact: facts.SubscriptionFact, day: str) -> str:
    seen = fact.subscription
    whose = f"Your subscription to `{seen.plan}`"
    match fact:
        case facts.SubscriptionCreated():
            trial = ", with a trial first" if seen.status == "in_trial" else ""
            return f"{whose} began on {day}{trial}."
        case facts.SubscriptionActivated():
            after = " after its trial" if fact.from_trial else ""
            return f"{whose} became active on {day}{after}."
        case facts.SubscriptionChanged():
            amount = money_text(seen.amount_minor, seen.currency)
            every = f"{seen.period} {seen.period_unit}s" if seen.period > 1 else seen.period_unit
            return (
                f"Your subscription changed on {day}: it is now {seen.quantity} of "
                f"`{seen.plan}` for {amount} every {every}."
            )
        case facts.SubscriptionRenewed():
            return f"{whose} renewed on {day}."
        case facts.SubscriptionCancelled():
            reason = f" ({fact.reason})" if fact.reason else ""
            return f"{whose} was cancelled on {day}{reason}."
        case facts.SubscriptionReactivated():
            return f"{whose} came back on {day}."
        case _:
            assert_never(fact)


def _request(
    fact: facts.RewardDelivered
    | facts.RewardFailed
    | facts.AdjustmentRequested
    | facts.TierAssigned
    | facts.RedemptionRequested
    | facts.RedemptionCancelled,
    wording: Wording,
    day: str,
) -> str:
    match fact:
        case facts.RewardDelivered():
            reference = f" ({fact.reference})" if fact.reference else ""
            return f"The reward {fact.reward_id} reached you on {day}{reference}."
        case facts.RewardFailed():
            return f"The reward {fact.reward_id} could not be given on {day}: {fact.reason}."
        case facts.AdjustmentRequested():
            did = "gave you" if fact.points > 0 else "took from you"
            size = wording.points(abs(fact.points))
            return f"{fact.actor} {did} {size} by hand on {day}: {fact.reason}."
        case facts.TierAssigned():
            until = f" until {wording.moment(fact.until)}" if fact.until is not None else ""
            return f"{fact.actor} put you in `{fact.tier}` on {day}{until}: {fact.reason}."
        case facts.RedemptionRequested():
            actor = f" through {fact.actor}" if fact.actor else ""
            return f"You asked for the reward `{fact.reward}`{actor} on {day}."
        case facts.RedemptionCancelled():
            return f"{fact.actor} took back the request {fact.request} on {day}: {fact.reason}."
        case _:
            assert_never(fact)
