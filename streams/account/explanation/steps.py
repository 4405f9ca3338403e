"""Each step of a trace in sentences. PURE."""

from typing import assert_never

from schemas.program.amounts import money_text
from streams.account.explanation.events import happened, refunded_text
from streams.account.explanation.wording import Wording, listed, sentence, times, values
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
    Noted,
    PointsCounted,
    RefundShared,
    RewardConsidered,
    RuleConsidered,
    TierMeasured,
    TriggerPulled,
)

_DOES = {"2": "doubles it", "3": "triples it"}
_ROUNDED = {"floor": "Rounded down", "ceil": "Rounded up", "half_up": "Rounded"}


def said(step: AnyStep, wording: Wording) -> list[str]:  # noqa: C901, PLR0911, PLR0912 - one line each
    """The sentences of one step; none where another step says it."""
    match step:
        case FactRepeated():
            return ["It was told before, and changes nothing a second time."]
        case DecidedAnew():
            return [_anew(step)]
        case TriggerPulled() | RuleConsidered() | InstantReached() | FactResumed():
            return []
        case ConditionRead():
            return [_condition(step)]
        case LimitRead():
            return [_limit(step, wording)]
        case BaseCounted():
            return [_base(step, wording)]
        case MultiplierConsidered():
            return _multiplier(step, wording)
        case PointsCounted():
            return _points(step, wording)
        case TierMeasured():
            return [_tier(step, wording)]
        case RewardConsidered():
            return [_reward(step, wording)]
        case RefundShared():
            return [_refund(step, wording)]
        case Noted():
            return [_noted(step, wording)]
        case _:
            return happened(step, wording)


def refuses(step: AnyStep) -> bool:
    """Whether the step itself says why not, so that the note after it says nothing new."""
    match step:
        case ConditionRead(holds=False) | RewardConsidered() | PointsCounted(given=0):
            return True
        case LimitRead():
            return bool(step.refused)
        case _:
            return False


def _anew(step: DecidedAnew) -> str:
    many = f"{step.facts} other facts", "were"
    others, were = ("another fact", "was") if step.facts == 1 else many
    return f"It came late: {others} of those days {were} decided anew, with this one in its place."


def _condition(step: ConditionRead) -> str:
    whose = f"{step.part.capitalize()} `{step.of}`"
    if step.holds:
        return f"{whose} asks for `{step.text}`, which holds: {values(step.values)}."
    if step.error:
        return sentence(f"{whose} does not apply: {step.error}")
    read = {name: step.values[name] for name in step.unmet_names}
    found = f", and {values(read)}" if read else ""
    return f"{whose} does not apply: it asks for `{step.unmet}`{found}."


def _limit(step: LimitRead, wording: Wording) -> str:
    whose = f"{step.part.capitalize()} `{step.of}`"
    often = ""
    if step.count is not None:
        per = "ever" if step.per == "ever" else f"per {step.per}"
        often = f"{times(step.count)} {per}"
    if not step.refused:
        limit = f"at most {often}" if often else "with a cooldown"
        before = times(step.used) if step.used else "not yet"
        return f"{whose} counts {limit}: {before} before this."
    if step.count is not None and step.used >= step.count:
        return f"{whose} does not apply: it counts at most {often}, which is used up."
    until = f" until {wording.moment(step.cooldown_until)}" if step.cooldown_until else ""
    return f"{whose} does not apply: it has to rest since the last time{until}."


def _base(step: BaseCounted, wording: Wording) -> str:
    rule, size = f"Rule `{step.rule}` gives", wording.points(step.points)
    if step.per_minor:
        per = money_text(step.per_minor, step.currency)
        counted = ""
        if step.tax_minor:
            tax = money_text(step.tax_minor, step.currency)
            counted = f" of {money_text(step.amount_minor, step.currency)} ({tax} tax left out)"
        return f"{rule} {step.award:,} for each {per}{counted}: {size}."
    if step.per_quantity:
        return f"{rule} {step.per_quantity:,} for each of {step.quantity:,}: {size}."
    if step.formula:
        read = f" with {values(step.values)}" if step.values else ""
        return f"{rule} `{step.formula}`{read}: {size}."
    return f"{rule} {size}."


