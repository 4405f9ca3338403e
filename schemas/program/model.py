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
    StrictBool,
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
NAMED_WINDOWS = ("lifetime", "calendar_year", "membership_year")
CalendarPeriod = Literal["day", "week", "month", "quarter", "year"]
Rounding = amounts.Rounding
PAYMENT_TRIGGERS: frozenset[Trigger] = frozenset(
    {"payment_succeeded", "first_payment", "on_time_payment"}
)

REQUESTED = "redemption_requested"
"""Stands for a trigger where a reward is asked for: its condition sees no payment and no event."""

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
Several = Annotated[StrictInt, Field(ge=2, le=1_000_000)]
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


class ExtendedBy(Part):
    """The activities that put expiry off: triggers, and custom events by name."""

    on: Annotated[tuple[Trigger, ...], Field(max_length=MAX_RULES)] = ()
    events: Annotated[tuple[EventName, ...], Field(max_length=MAX_RULES)] = ()

    @model_validator(mode="after")
    def _names_an_activity(self) -> Self:
        if "custom" in self.on:
            raise ValueError("name custom events in `events`, such as {events: [review_submitted]}")
        if not self.on and not self.events:
            raise ValueError("write triggers in `on`, such as {on: [payment_succeeded]}, or events")
        return self


class Expiry(Part):
    """`after` counts from when a lot becomes available, by the calendar of the program's zone.

    Each activity of `extended_by` counts it anew for every lot that is spendable then. `remind`
    is how long before a date its points are told of.
    """

    after: Duration
    round_up_to: Literal["month", "quarter", "year"] | None = None
    extended_by: ExtendedBy | None = None
    remind: Duration | None = None


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


class ActivateOn(Part):
    """Points wait until trigger `on` is pulled; those not confirmed `within` are void."""

    on: Trigger
    event: EventName | None = None
    within: Duration

    @model_validator(mode="after")
    def _names_its_event(self) -> Self:
        _check_event(self.on, self.event)
        return self


class EarnRule(Part):
    """When trigger `on` is pulled and `when` holds, the rule earns `points`.

    `points` is a number, an amount table, a quantity, or a CEL formula. `event` names the custom
    event. `trial: wait` makes subscription_created wait for the activation. Points of `priority`
    promotional are spent before others. `nth`, `every` and `streak` count pulls for which `when`
    holds: the rule earns at the N-th alone, at each N-th, or after N payments on time in a row.
    `clawback_within` is how soon after an upgrade a downgrade or a cancellation of the same
    subscription undoes what the upgrade earned.
    """

    id: Id
    on: Trigger
    points: PositivePoints | PerAmount | PerQuantity | Expression
    event: EventName | None = None
    when: Expression | None = None
    trial: Literal["at_sign_up", "wait"] = "at_sign_up"
    activate_after: Duration | None = None
    activate_on: ActivateOn | None = None
    priority: Literal["promotional", "standard"] = "standard"
    cap: Cap | None = None
    limit: Limit | None = None
    nth: Count | None = None
    every: Several | None = None
    streak: Several | None = None
    clawback_within: Duration | None = None

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
        if self.clawback_within is not None and self.on != "plan_upgraded":
            raise ValueError("`clawback_within` is only for `on: plan_upgraded`")
        if self.activate_after is not None and self.activate_on is not None:
            raise ValueError(
                "points wait for a time or for an activity: write activate_after or activate_on"
            )
        return self

    @model_validator(mode="after")
    def _counts_one_way(self) -> Self:
        written = [key for key in ("nth", "every", "streak") if getattr(self, key) is not None]
        if len(written) > 1:
            raise ValueError(f"write one of nth, every and streak; here is {' and '.join(written)}")
        if self.streak is not None and self.on != "on_time_payment":
            raise ValueError(
                "`streak` is only for `on: on_time_payment`; write `every` to count what need not "
                "come in a row"
            )
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

    `window` is lifetime, calendar_year, membership_year (from the day the account joined) or a
    period. Up at once; down only at a review, as `downgrade` says: a window after the level was
    reached, or at the year's end. `grace` puts a drop off once; there is none before
    `minimum_stay` in the tier is over.
    """

    basis: Literal["points_earned", "spend"] = "points_earned"
    currency: Currency | None = None
    window: StrictStr = "lifetime"
    downgrade: Literal["to_basis", "one_down", "never"] = "to_basis"
    grace: Duration | None = None
    minimum_stay: Duration | None = None
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=MAX_LEVELS)]

    @field_validator("window")
    @classmethod
    def _window(cls, value: str) -> str:
        if value not in NAMED_WINDOWS:
            try:
                periods.parse_period(value)
            except periods.PeriodError as error:
                raise ValueError(f"{error}, or {', or '.join(NAMED_WINDOWS)}") from error
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

    @model_validator(mode="after")
    def _grace_has_reviews(self) -> Self:
        if self.grace is not None and (self.window == "lifetime" or self.downgrade == "never"):
            why = "`window: lifetime`" if self.window == "lifetime" else "`downgrade: never`"
            raise ValueError(
                f"`grace` puts off what a review takes away, and {why} takes nothing away: "
                "leave it out, or write a window such as P12M"
            )
        return self


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

    _condition = field_validator("when")(lambda text, info: _check_condition(text, info))  # noqa: PLW0108 - defined below

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
            _check_event(self.on, self.event)
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


class Refunds(Part):
    """Where a refund takes points that were spent.

    `allow` leaves a deficit, `pending_first` takes pending points before it does, `clamp` forgives
    what is not there.
    """

    negative: Literal["allow", "pending_first", "clamp"] = "allow"


class Program(Part):
    """One version of one program of one site.

    `version` is given by publishing; `effective_from` is local time in `timezone`, and publishing
    fills it with now where it is absent. Under a `retired` version nothing earns: lots live on by
    their dates, tiers stay, refunds and outcomes work.
    """

    program: Id
    site: Site
    version: Annotated[StrictInt, Field(ge=0)] = 0
    timezone: ZoneName = "UTC"
    effective_from: LocalTime | None = None
    retired: StrictBool = False
    points: Points = Points()
    expiry: Expiry | None = None
    plan_ranking: Annotated[tuple[Text, ...], Field(max_length=MAX_RULES)] = ()
    earn: Annotated[tuple[EarnRule, ...], Field(max_length=MAX_RULES)]
    stack: Literal["multiply", "best"] = "multiply"
    multipliers: Annotated[tuple[Multiplier, ...], Field(max_length=MAX_RULES)] = ()
    tiers: Tiers | None = None
    refunds: Refunds = Refunds()
    rewards: Annotated[tuple[RewardRule, ...], Field(max_length=MAX_RULES)] = ()

    @model_validator(mode="before")
    @classmethod
    def _may_have_no_rules(cls, written: Any) -> Any:
        if isinstance(written, dict) and written.get("retired") is True:
            return {"earn": (), **written}
        return written

    @field_validator("earn")
    @classmethod
    def _earns(cls, rules: tuple[EarnRule, ...], info: ValidationInfo) -> tuple[EarnRule, ...]:
        if not rules and not info.data.get("retired"):
            raise PydanticCustomError("too_short", "no rule earns anything")
        return rules

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
    if info.data.get("request"):
        return (REQUESTED,)
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
