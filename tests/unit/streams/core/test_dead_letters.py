"""What goes with a record to the DLQ."""

from streams.core.dead_letters import ERROR_CHARACTERS_MAX, dead_headers, dead_value
from tests.support.records import FACTS_TOPIC, record


def test_headers_tell_where_the_record_lay_and_what_is_wrong_with_it() -> None:
    headers = dead_headers(record(9, b"bad"), ValueError("no fact"), "0.1.0")

    assert headers == [
        ("topic", FACTS_TOPIC.encode()),
        ("partition", b"3"),
        ("offset", b"9"),
        ("class", b"ValueError"),
        ("error", b"no fact"),
        ("attempts", b"1"),
        ("code_version", b"0.1.0"),
    ]


def test_an_error_that_quotes_a_megabyte_is_cut() -> None:
    headers = dict(dead_headers(record(9, b"bad"), ValueError("x" * 2**20), "0.1.0"))

    assert len(headers["error"]) == ERROR_CHARACTERS_MAX


def test_an_error_with_half_a_character_is_told_all_the_same() -> None:
    headers = dict(dead_headers(record(9, b"bad"), ValueError("\ud800"), "0.1.0"))

    assert headers["error"] == b"?"


def test_a_record_without_a_value_becomes_an_empty_one_because_kafka_takes_no_nothing() -> None:
    assert dead_value(record(9, None, key=None)) == b""
    assert dead_value(record(9, b"bad")) == b"bad"


def test_a_record_that_was_sent_again_counts_its_attempts() -> None:
    again = record(9, b"bad", headers=[("site", b"acme"), ("replays", b"2")])

    assert dict(dead_headers(again, ValueError("no fact"), "0.1.0"))["attempts"] == b"3"


def test_a_header_that_is_no_number_counts_for_nothing() -> None:
    odd = record(9, b"bad", headers=[("replays", b"many")])

    assert dict(dead_headers(odd, ValueError("no fact"), "0.1.0"))["attempts"] == b"1"
