"""A loyalty program as validated data: the whole shape a merchant may write. PURE.

Every key accepted here is carried out by the account fold; what it does not carry out yet is an
unknown key, which is an error. Text forms are parsed by `periods`, `amounts` and `expressions`;
`load` turns YAML into a Program with errors that name path and line.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from schemas.program import amounts, expressions, periods
from schemas.rewards import DiscountVia

MAX_RULES = 200
MAX_LEVELS = 20
MAX_POINTS = 10**9
MAX_CURRENCIES = 200
MAX_PAYLOAD_BYTES = 4096

Trigger = Literal[
    "subscription_created",
    "trial_converted",
    "payment_succeeded",
    "first_payment",
    "on_time_payment",
    "plan_upgraded",
    "plan_downgraded",
    "subscription_renewed",
    "annual_renewal",
    "subscription_anniversary",
    "subscription_cancelled",
    "subscription_reactivated",
    "custom",
]
CalendarPeriod = Literal["day", "week", "month", "quarter", "year"]
Rounding = amounts.Rounding
PAYMENT_TRIGGERS: frozenset[Trigger] = frozenset(
    {"payment_succeeded", "first_payment", "on_time_payment"}
)

Value = TypeVar("Value")


def _checked(check: Callable[[Value], object]) -> AfterValidator:
    """Keep the text as written, and refuse it when `check` raises."""

    def keep(value: Value) -> Value:
        check(value)
        return value

    return AfterValidator(keep)


def _naive(value: Any) -> Any:
    """Local time: a text or a YAML timestamp without a zone."""
    if isinstance(value, int | float) or (isinstance(value, str) and value.isdigit()):
        raise ValueError('write a local date and time, such as "2026-11-27T00:00"')
    return value


def _without_zone(value: datetime) -> datetime:
    if value.tzinfo is not None:
        raise ValueError("write local time without an offset; the program's timezone gives it one")
    if not 2000 <= value.year <= 2100:
        raise ValueError("write a year from 2000 to 2100")
    return value.replace(microsecond=0)


Id = Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=60)]
Site = Annotated[StrictStr, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$", max_length=50)]
EventName = Annotated[StrictStr, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", max_length=100)]
Text = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Duration = Annotated[StrictStr, _checked(periods.parse_period)]
ZoneName = Annotated[StrictStr, _checked(periods.parse_zone)]
Currency = Annotated[StrictStr, _checked(amounts.check_currency)]
Factor = Annotated[StrictStr, _checked(amounts.parse_factor)]
Percent = Annotated[StrictStr, _checked(amounts.parse_percent)]
MoneyTable = Annotated[
    dict[StrictStr, StrictStr],
    Field(min_length=1, max_length=MAX_CURRENCIES),
    _checked(amounts.parse_table),
]
Expression = Annotated[StrictStr, Field(max_length=expressions.MAX_LENGTH)]
PositivePoints = Annotated[StrictInt, Field(ge=1, le=MAX_POINTS)]
Count = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
LocalTime = Annotated[datetime, BeforeValidator(_naive), AfterValidator(_without_zone)]


class Part(BaseModel):
    """Any part of a program: immutable, and an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True
    )


class Points(Part):
    """What points are called and how a fraction of a point is settled, once, at the end."""

    name: Text = "points"
    rounding: Rounding = "floor"
    carry_remainder: bool = False


class Expiry(Part):
    """`after` counts from when a lot becomes available, by the calendar of the program's zone."""

    after: Duration
    round_up_to: Literal["month", "quarter", "year"] | None = None


class PerAmount(Part):
    """`award` points for each `per` of the payment's currency; others than those earn nothing."""

    per: MoneyTable
    award: PositivePoints = 1
    tax: Literal["include", "exclude"] = "include"


class PerQuantity(Part):
    """`per_quantity` points for each unit of the plan line."""

    per_quantity: PositivePoints


class Cap(Part):
    """At most `points` from this rule per customer and calendar period; more is clamped."""

    points: PositivePoints
    per: CalendarPeriod


