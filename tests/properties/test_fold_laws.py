"""Laws of the fold, held over a sandbox's year under the sample program."""

import random

import pytest

from schemas import ids
from schemas.codec import POINTS
from schemas.facts import AnyFact
from streams.account.evolve import evolve
from streams.account.figures import balance_of, pending_of
from streams.account.ordering import fold
from streams.account.state import Account
from streams.account.storing import decode_account, encode_account, next_due_at, read_due_at
from tests.support.story import kinds, paid, story
from tests.support.year import programs, year

CUSTOMERS = 60


def fold_all(
    facts: list[AnyFact], *, reopen: bool = False
) -> tuple[list[bytes], dict[str, Account]]:
    accounts: dict[str, Account] = {}
    events: list[bytes] = []
    known = programs()
    for offset, fact in enumerate(facts):
        account = accounts.setdefault(fact.customer, Account())
        if reopen:
            account = accounts[fact.customer] = decode_account(encode_account(account))
        events += [POINTS.encode(event) for event in fold(account, fact, offset, known)]
    return events, accounts


@pytest.mark.parametrize("seed", [1, 2])
def test_balance_is_the_sum_of_lots_and_sequences_have_no_gap(seed: int) -> None:
    accounts: dict[str, Account] = {}
    known = programs()
    for offset, fact in enumerate(year(seed, CUSTOMERS)):
        account = accounts.setdefault(fact.customer, Account())
        before = account.ledger.sequence
        events = fold(account, fact, offset, known)
        assert events, "every fact has an outcome"
        assert [event.sequence for event in events] == list(
            range(before + 1, before + 1 + len(events))
        )
        assert events[-1].balance == balance_of(account.ledger)
        assert events[-1].pending == pending_of(account.ledger)
        assert all(lot.points > 0 for lot in account.ledger.lots)


@pytest.mark.parametrize("seed", [1, 2])
def test_replays_are_byte_identical_even_when_state_is_stored_after_each_fact(seed: int) -> None:
    facts = list(year(seed, CUSTOMERS))
    assert fold_all(facts)[0] == fold_all(facts, reopen=True)[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_any_duplication_changes_nothing(seed: int) -> None:
    facts = list(year(seed, CUSTOMERS))
    rng = random.Random(seed)
    known = programs()
    accounts: dict[str, Account] = {}
    seen: list[AnyFact] = []
    events: list[bytes] = []
    for offset, fact in enumerate(facts):
        account = accounts.setdefault(fact.customer, Account())
        events += [POINTS.encode(event) for event in fold(account, fact, offset, known)]
        seen.append(fact)
        again = rng.choice(seen)
        assert fold(accounts[again.customer], again, offset, known) == []
    assert events == fold_all(facts)[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_points_events_alone_build_the_ledger(seed: int) -> None:
    events, accounts = fold_all(list(year(seed, CUSTOMERS)))
    rebuilt: dict[str, Account] = {}
    for data in events:
        event = POINTS.decode(data)
        evolve(rebuilt.setdefault(event.customer, Account()), event)
    assert {customer: each.ledger for customer, each in rebuilt.items()} == {
        customer: each.ledger for customer, each in accounts.items()
    }


def test_a_fact_is_remembered_by_eight_bytes() -> None:
    facts = year(1, CUSTOMERS)
    _, accounts = fold_all(list(facts))
    customer = facts[0].customer
    mine = {fact.id for fact in facts if fact.customer == customer}
    assert len(accounts[customer].memory.digests) == ids.DIGEST_BYTES * len(mine)


def test_where_two_remembered_facts_meet_they_are_no_third() -> None:
    fact = paid("t1", 1_000)
    digest = ids.digest(fact.id)
    seam = b"\1\2\3" + digest + b"\4\5\6\7\0"
    told = story()
    told.account.memory.digests = seam
    assert kinds(told.tell(fact)) == ["PointsEarned"]
    assert told.tell(fact) == []


def test_when_an_account_is_due_can_be_read_without_decoding_it() -> None:
    _, accounts = fold_all(list(year(1, CUSTOMERS)))
    due = [next_due_at(account) for account in accounts.values()]
    assert due == [read_due_at(encode_account(account)) for account in accounts.values()]
    assert any(due)
