"""Whatever comes in, translating gives facts, a reason, or `UntranslatableError`: nothing else."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.chargebee.customers import raw_key
from connectors.chargebee.intake import RefusedBodyError, read_event
from connectors.chargebee.translate import HANDLERS, translate
from schemas.codec import FACTS
from schemas.translation import UntranslatableError
from tests.support import chargebee as cb

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)

WHOLE_EVENTS = [
    *(
        cb.event(
            event_type,
            customer=cb.customer(),
            subscription=subscription,
            transaction=cb.refund() if "refund" in event_type else cb.transaction(),
            invoice=cb.invoice(),
        )
        for event_type in sorted(HANDLERS)
        for subscription in (cb.subscription_pc1(), cb.subscription_pc2())
    )
]


@st.composite
def mutated_events(draw: st.DrawFn) -> bytes:
    """A whole event in which some attributes, anywhere, are lost or replaced by anything."""
    event = json.loads(json.dumps(draw(st.sampled_from(WHOLE_EVENTS))))
    for _ in range(draw(st.integers(1, 4))):
        holder: Any = event
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(holder[key], dict | list) and holder[key] and draw(st.booleans()):
                holder = holder[key]
                continue
            if draw(st.booleans()):
                del holder[key]
            else:
                holder[key] = draw(ANY_JSON)
            break
    return json.dumps(event).encode()


def check(body: bytes) -> None:
    try:
        translation = translate(body, "acme-test")
    except UntranslatableError:
        return
    assert bool(translation.facts) != bool(translation.ignored)
    for fact in translation.facts:
        assert FACTS.decode(FACTS.encode(fact)) == fact
        assert fact.customer == translation.customer


@given(st.binary(max_size=64) | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_at_all(body: bytes) -> None:
    check(body)


@given(mutated_events())
def test_mutated_events(body: bytes) -> None:
    check(body)


@given(st.sampled_from(WHOLE_EVENTS), st.integers(0, 400), st.binary(max_size=3))
def test_damaged_bytes(event: cb.Json, at: int, damage: bytes) -> None:
    whole = cb.body(event)
    check(whole[:at] + damage + whole[at + len(damage) :])


@given(st.sampled_from(WHOLE_EVENTS))
def test_translating_twice_gives_the_same(event: cb.Json) -> None:
    assert translate(cb.body(event), "s") == translate(cb.body(event), "s")


@given(mutated_events() | st.binary(max_size=64))
def test_the_door_takes_an_event_or_refuses_it_and_always_finds_a_key(body: bytes) -> None:
    try:
        event = read_event(body)
    except RefusedBodyError:
        return
    assert raw_key("acme-test", event).encode()
