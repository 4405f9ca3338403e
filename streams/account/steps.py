"""What a trace is made of: one small message per thing that was looked at. PURE.

Points events stand between the steps, where they were decided. All are JSON with a `type`, as
events are. `points` that are texts are exact, as `schemas.program.amounts.exact_text` writes them.
"""

from typing import Literal

import msgspec

from schemas.facts import Scalar
from schemas.points import AnyPointsEvent
from schemas.program.amounts import Rounding

Value = Scalar | tuple[str, ...] | None
"""What a name stood for; None where the fact does not carry it."""

MultiplierOutcome = Literal["counts", "closed", "condition_not_met", "not_the_best"]
RewardOutcome = Literal["below", "fired_before", "not_affordable", "not_in_tier", "left_for_next"]
Part = Literal["rule", "multiplier", "reward"]
RewardFigure = Literal["", "balance", "lifetime"]


class Step(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="type",
    tag=True,
    gc=False,
):
    """One thing that was looked at."""


class FactRepeated(Step, frozen=True, kw_only=True):
    """The fact was decided before, and did nothing this time."""


class DecidedAnew(Step, frozen=True, kw_only=True):
    """The fact came late, and so many that came before it were decided anew with it in its place.
    What follows is how it was decided there.
    """

    facts: int


class InstantReached(Step, frozen=True, kw_only=True):
    """What follows is what time alone did at this instant, up to `FactResumed`."""

    at: int


class FactResumed(Step, frozen=True, kw_only=True):
    """Time is done; what follows is about the fact."""


class TriggerPulled(Step, frozen=True, kw_only=True):
    """`event` is the name of a custom event. The rules it concerns follow."""

    trigger: str
    event: str = ""


class RuleConsidered(Step, frozen=True, kw_only=True):
    """What follows, up to the next of these, is about this rule."""

    rule: str
    trigger: str


class ConditionRead(Step, frozen=True, kw_only=True):
    """A condition of a rule, multiplier or reward, and what the names in it stood for.

    `unmet` is the first part that did not hold, which reads `unmet_names`; `error` says why it has
    no value for this fact.
    """

    part: Part
    of: str
    text: str
    holds: bool
    values: dict[str, Value]
    unmet: str = ""
    unmet_names: tuple[str, ...] = ()
    error: str = ""


class LimitRead(Step, frozen=True, kw_only=True):
    """How often it happened within the limit before this; `refused` says why not once more.

    `cooldown_until` is when the cooldown of the last time is over.
    """

    part: Part
    of: str
    used: int
    count: int | None = None
    per: str = "ever"
    cooldown_until: int | None = None
    refused: str = ""


class BaseCounted(Step, frozen=True, kw_only=True):
    """Points of a rule before multipliers: flat, `award` per `per_minor`, per unit or by formula.

    `amount_minor` is what counts of the payment, `tax_minor` what was left out.
    """

    rule: str
    points: str
    award: int = 0
    per_minor: int = 0
    amount_minor: int = 0
    tax_minor: int = 0
    currency: str = ""
    per_quantity: int = 0
    quantity: int = 0
    formula: str = ""
    values: dict[str, Value] = {}


class MultiplierConsidered(Step, frozen=True, kw_only=True):
    """`points` are those after it, where it counts. A tier's factor is told under the tier's id."""

    multiplier: str
    factor: str
    outcome: MultiplierOutcome
    by_tier: bool = False
    points: str = ""
    opens_at: int | None = None
    closes_at: int | None = None


class PointsCounted(Step, frozen=True, kw_only=True):
    """The one rounding: `exact` includes what was `carried` in, `kept` is carried on.

    `cap_left` is what the cap allowed; `given` is `wanted` or that.
    """

    rule: str
    exact: str
    rounding: Rounding
    wanted: int
    given: int
    carried: str = ""
    kept: str = ""
    cap: int | None = None
    cap_per: str = ""
    cap_left: int | None = None


class TierMeasured(Step, frozen=True, kw_only=True):
    """What counts towards tiers: points, or minor units of `currency`. `reviewed` by time."""

    tier: str
    basis: int
    currency: str = ""
    next_tier: str = ""
    next_at: int = 0
    reviewed: bool = False


class RewardConsidered(Step, frozen=True, kw_only=True):
    """A reward that did not fire (again), and why: `figure` stood where `needed` was asked for."""

    reward: str
    outcome: RewardOutcome
    by: RewardFigure = ""
    figure: int = 0
    needed: int = 0
    tier: str = ""


class RuleShare(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is undone now of what a rule gave for a payment."""

    rule: str
    earned: int
    undone: int


class RefundShared(Step, frozen=True, kw_only=True):
    """What a refund is of its payment. `refunded_minor` is all of it that went back by now."""

    payment: str
    paid_at: int
    amount_minor: int
    currency: str
    given_back_minor: int
    refunded_minor: int
    shares: tuple[RuleShare, ...] = ()


class Noted(Step, frozen=True, kw_only=True):
    """Why something did not happen: a short code, and a sentence for people."""

    reason: str
    detail: str = ""


AnyStep = (
    FactRepeated
    | DecidedAnew
    | InstantReached
    | FactResumed
    | TriggerPulled
    | RuleConsidered
    | ConditionRead
    | LimitRead
    | BaseCounted
    | MultiplierConsidered
    | PointsCounted
    | TierMeasured
    | RewardConsidered
    | RefundShared
    | Noted
    | AnyPointsEvent
)
