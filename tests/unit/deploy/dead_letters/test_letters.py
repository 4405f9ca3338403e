"""A dead letter gives back the record that it was."""

from deploy.dead_letters.letters import Letter, read_letter
from streams.core.dead_letters import dead_headers, dead_value
from tests.support.records import TIMESTAMP_MS, record

RAW = "chargebee.raw.v1"
CAME_WITH = [("site", b"acme"), ("source", b"webhook"), ("topic", b"somebody's own")]


def buried(value: bytes = b"half an ev", headers: list[tuple[str, bytes]] = CAME_WITH) -> Letter:
    was = record(9, value, topic=RAW, headers=headers)
    written = [*headers, *dead_headers(was, ValueError("not JSON"), "0.1.0")]
    letter = record(4, dead_value(was), topic="loyalty.dlq.v1", partition=0, headers=written)
    return read_letter(letter)


def test_it_tells_where_its_record_lay_and_what_is_wrong() -> None:
    letter = buried()
    assert (letter.topic, letter.source_partition, letter.source_offset) == (RAW, 3, 9)
    assert (letter.class_, letter.error, letter.attempts) == ("ValueError", "not JSON", 1)
    assert letter.at == TIMESTAMP_MS // 1000
    assert letter.value == b"half an ev"
    assert b"half" not in repr(letter).encode()


def test_headers_of_its_own_that_are_called_the_same_stay_the_records() -> None:
    assert buried().headers == CAME_WITH


def test_sent_again_it_has_its_headers_and_how_often() -> None:
    letter = buried()
    assert letter.replay_headers == [*CAME_WITH, ("replays", b"1")]
    again = buried(headers=letter.replay_headers)
    assert again.attempts == 2
    assert again.replay_headers == [*CAME_WITH, ("replays", b"2")]


def test_decisions_name_where_it_came_from_not_where_it_lies_now() -> None:
    assert buried().subject == f"dlq:{RAW}/3/9"


def test_what_somebody_else_wrote_there_is_shown_as_it_is() -> None:
    letter = read_letter(record(4, None, key=None, topic="loyalty.dlq.v1", partition=0))
    assert (letter.topic, letter.source_offset, letter.value) == ("", -1, b"")
    assert letter.subject == "dlq:0/4"