class Limit(Part):
    """At most `count` times per customer: ever, or `per` calendar period; `cooldown` apart."""

    count: Count | None = None
    per: CalendarPeriod | Literal["ever"] = "ever"
    cooldown: Duration | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.count is None and self.cooldown is None:
            raise ValueError("write a count, a cooldown or both, such as {count: 1, per: month}")
        if self.count is None and self.per != "ever":
            raise ValueError("`per` counts nothing without a `count`")
        return self


class EarnRule(Part):
    """When trigger `on` is pulled and `when` holds, the rule earns `points`.

    `points` is a number, an amount table, a quantity, or a CEL formula. `event` names the custom
    event. `trial: wait` makes subscription_created wait for the activation.
    """

    id: Id
    on: Trigger
    points: PositivePoints | PerAmount | PerQuantity | Expression
    event: EventName | None = None
    when: Expression | None = None
    trial: Literal["at_sign_up", "wait"] = "at_sign_up"
    activate_after: Duration | None = None
    cap: Cap | None = None
    limit: Limit | None = None

    @field_validator("points", mode="before")
    @classmethod
    def _one_form(cls, value: Any) -> Any:
        """Choose the form by what is written, so that a mistake is told about that form alone."""
        if isinstance(value, dict):
            form = PerQuantity if "per_quantity" in value else PerAmount
            return form.model_validate(value)
        if isinstance(value, bool | float) or value is None or isinstance(value, list):
            raise ValueError(
                'write whole points (500), an amount table ({per: {USD: "1.00"}}), '
                '{per_quantity: 10}, or a formula ("event.stars * 50")'
            )
        if isinstance(value, int) and not 1 <= value <= MAX_POINTS:
            raise ValueError(f"write points from 1 to {MAX_POINTS}")
        return value

    @field_validator("points", mode="after")
    @classmethod
    def _formula(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str):
            expressions.Formula(value, _triggers(info))
        return value

    _condition = field_validator("when")(lambda text, info: _check_condition(text, info))  # noqa: PLW0108 - defined below

    @model_validator(mode="after")
    def _fits_trigger(self) -> Self:
        _check_event(self.on, self.event)
        if isinstance(self.points, PerAmount) and self.on not in PAYMENT_TRIGGERS:
            raise ValueError(
                f"points per amount need a payment; {self.on} has none: write a number or a formula"
            )
        if isinstance(self.points, PerQuantity) and self.on == "custom":
            raise ValueError(
                'a custom event has no quantity; write a formula such as "event.quantity * 10"'
            )
        if self.trial == "wait" and self.on != "subscription_created":
            raise ValueError("`trial: wait` is only for subscription_created")
        return self


class Recurrence(Part):
    """RFC 5545: occurrences of `rule` from `start`, each `duration` long, in local time."""

    rule: Text
    start: LocalTime
    duration: Duration

    @model_validator(mode="after")
    def _occurs(self) -> Self:
        self.windows(periods.parse_zone("UTC"))
        return self

    def windows(self, zone: ZoneInfo) -> periods.Windows:
        return periods.Windows(self.rule, self.start, periods.parse_period(self.duration), zone)


class Multiplier(Part):
    """`factor` (a decimal string) on what rules earn while the window is open, or always."""

    id: Id
    factor: Factor
    on: tuple[Trigger, ...] = ()
    when: Expression | None = None
    from_: LocalTime | None = Field(default=None, alias="from")
    to: LocalTime | None = None
    recurrence: Recurrence | None = None

    _condition = field_validator("when")(lambda text, info: _check_condition(text, info))  # noqa: PLW0108 - defined below

    @model_validator(mode="after")
    def _one_window(self) -> Self:
        if self.recurrence is not None and (self.from_ is not None or self.to is not None):
            raise ValueError("write either from/to or a recurrence, not both")
        if self.from_ is not None and self.to is not None and self.from_ >= self.to:
            raise ValueError("`from` must be before `to`")
        return self


class Level(Part):
    """A tier. The first level has no threshold: everyone starts there."""

    id: Id
    at: Annotated[StrictInt, Field(ge=0, le=10**12)] = 0
    multiplier: Factor = "1"


