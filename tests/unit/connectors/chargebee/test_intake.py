"""Which bodies are taken into the log, and what is said of the others."""

import json

import pytest

from connectors.chargebee.intake import DEPTH_MAX, RefusedBodyError, read_event, read_json
from tests.support import chargebee as cb

HEAD = b'{"id":"ev_1","event_type":"x","content":'


def complaint_about(body: bytes) -> str:
    with pytest.raises(RefusedBodyError) as raised:
        read_event(body)
    return str(raised.value)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_an_event_is_read_as_it_is() -> None:
    event = cb.payment_succeeded()
    assert read_event(cb.body(event)) == event


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"\xff{}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (HEAD + b"NaN}", "not JSON"),
        (HEAD + b"-Infinity}", "not JSON"),
        (HEAD + b"1e400}", "not JSON"),
        (HEAD + rb'"\ud800"}', "not JSON"),
        (HEAD + b'"\x00"}', "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"event"', "not a JSON object"),
        (HEAD + b'1,"content":2}', "'content' stands twice"),
        (HEAD + rb'{"a":{"b":1,"\u0062":2}}}', "'b' stands twice"),
        (HEAD + b"9223372036854775808}", "beyond 64 bits"),
        (HEAD + b"-9223372036854775809}", "beyond 64 bits"),
        (HEAD + b"1" * 300 + b"}", "beyond 64 bits"),
        (HEAD + b"1" * 5000 + b"}", "not JSON: number is infinity"),
        (b'{"event_type":"x"}', "`id`"),
        (b'{"id":"","event_type":"x"}', "`id`"),
        (b'{"id":7,"event_type":"x"}', "`id`"),
        (rb'{"id":"a\u0000","event_type":"x"}', "`id`"),
        (b'{"id":"' + b"a" * 256 + b'","event_type":"x"}', "`id`"),
        (b'{"id":"ev_1"}', "`event_type`"),
        (b'{"id":"ev_1","event_type":"x","object":"invoice"}', "no Chargebee event"),
    ],
)
def test_a_body_that_is_no_event_is_refused_for_a_clear_reason(body: bytes, complaint: str) -> None:
    assert complaint in complaint_about(body)


@pytest.mark.parametrize("integer", [2**63 - 1, -(2**63), 0])
def test_integers_of_64_bits_are_taken(integer: int) -> None:
    assert read_json(str(integer).encode()) == integer


def test_depth_is_limited_and_brackets_in_strings_do_not_count() -> None:
    assert read_json(nested(DEPTH_MAX))
    for levels in (DEPTH_MAX + 1, 1_500, 100_000):
        with pytest.raises(RefusedBodyError, match=f"deeper than {DEPTH_MAX}"):
            read_json(nested(levels))
    wide = [["a"] for _ in range(5_000)] + ['[{"\\' * 5_000]
    assert read_json(json.dumps(wide).encode()) == wide


def test_a_complaint_quotes_no_value_of_the_body() -> None:
    for mutilated in (
        cb.body(cb.payment_succeeded())[:-1],
        b'{"id":7,"x":"' + cb.EMAIL.encode() + b'"}',
    ):
        complaint = complaint_about(mutilated)
        assert not any(canary in complaint for canary in cb.CANARIES)


def test_no_truncation_of_an_event_is_taken() -> None:
    whole = cb.body(cb.subscription_event("subscription_renewed"))
    for length in range(len(whole)):
        assert complaint_about(whole[:length])
