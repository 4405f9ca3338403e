"""Which custom event properties a program names: only these ever leave the raw topics. PURE."""

from schemas.program.expressions import event_properties
from schemas.program.model import Program


def named_properties(program: Program, event: str) -> frozenset[str]:
    """Properties of the event `event` that a rule, reward or multiplier of the program may read."""
    texts: list[str | None] = []
    for rule in program.earn:
        if rule.event == event:
            texts += [rule.when, rule.points if isinstance(rule.points, str) else None]
    texts += [reward.when.when for reward in program.rewards if reward.when.event == event]
    texts += [
        multiplier.when
        for multiplier in program.multipliers
        if not multiplier.on or "custom" in multiplier.on
    ]
    return frozenset().union(*(event_properties(text) for text in texts if text is not None))