class Tiers(Part):
    """Levels by what was earned (points) or paid (minor units of `currency`), never by the balance.

    `window` is lifetime, calendar_year or a period. Up at once; down only at a review: a window
    after the level was reached (at the year's end for calendar_year), as `downgrade` says.
    """

    basis: Literal["points_earned", "spend"] = "points_earned"
    currency: Currency | None = None
    window: StrictStr = "lifetime"
    downgrade: Literal["to_basis", "one_down", "never"] = "to_basis"
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=MAX_LEVELS)]

    @field_validator("window")
    @classmethod
    def _window(cls, value: str) -> str:
        if value not in ("lifetime", "calendar_year"):
            try:
                periods.parse_period(value)
            except periods.PeriodError as error:
                raise ValueError(f"{error}, or lifetime, or calendar_year") from error
        return value

    @field_validator("levels")
    @classmethod
    def _ascending(cls, levels: tuple[Level, ...]) -> tuple[Level, ...]:
        _check_unique("level", (level.id for level in levels))
        if levels[0].at != 0:
            raise ValueError("the first level is where everyone starts: leave its `at` out")
        if any(lower.at >= upper.at for lower, upper in pairwise(levels)):
            raise ValueError("levels go upwards: each `at` must be above the one before")
        return levels

    @model_validator(mode="after")
    def _spend_has_currency(self) -> Self:
        if self.basis == "spend" and self.currency is None:
            raise ValueError("`basis: spend` needs the `currency` that is counted, such as USD")
        if self.basis != "spend" and self.currency is not None:
            raise ValueError("`currency` is only for `basis: spend`")
        return self


class RewardWhen(Part):
    """What fires a reward: exactly one of `balance`, `lifetime`, `tier` or `on`."""

    balance: PositivePoints | None = None
    lifetime: PositivePoints | None = None
    repeat: Literal["once", "every"] = "once"
    tier: Id | None = None
    on: Trigger | None = None
    event: EventName | None = None
    when: Expression | None = None
    limit: Limit | None = None

    _condition = field_validator("when")(lambda text, info: _check_condition(text, info))  # noqa: PLW0108 - defined below

    @model_validator(mode="after")
    def _one_cause(self) -> Self:
        causes = [key for key in ("balance", "lifetime", "tier", "on") if getattr(self, key)]
        if len(causes) != 1:
            written = " and ".join(causes) or "none"
            raise ValueError(
                f"write exactly one of balance, lifetime, tier or on; here is {written}"
            )
        if self.repeat == "every" and causes[0] not in ("balance", "lifetime"):
            raise ValueError("`repeat: every` is only for balance and lifetime thresholds")
        if self.on is None:
            for key in ("event", "when", "limit"):
                if getattr(self, key) is not None:
                    raise ValueError(f"`{key}` is only for rewards fired by `on`")
        else:
            _check_event(self.on, self.event)
        return self


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
    payload: dict[str, Any] = {}

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


class Budget(Part):
    """The money that a reward may give to all customers together, by currency: for those earned in
    one calendar period, or ever.
    """

    amount: MoneyTable
    per: Literal[CalendarPeriod, "ever"] = "ever"


class RewardRule(Part):
    """When `when` fires, the customer gets exactly one of the grants, for `cost` points.

    `stock` is how many there are for all customers together. What is over `stock` or `budget` when
    it is to be given fails, and its points go back.
    """

    id: Id
    when: RewardWhen
    cost: Annotated[StrictInt, Field(ge=0, le=MAX_POINTS)] = 0
    discount: DiscountGrant | None = None
    feature: FeatureGrant | None = None
    free_days: Annotated[StrictInt, Field(ge=1, le=3650)] | None = None
    free_addon: FreeAddonGrant | None = None
    gift_card: GiftGrant | None = None
    charity: GiftGrant | None = None
    custom: WebhookGrant | None = None
    stock: Count | None = None
    budget: Budget | None = None

    @model_validator(mode="after")
    def _budget_covers(self) -> Self:
        if self.budget is None:
            return self
        gives = self._money()
        if not gives:
            raise ValueError(
                "`budget` is for rewards of a certain sum: a discount by amount or an order; limit"
                " others by `stock`"
            )
        missing = ", ".join(sorted(gives.keys() - self.budget.amount.keys()))
        if missing:
            raise ValueError(f"the budget names no amount in {missing}, which the reward gives")
        for currency, amount in gives.items():
            if amounts.parse_decimal(self.budget.amount[currency]) < amounts.parse_decimal(amount):
                raise ValueError(f"the budget in {currency} does not suffice for a single one")
        return self

    def _money(self) -> dict[str, str]:
        """What one of it is worth by currency; nothing where that is no certain sum."""
        if self.discount is not None:
            return self.discount.amount or {}
        gift = self.gift_card or self.charity
        return gift.amount if isinstance(gift, OrderGrant) else {}

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
        return self


