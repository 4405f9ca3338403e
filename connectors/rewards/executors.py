"""Which executor carries out which kind of reward: the kinds of this release."""

from collections.abc import Mapping

from connectors.rewards.discount import CouponExecutor, PromotionalCreditExecutor
from connectors.rewards.gateway import Executor, RewardGateway

KINDS = frozenset({"promotional_credit", "coupon", "webhook", "order"})
"""What `dispatcher.kind_of` names and somebody carries out. Any other kind is refused."""


def build_executors(
    gateway: RewardGateway, services: Mapping[str, Executor]
) -> Mapping[str, Executor]:
    """One executor for each of `KINDS`: those of a billing site, and those of other `services`,
    which all sites share.
    """
    return {
        "promotional_credit": PromotionalCreditExecutor(gateway),
        "coupon": CouponExecutor(gateway),
        **services,
    }
