"""A dead letter is tried as its stage would try it, without doing anything."""

import json

import pytest

from deploy.dead_letters.letters import Letter
from deploy.dead_letters.verdict import refusal
from schemas.codec import FACTS
from schemas.topics import Topics
from tests.support.story import paid

TOPICS = Topics()
FACT = FACTS.encode(paid("t1", 100))
CUSTOM = {"id": "e1", "site": "acme-test", "customer": "ann", "name": "review", "occurred_at": 1}


def letter(
    topic: str, value: bytes, *, key: bytes = b"acme-test:ann", site: bytes = b"a"
) -> Letter:
    return Letter(
        partition=0,
        offset=1,
        timestamp_ms=0,
        topic=topic,
        source_partition=0,
        source_offset=7,
        class_="",
        error="",
        attempts=1,
        code_version="",
        key=key,
        value=value,
        headers=[("site", site)] if site else [],
    )


def test_what_would_pass_by_now_is_refused_by_nobody() -> None:
    assert refusal(letter(TOPICS.facts, FACT), TOPICS) == ""
    assert refusal(letter(TOPICS.custom, json.dumps(CUSTOM).encode()), TOPICS) == ""


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (letter(TOPICS.facts, FACT, key=b"acme-test:bob"), "another key"),
        (letter(TOPICS.facts, FACT[:-9]), "not JSON"),
        (letter(TOPICS.raw, b"{}", site=b""), "does not say its site"),
        (letter(TOPICS.raw, b"half"), "JSON"),
        (letter(TOPICS.custom, json.dumps({**CUSTOM, "extra": 1}).encode()), "extra"),
        (letter(TOPICS.custom, json.dumps({**CUSTOM, "occurred_at": 10**13}).encode()), "1970"),
        (letter(TOPICS.rewards, FACT), "PaymentSucceeded"),
        (letter("elsewhere", b"{}"), "nothing of ours reads elsewhere"),
    ],
)
def test_what_would_come_back_says_why(refused: Letter, why: str) -> None:
    assert why in refusal(refused, TOPICS)
