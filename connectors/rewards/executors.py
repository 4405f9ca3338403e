"""Which executor carries out which kind of reward: the kinds of this release."""

from collections.abc import Mapping

from connectors.rewards.benefits import FeatureExecutor, FreeAddonExecutor, FreeDaysExecutor
from connectors.rewards.discount import CouponExecutor, PromotionalCreditExecutor
from connectors.rewards.gateway import Executor, RewardGateway


def build_executors(
    gateway: RewardGateway, services: Mapping[str, Executor]
) -> Mapping[str, Executor]:
    """By the kind that `dispatcher.kind_of` names: those of a billing site, and those of other
    `services`, which all sites share. A kind that is missing is refused.
    """
    return {
        "promotional_credit": PromotionalCreditExecutor(gateway),
        "coupon": CouponExecutor(gateway),
        "feature": FeatureExecutor(gateway),
        "free_days": FreeDaysExecutor(gateway),
        "free_addon": FreeAddonExecutor(gateway),
        **services,
    }
