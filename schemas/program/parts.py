"""What the parts of a program are made of: texts with a form, limits, shared checks. PURE."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from schemas.program import amounts, expressions, periods

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


def checked(check: Callable[[Value], object]) -> AfterValidator:
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
Duration = Annotated[StrictStr, checked(periods.parse_period)]
ZoneName = Annotated[StrictStr, checked(periods.parse_zone)]
Currency = Annotated[StrictStr, checked(amounts.check_currency)]
Factor = Annotated[StrictStr, checked(amounts.parse_factor)]
Percent = Annotated[StrictStr, checked(amounts.parse_percent)]
MoneyTable = Annotated[
    dict[StrictStr, StrictStr],
    Field(min_length=1, max_length=MAX_CURRENCIES),
    checked(amounts.parse_table),
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


def triggers_of(info: ValidationInfo) -> tuple[str, ...]:
    """The triggers already read from the same part; none where `on` was wrong or is absent."""
    if info.data.get("request"):
        return (REQUESTED,)
    on = info.data.get("on")
    return () if on is None else (on,) if isinstance(on, str) else tuple(on)


def check_condition(text: str | None, info: ValidationInfo) -> str | None:
    if text is not None:
        expressions.Condition(text, triggers_of(info))
    return text


def check_event(on: Trigger, event: str | None) -> None:
    if on == "custom" and event is None:
        raise ValueError("`on: custom` needs the `event` it is about, such as review_submitted")
    if on != "custom" and event is not None:
        raise ValueError("`event` is only for `on: custom`")


def check_unique(what: str, names: Iterable[str]) -> None:
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
