"""One fact's trace → sentences in the order of deciding, for the customer of the fact. PURE."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from schemas.facts import AnyFact, SubscriptionChanged
from schemas.points import CorrectionApplied, FactIgnored, PointsEvent
from streams.account.explanation.events import correction, figures
from streams.account.explanation.facts import told
from streams.account.explanation.steps import refuses, said
from streams.account.explanation.wording import Wording, pulled, sentence
from streams.account.steps import (
    AnyStep,
    FactResumed,
    InstantReached,
    Noted,
    RuleConsidered,
    TriggerPulled,
)
from streams.account.trace import Trace


def explain(fact: AnyFact, trace: Trace) -> list[str]:
    """What happened, all that was considered, and how the account stands then."""
    wording = Wording(trace.program)
    sentences = [
        told(fact, wording),
        *_considered(fact, trace.steps, wording),
        *_not_considered(fact, trace),
        *_ending(trace.steps, wording),
    ]
    return [_once(text, len(list(same))) for text, same in groupby(sentences)]


def explain_correction(event: CorrectionApplied, trace: Trace) -> str:
    """What a late fact changed of what the trace tells."""
    wording = Wording(trace.program)
    return f"On {wording.moment(event.occurred_at)}: {correction(event)}"


def _considered(fact: AnyFact, steps: Sequence[AnyStep], wording: Wording) -> Iterator[str]:
    """Step by step; what time did at an earlier instant begins with its day."""
    when = ""
    for index, step in enumerate(steps):
        if isinstance(step, InstantReached):
            when = f"On {wording.moment(step.at)}: " if step.at != fact.occurred_at else ""
        elif isinstance(step, FactResumed):
            when = ""
        elif isinstance(step, Noted) and index and refuses(steps[index - 1]):
            continue
        elif isinstance(step, FactIgnored) and step is steps[-1]:
            continue  # the end says it
        elif isinstance(step, TriggerPulled):
            yield from _unheard(step, steps[index + 1 :])
        else:
            yield from (f"{when}{each}" for each in said(step, wording))


def _unheard(step: TriggerPulled, following: Sequence[AnyStep]) -> list[str]:
    """A trigger under which nothing was considered."""
    if following and isinstance(following[0], RuleConsidered | Noted):
        return []
    return [f"No rule earns when {pulled(step.trigger, step.event)}."]


def _not_considered(fact: AnyFact, trace: Trace) -> list[str]:
    """Rules of the program that wait for something else than this fact."""
    steps, program = trace.steps, trace.program
    earning = any(isinstance(step, TriggerPulled) for step in steps)
    if program is None or not (earning or isinstance(fact, SubscriptionChanged)):
        return []
    considered = {step.rule for step in steps if isinstance(step, RuleConsidered)}
    others = [
        f"`{rule.id}`, which earns when {pulled(trigger, rule.event)}"
        for trigger, rules in program.rules.items()
        for rule in rules
        if rule.id not in considered
    ]
    return [f"Not considered: {'; '.join(others)}."] if others else []


def _ending(steps: Sequence[AnyStep], wording: Wording) -> list[str]:
    events = [step for step in steps if isinstance(step, PointsEvent)]
    if not events:
        return []
    last = events[-1]
    if len(events) > 1 or not isinstance(last, FactIgnored) or last is not steps[-1]:
        return [figures(last, wording)]
    noted = any(isinstance(step, Noted) for step in steps)
    why = "So nothing moved." if noted else sentence(f"nothing moved: {last.detail}")
    return [why, figures(last, wording)]


def _once(text: str, times: int) -> str:
    return text if times == 1 else f"{text.removesuffix('.')} ({times:,} times)."
