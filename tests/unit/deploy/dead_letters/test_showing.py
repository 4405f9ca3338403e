"""Bytes from outside are shown so that they harm no terminal and tell of no person."""

import json

from deploy.dead_letters.showing import HIDDEN, escaped, hexadecimal, masked


def test_texts_are_hidden_but_for_those_that_name_things() -> None:
    event = {
        "id": "ev_1",
        "event_type": "payment_succeeded",
        "content": {
            "customer": {"id": "c1", "first_name": "Ann", "email": "ann@example.com", "vip": True},
            "transaction": {"customer_id": "c1", "amount": 4200, "currency_code": "EUR"},
            "notes": ["call Ann at home"],
        },
    }
    shown = json.loads(masked(json.dumps(event).encode()))
    assert shown["content"]["customer"] == {
        "id": "c1",
        "first_name": HIDDEN,
        "email": HIDDEN,
        "vip": True,
    }
    assert shown["content"]["transaction"] == event["content"]["transaction"]  # type: ignore[index]
    assert shown["content"]["notes"] == [HIDDEN]


def test_of_what_is_no_json_only_the_shape_is_left() -> None:
    half = b'{"id": "ev_1", "content": {"customer": {"email": "ann@example.com", "zip": "1010'
    assert masked(half) == (
        '{"id": "xx_9", "content": {"customer": {"email": "xxx@xxxxxxx.xxx", "zip": "9999'
    )
    assert masked("naïve Änne".encode()) == "xxxxx xxxx"


def test_control_characters_and_broken_text_do_not_reach_a_terminal() -> None:
    assert escaped(b"a\x1b[31mred\x07\xff\nline") == "a\\x1b[31mred\\x07\\xff\nline"
    assert escaped("a\u202eb".encode()) == "a\\u202eb"


def test_bytes_that_are_no_text_are_shown_as_bytes() -> None:
    assert hexadecimal(bytes(range(34))).splitlines()[1] == "00000020  20 21"


def test_a_very_long_value_is_cut_and_says_so() -> None:
    assert masked(b"x" * 30_000).endswith("… and 10,000 more")
