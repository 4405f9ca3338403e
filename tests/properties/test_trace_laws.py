"""A trace watches and changes nothing."""

from hypothesis import given

from schemas.codec import POINTS
from schemas.facts import AnyFact
from schemas.points import PointsEvent
from streams.account.explanation.explain import explain
from streams.account.ordering import fold
from streams.account.programs import Programs
from streams.account.state import Account
from streams.account.storing import encode_account
from streams.account.trace import Trace
from tests.properties.test_account_laws import by_program, few, histories


@by_program
@few
@given(histories)
def test_with_a_trace_the_same_events_and_the_same_account_come_out(
    programs: Programs, history: list[AnyFact]
) -> None:
    plain, watched = Account(), Account()
    for offset, fact in enumerate(history):
        trace = Trace()
        told = fold(plain, fact, offset, programs)
        seen = fold(watched, fact, offset, programs, trace=trace)
        assert [POINTS.encode(event) for event in told] == [POINTS.encode(event) for event in seen]
        assert encode_account(plain) == encode_account(watched)
        assert [step for step in trace.steps if isinstance(step, PointsEvent)] == seen
        assert all(text.endswith(".") for text in explain(fact, trace))
