"""Reward commands: what the rewarder is to carry out, and the grants they carry. PURE.

Names below are stored for ever on `loyalty.rewards.v1`: change one by adding a version.
"""

from typing import Any, Literal

import msgspec

DiscountVia = Literal["promotional_credit", "coupon"]
LandsOn = Literal["fact", "newest", "oldest", "most_valuable"]
"""Which of a customer's subscriptions a reward is for: the one that the fact is about, or one by
what they are.
"""


class Grant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """What a reward gives, resolved from the program when it was earned."""


class Discount(Grant, frozen=True, kw_only=True, tag="discount"):
    """Money off the next billing cycle, of a coupon off the next `periods` of them.

    Either `amounts_minor` (per currency; the one of the customer's subscription is used) or
    `percent` (a decimal string such as "12.5", coupons only) is set. A `single_use` coupon is
    redeemed by a code that is made for this one reward.
    """

    via: DiscountVia
    amounts_minor: dict[str, int] = {}
    percent: str = ""
    periods: int = 1
    single_use: bool = False


class Feature(Grant, frozen=True, kw_only=True, tag="feature"):
    """A Chargebee entitlement override; ends when the tier is left, or `for_seconds` later."""

    id: str
    value: str = "true"
    while_in_tier: bool = False
    until: int | None = None


class FreeDays(Grant, frozen=True, kw_only=True, tag="free_days"):
    days: int


class FreeAddon(Grant, frozen=True, kw_only=True, tag="free_addon"):
    price: str
    quantity: int = 1
    cycles: int = 1


class Webhook(Grant, frozen=True, kw_only=True, tag="webhook"):
    """A signed call to another service: a gift card, a donation or anything else."""

    purpose: Literal["gift_card", "charity", "custom"]
    endpoint: str
    payload: dict[str, Any] = {}


class Order(Grant, frozen=True, kw_only=True, tag="order"):
    """A gift card or a donation ordered at Tremendous, which the customer claims by a link.

    The customer chooses among `products`, or among those of a `campaign`; what it is worth is the
    one of `amounts_minor` in the customer's currency.
    """

    purpose: Literal["gift_card", "charity"]
    amounts_minor: dict[str, int]
    products: tuple[str, ...] = ()
    campaign: str = ""


class Allowance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much of a reward there is for all customers together, over all versions of its program.

    `stock` rewards in all, and `budget_minor` by currency for those earned in one calendar period
    of `zone`.
    """

    stock: int | None = None
    budget_minor: dict[str, int] = {}
    per: Literal["day", "week", "month", "quarter", "year", "ever"] = "ever"
    zone: str = "UTC"


AnyGrant = Discount | Feature | FreeDays | FreeAddon | Webhook | Order


def _first_version() -> int:
    return 1


class RewardCommand(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag=True
):
    """The head of every command. `reward_id` is the id of the RewardEarned event it answers."""

    reward_id: str
    site: str
    customer: str
    program: str
    program_version: int
    reward: str
    occurred_at: int
    v: int = msgspec.field(default_factory=_first_version)


class GrantReward(RewardCommand, frozen=True, kw_only=True):
    """Give the customer what the reward grants. `subscription` and `currency` are the account's
    current ones, empty when it has none.

    Where that subscription cannot have it, `lands_on` chooses another; where there is none, it
    waits for one until the instant `wait_until`, and not at all where that is absent. Where the
    `allowance` is used up, the reward fails.
    """

    grant: AnyGrant
    subscription: str = ""
    currency: str = ""
    lands_on: LandsOn = "fact"
    wait_until: int | None = None
    allowance: Allowance | None = None


class RevokeReward(RewardCommand, frozen=True, kw_only=True):
    """Take back what can be taken back, because the cause of the reward was undone."""

    reason: str


AnyRewardCommand = GrantReward | RevokeReward
