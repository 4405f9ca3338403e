"""The audit finds what is planted: an oracle that cannot fail proves nothing."""

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas import ids
from schemas.codec import FACTS, POINTS, DecodeError
from schemas.facts import ProgramPublished
from schemas.program.load import load_program
from schemas.topics import POSITION_KEY, PROGRAMS_KEY
from streams.account.ordering import fold
from streams.account.programs import Programs
from streams.account.state import Account
from streams.account.storing import encode_account
from tests.chaos import run
from tests.chaos.life import SITE, Life, Message
from tests.chaos.load import Promised
from tests.chaos.logs import Logs, Record
from tests.chaos.oracle import Oracle, conserved
from tests.chaos.refold import differences

SAID = 3_000
SAID_TO_FALSIFY = 600
"""Enough to hold what is falsified: each is decoded, kept books of and folded anew."""


def _program() -> ProgramPublished:
    program = load_program(Path(run.__file__).with_name("program.yaml").read_text())
    return ProgramPublished(
        id=ids.program_published(program.program, 1),
        site=SITE,
        customer="",
        occurred_at=0,
        program=program.program,
        version=1,
        document=program.document(),
    )


class Perfect:
    """The logs that a faultless engine on one partition would leave behind."""

    def __init__(self, said: int) -> None:
        self.logs = Logs()
        self.promised = Promised()
        self._accounts: dict[bytes, Account] = {}
        self._programs = Programs().with_published(_program())
        self._write(self.logs.facts, b"chaos:@programs", FACTS.encode(_program()))
        life = Life(3, customers=50, began_at=1_764_547_200, lasts_seconds=60)
        for message in islice(life, said):
            self._say(message)
        end = b"%d" % len(self.logs.facts)
        self._write(self.logs.accounts, POSITION_KEY, end)
        self._write(self.logs.accounts, PROGRAMS_KEY, self._programs.encode())
        for key, account in self._accounts.items():
            self._write(self.logs.accounts, key, encode_account(account))

    def _write(
        self, log: list[Record], key: bytes, value: bytes, *, headers: Any = ()
    ) -> tuple[int, int]:
        log.append(Record(0, len(log), key, value, headers))
        return 0, len(log) - 1

    def _say(self, message: Message) -> None:
        key = ids.account_key(SITE, message.customer).encode()
        if message.where == "raw":
            self._promise(message, self._write(self.logs.raw, key, message.value))
            if not message.fact:
                self._bury("raw", key, message.value)
            return
        place = self._write(self.logs.facts, key, message.value)
        self._promise(message, place)
        try:
            fact = FACTS.decode(message.value)
        except DecodeError:
            self._bury("facts", key, message.value)
            return
        account = self._accounts.setdefault(key, Account())
        for event in fold(account, fact, place[1], self._programs):
            self._write(self.logs.points, key, POINTS.encode(event))

    def _promise(self, message: Message, place: tuple[int, int]) -> None:
        self.promised.asked += 1
        self.promised.messages[f"some.{message.where}", *place] = message

    def _bury(self, topic: str, key: bytes, value: bytes) -> None:
        headers = [("topic", f"some.{topic}.v1".encode())]
        self._write(self.logs.dlq, key, value, headers=headers)

    def breaches(self) -> list[str]:
        """Of all but the raw events, which nobody translates here."""
        found = [*Oracle(self.logs, self.promised).breaches(), *differences(self.logs)]
        return [each for each in found if "never became a fact" not in each]

    def change(self, number: int, **values: Any) -> None:
        """Falsify one points event."""
        record = self.logs.points[number]
        document = msgspec.json.decode(record.value) | values
        changed = dataclasses.replace(record, value=msgspec.json.encode(document))
        self.logs.points[number] = changed

    def number_of(self, wanted: Callable[[dict[str, Any]], bool]) -> int:
        """The first points event that is wanted."""
        events = (msgspec.json.decode(each.value) for each in self.logs.points)
        return next(number for number, event in enumerate(events) if wanted(event))


