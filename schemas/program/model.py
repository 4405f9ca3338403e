"""A loyalty program as validated data: the whole shape a merchant may write. PURE.

Every key accepted here is carried out by the account fold; what it does not carry out yet is an
unknown key, which is an error. Text forms are parsed by `periods`, `amounts` and `expressions`;
`load` turns YAML into a Program with errors that name path and line.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    StrictBool,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from schemas.program import periods
from schemas.program.parts import MAX_RULES, Id, LocalTime, Part, Site, Text, ZoneName, check_unique
from schemas.program.rewards import RewardRule
from schemas.program.rules import EarnRule, Expiry, Multiplier, Points
from schemas.program.tiers import Tiers


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
        check_unique("plan" if info.field_name == "plan_ranking" else "id", names)
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
