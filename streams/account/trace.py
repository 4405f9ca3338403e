"""The trace of one fact: what was looked at, in the order of deciding, step by step. PURE.

A trace watches and changes nothing. Where none is asked for, deciding pays one look at a None.
"""

from collections.abc import Mapping, Sequence

from schemas.facts import PaymentSucceeded
from schemas.points import AnyPointsEvent, Multiplier, PointsEvent
from schemas.program.expressions import Condition, Failed
from schemas.program.names import Given, Missing
from streams.account import limits
from streams.account.compiled import (
    CompiledLimit,
    CompiledProgram,
    CompiledReward,
    CompiledRule,
    CompiledTiers,
    Ratio,
    exact_text,
    reduced,
)
from streams.account.state import Counter, Earning, Payment
from streams.account.steps import (
    AnyStep,
    BaseCounted,
    ConditionRead,
    DecidedAnew,
    FactRepeated,
    FactResumed,
    InstantReached,
    LimitRead,
    MultiplierConsidered,
    MultiplierOutcome,
    Noted,
    Part,
    PointsCounted,
    RefundShared,
    RewardConsidered,
    RewardFigure,
    RewardOutcome,
    RuleConsidered,
    RuleShare,
    TierMeasured,
    TriggerPulled,
    Value,
)

Factors = Sequence[tuple[Multiplier, Ratio]]


