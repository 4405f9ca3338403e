"""The rewards of a program: what fires them, what they cost and what they grant. PURE."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    field_validator,
    model_validator,
)

from schemas.program.parts import (
    MAX_PAYLOAD_BYTES,
    MAX_POINTS,
    PAYMENT_TRIGGERS,
    Count,
    EventName,
    Expression,
    Id,
    Limit,
    LocalTime,
    MoneyTable,
    Part,
    Percent,
    PositivePoints,
    Text,
    Trigger,
    check_condition,
    check_event,
)
from schemas.rewards import DiscountVia

CAUSES = ("balance", "lifetime", "tier", "on", "request")


class RewardWhen(Part):
    """What fires a reward: exactly one of `balance`, `lifetime`, `tier`, `on` or `request`."""

    balance: PositivePoints | None = None
    lifetime: PositivePoints | None = None
    repeat: Literal["once", "every"] = "once"
    tier: Id | None = None
    on: Trigger | None = None
    event: EventName | None = None
    request: StrictBool = False
    when: Expression | None = None
    limit: Limit | None = None

    _condition = field_validator("when")(lambda text, info: check_condition(text, info))  # noqa: PLW0108 - defined below

    @model_validator(mode="after")
    def _one_cause(self) -> Self:
        causes = [key for key in CAUSES if getattr(self, key)]
        if len(causes) != 1:
            written = " and ".join(causes) or "none"
            raise ValueError(
                f"write exactly one of {', '.join(CAUSES[:-1])} or {CAUSES[-1]}; here is {written}"
            )
        if self.repeat == "every" and causes[0] not in ("balance", "lifetime"):
            raise ValueError("`repeat: every` is only for balance and lifetime thresholds")
        if self.on is not None:
            check_event(self.on, self.event)
        elif self.event is not None:
            raise ValueError("`event` is only for rewards fired by `on: custom`")
        elif not self.request and (self.when is not None or self.limit is not None):
            key = "when" if self.when is not None else "limit"
            raise ValueError(f"`{key}` is only for rewards fired by `on` or by `request`")
        return self

    @property
    def rests_on_something(self) -> bool:
        """Whether a refund can undo what fired it."""
        return not self.request and (self.on is None or self.on in PAYMENT_TRIGGERS)


class DiscountGrant(Part):
    """`amount` is a table currency → decimal string; `percent` is for coupons only."""

    via: DiscountVia
    amount: MoneyTable | None = None
    percent: Percent | None = None

    @model_validator(mode="after")
    def _amount_or_percent(self) -> Self:
        if (self.amount is None) == (self.percent is None):
            raise ValueError('write either an amount, such as {USD: "5.00"}, or a percent')
        if self.percent is not None and self.via != "coupon":
            raise ValueError("a percent is only given by a coupon: write `via: coupon`")
        return self


class FeatureGrant(Part):
    id: Text
    value: Text = "true"
    while_in_tier: bool = False
    until: LocalTime | None = None


class FreeAddonGrant(Part):
    price: Text
    quantity: Count = 1
    cycles: Count = 1


class WebhookGrant(Part):
    """`webhook` names an endpoint of the deployment's settings."""

    webhook: Id
    payload: dict[str, Any] = Field(default_factory=dict)

    @field_validator("payload")
    @classmethod
    def _is_json(cls, payload: dict[str, Any]) -> dict[str, Any]:
        try:
            size = len(json.dumps(payload, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ValueError(
                "the payload must be plain JSON: texts, numbers, lists, maps"
            ) from error
        if size > MAX_PAYLOAD_BYTES:
            raise ValueError(f"the payload is longer than {MAX_PAYLOAD_BYTES} bytes")
        return payload


class OrderGrant(Part):
    """A gift card or a donation at Tremendous: what it is worth by currency, and the products or
    the campaign that the customer chooses from.
    """

    via: Literal["tremendous"]
    amount: MoneyTable
    products: Annotated[tuple[Text, ...], Field(max_length=50)] = ()
    campaign: Text | None = None

    @model_validator(mode="after")
    def _something_to_choose(self) -> Self:
        if bool(self.products) == (self.campaign is not None):
            raise ValueError("write either the products to choose from, or a campaign")
        return self


def _by_webhook_or_order(value: Any) -> Any:
    """Choose the form by what is written, so that a mistake is told about that form alone."""
    if isinstance(value, dict):
        return (OrderGrant if "via" in value else WebhookGrant).model_validate(value)
    return value


GiftGrant = Annotated[WebhookGrant | OrderGrant, BeforeValidator(_by_webhook_or_order)]

GRANTS = ("discount", "feature", "free_days", "free_addon", "gift_card", "charity", "custom")


class RewardRule(Part):
    """When `when` fires, the customer gets exactly one of the grants, for `cost` points.

    `on_refund: revoke` takes it back, and gives its cost back, when what it rests on is undone.
    """

    id: Id
    when: RewardWhen
    cost: Annotated[StrictInt, Field(ge=0, le=MAX_POINTS)] = 0
    on_refund: Literal["keep", "revoke"] = "keep"
    discount: DiscountGrant | None = None
    feature: FeatureGrant | None = None
    free_days: Annotated[StrictInt, Field(ge=1, le=3650)] | None = None
    free_addon: FreeAddonGrant | None = None
    gift_card: GiftGrant | None = None
    charity: GiftGrant | None = None
    custom: WebhookGrant | None = None

    @model_validator(mode="after")
    def _one_grant(self) -> Self:
        given = [key for key in GRANTS if getattr(self, key) is not None]
        if len(given) != 1:
            written = " and ".join(given) or "none"
            raise ValueError(f"write exactly one of {', '.join(GRANTS)}; here is {written}")
        if self.feature is not None and self.feature.while_in_tier and self.when.tier is None:
            raise ValueError("`while_in_tier` needs a reward that a tier fires: `when: {tier: …}`")
        if self.when.balance is not None and self.cost > self.when.balance:
            raise ValueError("the cost is above the balance that fires the reward")
        if self.on_refund == "revoke" and not self.when.rests_on_something:
            raise ValueError(
                "no refund undoes what fires this reward: `on_refund: revoke` is for thresholds, "
                f"tiers and {', '.join(sorted(PAYMENT_TRIGGERS))}"
            )
        return self
