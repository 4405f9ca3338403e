"""A story that is told with its explanations."""

from schemas.facts import AnyFact
from streams.account.explanation.credits import credits_in
from streams.account.explanation.explain import explain
from streams.account.ordering import fold
from streams.account.storing import decode_account, encode_account
from streams.account.trace import Trace
from tests.support.story import Story


def traced(told: Story, fact: AnyFact) -> Trace:
    """What is considered for the fact, which is then told."""
    trace = Trace()
    copy = decode_account(encode_account(told.account))
    fold(copy, fact, told.offset + 1, told.programs, trace=trace)
    told.tell(fact)
    return trace


def explained(told: Story, fact: AnyFact) -> list[str]:
    """The sentences about the fact, which is then told."""
    before = credits_in(told.events)
    return explain(fact, traced(told, fact), before)
