"""Which subscription a reward lands on, and what is done while there is none."""

from dataclasses import dataclass
from fractions import Fraction

from connectors.rewards.gateway import (
    NotExecuted,
    Refused,
    RewardGateway,
    Subscription,
)
from schemas.rewards import GrantReward, LandsOn

WAIT_SECONDS = 3600.0
"""How often it is looked whether a subscription has come; a thousand rewards may wait at a site."""

_PERIODS_PER_YEAR = {
    "day": Fraction(1461, 4),
    "week": Fraction(1461, 28),
    "month": Fraction(12),
    "year": Fraction(1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a subscription must be to have a reward: its statuses, best first, and what to say."""

    statuses: tuple[str, ...]
    words: str
    in_term: bool = False

    def are_met_by(self, subscription: Subscription) -> bool:
        if self.in_term and subscription.term_end is None:
            return False
        return subscription.status in self.statuses


BILLED_AGAIN = Needs(statuses=("active", "in_trial"), words="subscription with a next invoice")
"""A subscription that will not renew has none."""
IN_TERM = Needs(
    statuses=("active", "non_renewing"),
    words="subscription in a term that could be prolonged",
    in_term=True,
)
LIVING = Needs(
    statuses=("active", "non_renewing", "in_trial"),
    words="living subscription that could have a feature",
)


async def land(
    gateway: RewardGateway, command: GrantReward, needs: Needs
) -> Subscription | Refused | NotExecuted:
    """The subscription that the command names if it can have the reward, else the best other.

    Without any the reward waits as long as the command says, or is refused.
    """
    chosen = await _find(gateway, command, needs)
    if chosen is not None:
        return chosen
    if command.wait_until is None:
        return Refused(f"the customer has no {needs.words}")
    return NotExecuted(
        f"the customer has no {needs.words} yet: it waits for one",
        WAIT_SECONDS,
        until=command.wait_until,
    )


async def _find(gateway: RewardGateway, command: GrantReward, needs: Needs) -> Subscription | None:
    if command.subscription:
        named = await gateway.subscription(command.subscription)
        if named is not None and needs.are_met_by(named):
            return named
    others = await gateway.subscriptions(command.customer)
    return choose_subscription(others, needs, command.lands_on, command.currency)


def choose_subscription(
    subscriptions: list[Subscription],
    needs: Needs = BILLED_AGAIN,
    lands_on: LandsOn = "fact",
    currency: str = "",
) -> Subscription | None:
    """The one that is meant of those that can have it, None without any. `fact` stands for the
    newest, one of a better status first.

    Values in two currencies are not compared: those in `currency` count, where it is empty or none
    is in it those in the newest one's.
    """
    able = [each for each in subscriptions if needs.are_met_by(each)]
    if not able:
        return None
    if lands_on == "oldest":
        return min(able, key=_age)
    if lands_on == "fact":
        best = min(needs.statuses.index(each.status) for each in able)
        return max((each for each in able if each.status == needs.statuses[best]), key=_age)
    newest = max(able, key=_age)
    if lands_on == "newest":
        return newest
    in_currency = [each for each in able if each.currency == currency]
    comparable = in_currency or [each for each in able if each.currency == newest.currency]
    return max(comparable, key=_value)


def _age(subscription: Subscription) -> tuple[int, str]:
    return subscription.created_at, subscription.id


def _value(subscription: Subscription) -> tuple[Fraction, tuple[int, str]]:
    """What it costs in a year, then the newer one."""
    a_year = _PERIODS_PER_YEAR[subscription.period_unit] / max(1, subscription.period)
    return subscription.amount_minor * a_year, _age(subscription)
