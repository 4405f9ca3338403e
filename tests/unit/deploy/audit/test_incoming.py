"""What came in: a fact, ignored, or a dead letter with its bytes."""

from collections.abc import Iterable

from connectors.chargebee.translate import translate
from deploy.audit.dead_letters import DeadLetters
from deploy.audit.incoming import Incoming
from schemas.facts import AnyFact
from tests.support import chargebee as cb
from tests.support.audit import examples, tally

SITE = [("site", b"acme")]
PAID = cb.body(cb.payment_succeeded())
IGNORED = cb.body(cb.event("plan_created", plan={"id": "p"}))
CUSTOM = b'{"id":"x1","site":"acme","customer":"c1","name":"review","occurred_at":1}'
RAW = "chargebee.raw.v1"


class Desk:
    """Both checks over what is put before them; every account lives in partition 1."""

    def __init__(self) -> None:
        self.incoming_tally, self.letters_tally = tally(), tally()
        self.letters = DeadLetters(self.letters_tally)
        self.incoming = Incoming(self.incoming_tally, self.letters, translate, lambda _key: 1)

    def receive(self, offset: int, value: bytes, headers: Iterable[tuple[str, bytes]]) -> None:
        self.incoming.take_raw((RAW, 0, offset), headers, value, 5_000)

    def bury(self, offset: int, value: bytes) -> None:
        headers = [("topic", RAW.encode()), ("partition", b"0"), ("offset", b"%d" % offset)]
        self.letters.take_letter(0, headers, value)

    def fold(self, *facts: AnyFact) -> None:
        for fact in facts:
            self.incoming.take_fact(1, fact)

    def said(self) -> tuple[list[str], list[str]]:
        self.incoming.finish()
        self.letters.finish()
        return examples(self.incoming_tally), examples(self.letters_tally)


def test_facts_ignored_events_and_dead_letters_explain_everything() -> None:
    desk = Desk()
    desk.bury(2, b"broken")
    for offset, value in enumerate((PAID, IGNORED, b"broken", PAID)):
        desk.receive(offset, value, SITE)
    desk.fold(*translate(PAID, "acme").facts)

    assert desk.said() == ([], [])
    assert desk.incoming_tally.examined == 4
    assert desk.incoming_tally.check().note == "1 ignored for a reason"


def test_an_event_whose_fact_is_not_in_the_log_is_named() -> None:
    desk = Desk()
    desk.receive(0, PAID, SITE)
    desk.fold(*translate(PAID, "another-site").facts)

    assert desk.said() == ([f"{RAW}/0/0 became a fact that is not in the log"], [])


def test_a_custom_event_must_be_a_fact_too() -> None:
    desk = Desk()
    desk.incoming.take_custom(("custom.events.v1", 0, 7), CUSTOM, 5_000)

    assert desk.said() == (["custom.events.v1/0/7 became a fact that is not in the log"], [])


def test_a_rejected_event_without_a_dead_letter_is_named() -> None:
    desk = Desk()
    desk.receive(0, b"broken", SITE)
    desk.receive(1, PAID, [])
    desk.incoming.take_custom(("custom.events.v1", 0, 7), b"broken", 5_000)

    _, letters = desk.said()

    assert letters == [
        f"{RAW}/0/0 was rejected and has no dead letter",
        f"{RAW}/0/1 was rejected and has no dead letter",
        "custom.events.v1/0/7 was rejected and has no dead letter",
    ]


def test_a_letter_that_has_aged_out_is_not_missed() -> None:
    desk = Desk()
    desk.letters.reaches_back_to_ms = 5_001
    desk.receive(0, b"broken", SITE)

    assert desk.said() == ([], [])


def test_a_dead_letter_with_other_bytes_is_named() -> None:
    desk = Desk()
    desk.bury(0, b"mended")
    desk.bury(1, b"not what was paid")
    desk.receive(0, b"broken", SITE)
    desk.receive(1, PAID, SITE)
    desk.fold(*translate(PAID, "acme").facts)

    assert desk.said()[1] == [
        f"a dead letter of {RAW}/0/0 holds other bytes than it",
        f"a dead letter of {RAW}/0/1 holds other bytes than it",
    ]


def test_a_dead_letter_that_does_not_say_its_origin_is_named() -> None:
    desk = Desk()
    desk.letters.take_letter(9, [("topic", b"x"), ("partition", b"none"), ("offset", b"1")], b"")

    assert desk.said()[1] == ["the dead letter at offset 9 does not say where it came from"]


def test_a_letter_that_an_erasure_took_out_is_not_missed() -> None:
    desk = Desk()
    desk.receive(2, b"broken", SITE)
    desk.receive(3, b"broken too", SITE)
    desk.letters.excuse((RAW, 0, 2))

    assert desk.said()[1] == [f"{RAW}/0/3 was rejected and has no dead letter"]


def test_letters_that_wait_for_a_decision_are_counted() -> None:
    desk = Desk()
    for offset in (2, 3, 4):
        desk.bury(offset, b"broken")
    desk.letters.settle((RAW, 0, 3))
    desk.said()

    assert desk.letters_tally.check().note == "2 wait for a decision: cactus dlq list"