class Trace:
    """Give one to `decide`. `program` is the version that the fact was decided under."""

    def __init__(self) -> None:
        self.steps: list[AnyStep] = []
        self.program: CompiledProgram | None = None
        self._part: Part = "reward"

    def begin(self, program: CompiledProgram | None) -> None:
        self.program = program

    def repeat(self) -> None:
        self.steps.append(FactRepeated())

    def decide_anew(self, facts: int) -> None:
        self.steps.append(DecidedAnew(facts=facts))

    def instant(self, at: int) -> None:
        self.steps.append(InstantReached(at=at))

    def resume(self) -> None:
        self.steps.append(FactResumed())

    def event(self, event: AnyPointsEvent) -> None:
        self.steps.append(event)

    def forget_events(self) -> None:
        """Of a late fact everything is considered in its place, and events are told after that."""
        self.steps = [step for step in self.steps if not isinstance(step, PointsEvent)]

    def note(self, reason: str, detail: str) -> None:
        self.steps.append(Noted(reason=reason, detail=detail))
        if self._part == "rule":
            self._part = "reward"

    def pull(self, trigger: str, event: str | None = None) -> None:
        self.steps.append(TriggerPulled(trigger=trigger, event=event or ""))

    def rule(self, rule: CompiledRule, trigger: str) -> None:
        self._part = "rule"
        self.steps.append(RuleConsidered(rule=rule.id, trigger=trigger))

    def condition(
        self, of: str, condition: Condition, given: Given, *, result: bool | Failed
    ) -> None:
        decisive = condition.decisive(given)
        met = result is True
        self.steps.append(
            ConditionRead(
                part=self._part,
                of=of,
                text=condition.text,
                holds=met,
                values=_values(condition.values(given)),
                unmet="" if met else decisive.text,
                unmet_names=() if met else tuple(decisive.values(given)),
                error=result.detail if isinstance(result, Failed) else "",
            )
        )

    def limit(
        self,
        of: str,
        limit: CompiledLimit,
        counter: Counter,
        at: int,
        program: CompiledProgram,
        *,
        refused: str | None,
    ) -> None:
        used = counter.count
        if limit.per is not None:
            used = limits.used_in(counter.counts, program.period_key(at, limit.per))
        until = None
        if limit.cooldown is not None and counter.count:
            until = program.later(counter.last_at, limit.cooldown)
        self.steps.append(
            LimitRead(
                part=self._part,
                of=of,
                used=used,
                count=limit.count,
                per=limit.per or "ever",
                cooldown_until=until,
                refused=refused or "",
            )
        )

    def base(
        self,
        rule: CompiledRule,
        base: Ratio,
        given: Given,
        payment: PaymentSucceeded | None,
        quantity: int,
    ) -> None:
        self._part = "multiplier"
        points = exact_text(*reduced(*base))
        if rule.per_minor is not None and payment is not None:
            tax = min(payment.amount_minor, payment.tax_minor or 0) if rule.exclude_tax else 0
            step = BaseCounted(
                rule=rule.id,
                points=points,
                award=rule.award,
                per_minor=rule.per_minor[payment.currency],
                amount_minor=payment.amount_minor - tax,
                tax_minor=tax,
                currency=payment.currency,
            )
        elif rule.per_quantity is not None:
            step = BaseCounted(
                rule=rule.id, points=points, per_quantity=rule.per_quantity, quantity=quantity
            )
        elif rule.formula is not None:
            values = _values(rule.formula.values(given))
            step = BaseCounted(
                rule=rule.id, points=points, formula=rule.formula.text, values=values
            )
        else:
            step = BaseCounted(rule=rule.id, points=points)
        self.steps.append(step)

    def multipliers(
        self, rule: CompiledRule, at: int, base: Ratio, factors: Factors, chosen: Factors
    ) -> None:
        """`factors` are those that hold here, `chosen` those of them that the program stacks."""
        numerator, denominator = base
        open_ids = [applied.id for applied, _ in factors]
        chosen_ids = [applied.id for applied, _ in chosen]
        own = [each.applied for each in rule.multipliers]
        for each in rule.multipliers:
            if each.applied.id not in open_ids:
                closed = not each.is_open(at)
                self._multiplier(
                    each.applied,
                    "closed" if closed else "condition_not_met",
                    opens_at=each.start if closed else None,
                    closes_at=each.end if closed else None,
                )
        for applied, ratio in factors:
            by_tier = applied not in own
            if applied.id not in chosen_ids:
                self._multiplier(applied, "not_the_best", by_tier=by_tier)
                continue
            numerator, denominator = reduced(numerator * ratio[0], denominator * ratio[1])
            points = exact_text(numerator, denominator)
            self._multiplier(applied, "counts", by_tier=by_tier, points=points)

    def _multiplier(
        self,
        applied: Multiplier,
        outcome: MultiplierOutcome,
        *,
        by_tier: bool = False,
        points: str = "",
        opens_at: int | None = None,
        closes_at: int | None = None,
    ) -> None:
        self.steps.append(
            MultiplierConsidered(
                multiplier=applied.id,
                factor=applied.factor,
                outcome=outcome,
                by_tier=by_tier,
                points=points,
                opens_at=opens_at,
                closes_at=closes_at,
            )
        )

    def points(
        self,
        rule: CompiledRule,
        program: CompiledProgram,
        counter: Counter | None,
        at: int,
        exact: Ratio,
        *,
        wanted: int,
        given: int,
    ) -> None:
        """`counter` is the rule's as it stood before, `exact` what its remainder went into."""
        self._part = "reward"
        carried = counter.remainder if counter is not None and program.carries else (0, 1)
        cap_left = None
        if rule.cap is not None and rule.cap_per is not None and counter is not None:
            used = limits.used_in(counter.points, program.period_key(at, rule.cap_per))
            cap_left = max(0, rule.cap - used)
        kept = reduced(exact[0] - wanted * exact[1], exact[1])
        self.steps.append(
            PointsCounted(
                rule=rule.id,
                exact=exact_text(*reduced(*exact)),
                rounding=program.rounding,
                wanted=wanted,
                given=given,
                carried=exact_text(*carried) if carried[0] else "",
                kept=exact_text(*kept) if program.carries and kept[0] else "",
                cap=rule.cap,
                cap_per=rule.cap_per or "",
                cap_left=cap_left,
            )
        )

    def tier(self, tiers: CompiledTiers, present: str, basis: int, *, reviewed: bool) -> None:
        above = max(tiers.index.get(present, 0), tiers.level_for(basis)) + 1
        following = tiers.levels[above] if above < len(tiers.levels) else None
        self.steps.append(
            TierMeasured(
                tier=present,
                basis=basis,
                currency=tiers.counts,
                next_tier=following.id if following is not None else "",
                next_at=following.at if following is not None else 0,
                reviewed=reviewed,
            )
        )

    def reward(
        self, reward: CompiledReward, outcome: RewardOutcome, figure: int = 0, needed: int = 0
    ) -> None:
        by: RewardFigure = "" if reward.threshold is None else "balance"
        self.steps.append(
            RewardConsidered(
                reward=reward.id,
                outcome=outcome,
                by="lifetime" if reward.by_lifetime else by,
                figure=figure,
                needed=needed,
                tier=reward.tier or "",
            )
        )

    def refund(
        self, payment: Payment, given_back: int, shares: Sequence[tuple[Earning, int]]
    ) -> None:
        undone = {id(earning): share for earning, share in shares}
        self.steps.append(
            RefundShared(
                payment=payment.transaction,
                paid_at=payment.at,
                amount_minor=payment.amount_minor,
                currency=payment.currency,
                given_back_minor=given_back,
                refunded_minor=payment.refunded_minor,
                shares=tuple(
                    RuleShare(rule=each.rule, earned=each.points, undone=undone.get(id(each), 0))
                    for each in payment.earnings
                ),
            )
        )


def _values(values: Mapping[str, "Value | Missing"]) -> dict[str, Value]:
    return {name: None if isinstance(value, Missing) else value for name, value in values.items()}
