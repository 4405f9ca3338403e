"""How a program gives points: their expiry, earning rules, multipliers. PURE."""

from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from schemas.program import expressions, periods
from schemas.program.parts import (
    MAX_POINTS,
    MAX_RULES,
    PAYMENT_TRIGGERS,
    CalendarPeriod,
    Count,
    Duration,
    EventName,
    Expression,
    Factor,
    Id,
    Limit,
    LocalTime,
    MoneyTable,
    Part,
    PositivePoints,
    Rounding,
    Several,
    Text,
    Trigger,
    check_condition,
    check_event,
    triggers_of,
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


class ActivateOn(Part):
    """Points wait until trigger `on` is pulled; those not confirmed `within` are void."""

    on: Trigger
    event: EventName | None = None
    within: Duration

    @model_validator(mode="after")
    def _names_its_event(self) -> Self:
        check_event(self.on, self.event)
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
            expressions.Formula(value, triggers_of(info))
        return value

    _condition = field_validator("when")(lambda text, info: check_condition(text, info))  # noqa: PLW0108 - defined below

    @model_validator(mode="after")
    def _fits_trigger(self) -> Self:
        check_event(self.on, self.event)
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

    _condition = field_validator("when")(lambda text, info: check_condition(text, info))  # noqa: PLW0108 - defined below

    @model_validator(mode="after")
    def _one_window(self) -> Self:
        if self.recurrence is not None and (self.from_ is not None or self.to is not None):
            raise ValueError("write either from/to or a recurrence, not both")
        if self.from_ is not None and self.to is not None and self.from_ >= self.to:
            raise ValueError("`from` must be before `to`")
        return self
