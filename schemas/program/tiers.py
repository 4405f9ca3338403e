"""The tiers of a program: their basis, its window, and the levels. PURE."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    StrictInt,
    StrictStr,
    field_validator,
    model_validator,
)

from schemas.program import periods
from schemas.program.parts import (
    MAX_LEVELS,
    NAMED_WINDOWS,
    Currency,
    Duration,
    Factor,
    Id,
    Part,
    check_unique,
)


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
        check_unique("level", (level.id for level in levels))
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
