"""Golden tests 12 and 13: six customers' years in one partition, one of whom is erased, and a
worker that is killed at every point. Kills of real processes are the chaos suite's.
"""

from hashlib import blake2b
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from schemas import ids
from schemas.codec import POINTS
from schemas.facts import AnyFact, CustomerDeleted
from schemas.points import AccountErased, AnyPointsEvent, FactIgnored, PointsExpired, RewardEarned
from streams.account.figures import balance_of, pending_of
from streams.account.state import Ledger
from streams.account.storing import decode_account
from tests.support.golden import line, sentences
from tests.support.partition import Partition, Worker
from tests.support.six_years import CUSTOMERS, PROGRAM, facts, golden, told
from tests.support.year import SITE, program_of

ZONE = ZoneInfo("Europe/Berlin")
END = 1_801_440_000
"""February 2027, when every year is over."""
ERASED = "refunding"
EVERYONE_ELSE = [customer for customer in CUSTOMERS if customer != ERASED]


@pytest.fixture(scope="module")
def six() -> Partition:
    """All six years in one partition, in the order of the calendar."""
    return lived_through(facts())


@pytest.fixture(scope="module")
def with_one_erased() -> Partition:
    """The same, but that one of them is deleted in March, with 167 points and 75 pending."""
    [at] = [
        told(ERASED).teller.instant(when)
        for when, happens in sentences(golden(ERASED))
        if happens == "loses 200 points"
    ]
    deleted = CustomerDeleted(
        id=ids.customer_deleted(ERASED), site=SITE, customer=ERASED, occurred_at=at - 86_400
    )
    return lived_through([*facts(), deleted])


def lived_through(told_facts: list[AnyFact]) -> Partition:
    partition = Partition(program_of(PROGRAM))
    partition.live(told_facts)
    partition.live_until(END)
    return partition


def ledger_of(partition: Partition, customer: str) -> Ledger:
    return decode_account(partition.states[key_of(customer)]).ledger


def key_of(customer: str) -> bytes:
    return ids.account_key(SITE, customer).encode()


def events_of(partition: Partition, customer: str) -> list[AnyPointsEvent]:
    """Where facts stand in the log is not what happened: the offset of each cause is blanked."""
    events = [POINTS.decode(event) for key, event in partition.events if key == key_of(customer)]
    return [replace(event, cause=replace(event.cause, offset=0)) for event in events]


def digest_of(partition: Partition, customer: str) -> str:
    events = b"\n".join(POINTS.encode(event) for event in events_of(partition, customer))
    return blake2b(events).hexdigest()


def liability(partition: Partition, customer: str) -> int:
    ledger = ledger_of(partition, customer)
    return balance_of(ledger) + pending_of(ledger)


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_who_else_lives_in_the_partition_changes_nobodys_year(
    six: Partition, customer: str
) -> None:
    lived = [line(event, ZONE, None) for event in events_of(six, customer)]
    alone = [line(event, ZONE, None) for event in told(customer).teller.story.events]
    assert lived[: len(alone)] == alone


@pytest.mark.parametrize("customer", EVERYONE_ELSE)
def test_12_erasing_a_member_changes_neither_balance_nor_digest_of_anyone_else(
    six: Partition, with_one_erased: Partition, customer: str
) -> None:
    assert digest_of(with_one_erased, customer) == digest_of(six, customer)
    assert ledger_of(with_one_erased, customer) == ledger_of(six, customer)


def test_12_the_liability_falls_by_what_the_erased_member_had(
    six: Partition, with_one_erased: Partition
) -> None:
    others = [
        sum(liability(each, name) for name in EVERYONE_ELSE) for each in (six, with_one_erased)
    ]
    assert others[0] == others[1] > 0
    assert liability(six, ERASED) > 0
    assert liability(with_one_erased, ERASED) == 0


def test_12_the_erased_member_keeps_sums_and_earns_nothing_more(with_one_erased: Partition) -> None:
    events = events_of(with_one_erased, ERASED)
    [place] = [place for place, each in enumerate(events) if isinstance(each, AccountErased)]
    gone = events[place - 1]
    assert isinstance(gone, PointsExpired)
    assert (gone.reason, gone.points, gone.balance, gone.pending) == ("erased", 242, 0, 0)
    assert {getattr(each, "reason", "") for each in events[place + 1 :]} == {"account_erased"}
    assert all(isinstance(each, FactIgnored) for each in events[place + 1 :])
    assert ledger_of(with_one_erased, ERASED).lifetime == 302


@pytest.mark.parametrize("size", [1, 7, 64])
def test_13_a_worker_killed_after_and_amid_every_batch_leaves_the_same_bytes(
    six: Partition, size: int
) -> None:
    """One dies before its batch is committed, one after; each time a new one goes on."""
    killed = Partition(program_of(PROGRAM))
    for start in range(0, len(six.log), size):
        batch = six.log[start : start + size]
        Worker(killed.states).apply(batch)  # dies, and nothing of it was committed
        killed.commit(Worker(killed.states).apply(batch))
    assert killed.events == six.events
    assert killed.states == six.states


def test_13_what_is_delivered_again_after_a_restart_moves_nothing(six: Partition) -> None:
    again = Worker(six.states).apply(six.log)
    assert (again.events, again.states, again.repeats) == ([], [], len(six.log))


def test_13_no_point_and_no_reward_is_lost_or_doubled(six: Partition) -> None:
    rewards: list[str] = []
    for customer in CUSTOMERS:
        events = events_of(six, customer)
        assert [each.sequence for each in events] == [*range(1, len(events) + 1)]
        rewards += [each.reward_id for each in events if isinstance(each, RewardEarned)]
    assert len(rewards) == len(set(rewards)) > 40
