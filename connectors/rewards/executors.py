"""Which executor carries out which kind of reward: the kinds of this release."""

from collections.abc import Callable, Mapping

from connectors.rewards.discount import CouponExecutor, PromotionalCreditExecutor
from connectors.rewards.gateway import Executor, RewardGateway

EXECUTORS: Mapping[str, Callable[[RewardGateway], Executor]] = {
    "promotional_credit": PromotionalCreditExecutor,
    "coupon": CouponExecutor,
}
"""By the kind that `dispatcher.kind_of` names. A kind that is missing here is refused."""