@pytest.fixture(scope="module")
def faultless() -> Perfect:
    return Perfect(SAID_TO_FALSIFY)


@pytest.fixture
def perfect(faultless: Perfect) -> Perfect:
    """One to falsify: records are replaced, never changed."""
    mine = copy.copy(faultless)
    mine.logs = Logs(**{log.name: [*getattr(faultless.logs, log.name)] for log in fields(Logs)})
    return mine


def has(breaches: list[str], words: str) -> bool:
    return any(words in each for each in breaches)


def paid(event: dict[str, Any]) -> bool:
    return event.get("rule") == "pay"


def test_perfect_logs_have_no_breach_and_hold_something_of_everything() -> None:
    perfect = Perfect(SAID)
    oracle = Oracle(perfect.logs, perfect.promised)

    assert perfect.breaches() == []
    assert oracle.repeats > SAID * 0.04
    assert oracle.broken_facts
    earned, undone, lifetime = conserved(oracle.books.values())
    assert earned - undone == lifetime > 0
    assert undone > 0
    kinds = {msgspec.json.decode(each.value)["type"] for each in perfect.logs.points}
    assert kinds >= {"PointsEarned", "PointsReversed", "PointsRedeemed", "PointsAdjusted"}


def test_an_event_that_became_no_fact_is_lost(perfect: Perfect) -> None:
    found = list(Oracle(perfect.logs, perfect.promised).breaches())

    assert has(found, "never became a fact")


def test_a_fact_without_points_event_is_lost(perfect: Perfect) -> None:
    number = perfect.number_of(lambda event: event["type"] == "FactIgnored")
    del perfect.logs.points[number]

    found = perfect.breaches()
    assert has(found, "lost: ")
    assert has(found, "gap: ")


def test_an_acknowledged_record_that_is_not_there_is_lost(perfect: Perfect) -> None:
    del perfect.logs.raw[-1]

    assert has(perfect.breaches(), "acknowledged at raw-0@")


def test_a_fact_folded_twice_is_doubled(perfect: Perfect) -> None:
    again = perfect.logs.points[perfect.number_of(paid)]
    perfect.logs.points.append(again)

    assert has(perfect.breaches(), "doubled: ")


def test_a_repeat_that_was_decided_again_is_doubled(perfect: Perfect) -> None:
    number = perfect.number_of(paid)
    cause = msgspec.json.decode(perfect.logs.points[number].value)["cause"]
    perfect.change(number, cause=cause | {"offset": cause["offset"] + 1})

    assert has(perfect.breaches(), "was decided at")


def test_a_payment_that_earned_too_much_is_wrong(perfect: Perfect) -> None:
    perfect.change(perfect.number_of(paid), points=1_000_000)

    found = perfect.breaches()
    assert has(found, "wrong: ")
    assert has(found, "the books say")


def test_points_from_nowhere_are_invented(perfect: Perfect) -> None:
    number = perfect.number_of(paid)
    cause = msgspec.json.decode(perfect.logs.points[number].value)["cause"]
    perfect.change(number, cause=cause | {"fact": "payment:none:none"})

    assert has(perfect.breaches(), "invented: ")


def test_a_state_that_is_not_what_the_facts_give_is_found(perfect: Perfect) -> None:
    record = perfect.logs.accounts[-1]
    perfect.logs.accounts.append(dataclasses.replace(record, value=encode_account(Account())))

    assert has(perfect.breaches(), "account states")


def test_a_position_that_is_not_the_end_is_found(perfect: Perfect) -> None:
    perfect.logs.accounts.append(Record(0, 0, POSITION_KEY, b"5", ()))

    assert has(perfect.breaches(), "the position of partition 0")


def test_a_broken_fact_that_was_buried_twice_is_found(perfect: Perfect) -> None:
    buried = [each for each in perfect.logs.dlq if b"facts" in each.headers[0][1]]
    perfect.logs.dlq.append(buried[0])

    assert has(perfect.breaches(), "the DLQ holds")
