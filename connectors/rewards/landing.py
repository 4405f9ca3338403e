"""Which subscription a reward lands on."""

from connectors.rewards.gateway import RewardGateway, Subscription
from schemas.rewards import GrantReward

BILLED_AGAIN = ("active", "in_trial")
"""Statuses with a next invoice, best first. A subscription that will not renew has none."""
IN_TERM = ("active", "non_renewing")
"""Statuses with a paid term that can be prolonged, best first."""


async def land(
    gateway: RewardGateway, command: GrantReward, statuses: tuple[str, ...]
) -> Subscription | None:
    """The subscription that the command names if it has one of the statuses, else the best other.

    Raises `GatewayUnavailableError`.
    """
    if command.subscription:
        named = await gateway.subscription(command.subscription)
        if named is not None and named.status in statuses:
            return named
    return choose_subscription(await gateway.subscriptions(command.customer), statuses)


def choose_subscription(
    subscriptions: list[Subscription], statuses: tuple[str, ...] = BILLED_AGAIN
) -> Subscription | None:
    """By status, best first, then the oldest."""
    able = [each for each in subscriptions if each.status in statuses]
    return min(
        able,
        key=lambda each: (statuses.index(each.status), each.created_at, each.id),
        default=None,
    )