class Refunds(Part):
    """Where a refund takes points that were spent.

    `allow` leaves a deficit, `pending_first` takes pending points before it does, `clamp` forgives
    what is not there.
    """

    negative: Literal["allow", "pending_first", "clamp"] = "allow"


class Program(Part):
    """One version of one program of one site.

    `version` is given by publishing; `effective_from` is local time in `timezone`, and publishing
    fills it with now where it is absent.
    """

    program: Id
    site: Site
    version: Annotated[StrictInt, Field(ge=0)] = 0
    timezone: ZoneName = "UTC"
    effective_from: LocalTime | None = None
    points: Points = Points()
    expiry: Expiry | None = None
    plan_ranking: Annotated[tuple[Text, ...], Field(max_length=MAX_RULES)] = ()
    earn: Annotated[tuple[EarnRule, ...], Field(min_length=1, max_length=MAX_RULES)]
    stack: Literal["multiply", "best"] = "multiply"
    multipliers: Annotated[tuple[Multiplier, ...], Field(max_length=MAX_RULES)] = ()
    tiers: Tiers | None = None
    refunds: Refunds = Refunds()
    rewards: Annotated[tuple[RewardRule, ...], Field(max_length=MAX_RULES)] = ()

    @field_validator("plan_ranking", "earn", "multipliers", "rewards")
    @classmethod
    def _unique(cls, parts: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        names = (part if isinstance(part, str) else part.id for part in parts)
        _check_unique("plan" if info.field_name == "plan_ranking" else "id", names)
        return parts

    @field_validator("rewards")
    @classmethod
    def _tiers_exist(
        cls, rewards: tuple[RewardRule, ...], info: ValidationInfo
    ) -> tuple[RewardRule, ...]:
        tiers: Tiers | None = info.data.get("tiers")
        levels = [level.id for level in tiers.levels] if tiers else []
        for index, reward in enumerate(rewards):
            if "tiers" in info.data and reward.when.tier not in (None, *levels):
                raise PydanticCustomError(
                    "unknown_tier",
                    "there is no tier {tier}; known are {known}",
                    {
                        "tier": reward.when.tier,
                        "known": ", ".join(levels) or "none: write tiers first",
                        "within": (index, "when", "tier"),
                    },
                )
        return rewards

    def effective_at(self) -> int:
        """Unix seconds of `effective_from`; publishing has filled it."""
        assert self.effective_from is not None
        return periods.to_instant(self.effective_from, periods.parse_zone(self.timezone))

    def document(self) -> dict[str, Any]:
        """The program as plain JSON data: what `ProgramPublished.document` carries."""
        return self.model_dump(mode="json")


def _triggers(info: ValidationInfo) -> tuple[str, ...]:
    """The triggers already read from the same part; none where `on` was wrong or is absent."""
    on = info.data.get("on")
    return () if on is None else (on,) if isinstance(on, str) else tuple(on)


def _check_condition(text: str | None, info: ValidationInfo) -> str | None:
    if text is not None:
        expressions.Condition(text, _triggers(info))
    return text


def _check_event(on: Trigger, event: str | None) -> None:
    if on == "custom" and event is None:
        raise ValueError("`on: custom` needs the `event` it is about, such as review_submitted")
    if on != "custom" and event is not None:
        raise ValueError("`event` is only for `on: custom`")


def _check_unique(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            within = (index,) if what == "plan" else (index, "id")
            raise PydanticCustomError(
                "repeated",
                "the {what} {name} is used twice: each needs its own",
                {"what": what, "name": name, "within": within},
            )
        seen.add(name)