def _multiplier(step: MultiplierConsidered, wording: Wording) -> list[str]:
    whose = f"{'Your tier' if step.by_tier else 'Multiplier'} `{step.multiplier}`"
    match step.outcome:
        case "counts":
            does = _DOES.get(step.factor, f"multiplies it by {step.factor}")
            return [f"{whose} {does}: {wording.number(step.points)}."]
        case "closed":
            begins = f" from {wording.moment(step.opens_at)}" if step.opens_at is not None else ""
            ends = f" until {wording.moment(step.closes_at)}" if step.closes_at is not None else ""
            span = f": it counts{begins}{ends}" if begins or ends else ""
            return [f"{whose} is not open{span}."]
        case "condition_not_met":
            return []
        case "not_the_best":
            return [f"{whose} ({step.factor} times) does not count: only the best one does."]
        case _:
            assert_never(step.outcome)


def _points(step: PointsCounted, wording: Wording) -> list[str]:
    told = []
    if step.carried:
        carried = wording.number(step.carried)
        told.append(f"{carried} kept from before make it {wording.number(step.exact)}.")
    if step.exact != str(step.wanted):
        kept = f", and {wording.number(step.kept)} is kept for the next time" if step.kept else ""
        told.append(f"{_ROUNDED[step.rounding]}: {wording.points(step.wanted)}{kept}.")
    if step.given < step.wanted:
        assert step.cap is not None, "only a cap gives less than was wanted"
        told.append(
            f"At most {step.cap:,} count per {step.cap_per}, of which {step.cap_left:,} were left: "
            f"{wording.points(step.given)}."
        )
    return told


def _tier(step: TierMeasured, wording: Wording) -> str:
    when = "Your tier was reviewed: " if step.reviewed else ""
    counts = f"{wording.basis(step.basis, step.currency)} count towards tiers"
    where = f"you are in `{step.tier}`" if step.tier else "you are in none yet"
    following = ""
    if step.next_tier:
        needed = wording.basis(step.next_at, step.currency)
        missing = step.next_at - step.basis
        following = f", and `{step.next_tier}` begins at {needed}"
        if missing > 0:
            money = wording.basis(missing, step.currency) if step.currency else f"{missing:,}"
            following += f", {money} more"
    return f"{when}{counts}: {where}{following}."


def _reward(step: RewardConsidered, wording: Wording) -> str:
    whose = f"Reward `{step.reward}`"
    missing = f"{step.needed - step.figure:,} are missing"
    figure = f"{step.figure:,}" if step.figure >= 0 else f"none and owe {-step.figure:,}"
    match step.outcome:
        case "below" if step.by == "lifetime":
            needed = wording.points(step.needed)
            return f"{whose} comes at {needed} earned in all: you have {figure}, {missing}."
        case "below":
            needed = wording.points(step.needed)
            return f"{whose} comes at {needed} to spend: you have {figure}, {missing}."
        case "fired_before":
            return f"{whose} comes once, and came before."
        case "not_affordable":
            cost = wording.points(step.needed)
            return f"{whose} costs {cost}: you have {figure}, {missing}."
        case "not_in_tier":
            return f"{whose} comes on reaching `{step.tier}`."
        case "left_for_next":
            return f"{whose} comes with what happens next: one fact gives no more at once."
        case _:
            assert_never(step.outcome)


def _refund(step: RefundShared, wording: Wording) -> str:
    paid = wording.day(step.paid_at)
    earned = wording.points(sum(each.earned for each in step.shares))
    back = refunded_text(step.refunded_minor, step.amount_minor, step.currency)
    parts = [
        f"{each.undone:,} of {each.earned:,} by `{each.rule}`"
        for each in step.shares
        if each.undone
    ]
    follows = f", so {listed(parts)} are undone now" if parts else ""
    return (
        f"Your payment `{step.payment}` of {paid} earned {earned}; {back} of it "
        f"went back by now{follows}."
    )


def _noted(step: Noted, wording: Wording) -> str:
    name, _, rest = step.detail.partition(": ")
    if rest and wording.is_part(name):
        return sentence(f"`{name}` gives nothing: {rest}")
    return sentence(step.detail or step.reason.replace("_", " "))
