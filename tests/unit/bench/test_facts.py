"""The benchmark's facts: what they are said to give is what the fold makes of them."""

from collections import Counter, defaultdict

from schemas.codec import FACTS
from schemas.facts import RewardDelivered
from schemas.points import AnyPointsEvent, FactIgnored
from schemas.points import RewardDelivered as Delivered
from streams.account.ordering import fold
from streams.account.state import Account
from tests.bench.facts import Load, multiply
from tests.bench.program import known

FACT_COUNT, ACCOUNTS, PARTITIONS = 3_000, 600, 4


def fold_all(load: Load) -> list[list[AnyPointsEvent]]:
    accounts: defaultdict[bytes, Account] = defaultdict(Account)
    return [
        fold(accounts[key], FACTS.decode(value), offset, known())
        for offset, (_, key, value) in enumerate(load.records)
    ]


def test_as_many_events_come_as_were_promised_up_to_every_fact() -> None:
    load, promised = multiply(FACT_COUNT, ACCOUNTS, PARTITIONS)
    given = [len(events) for events in fold_all(load)]
    assert len(given) == FACT_COUNT
    assert [sum(given[:count]) for count in range(0, FACT_COUNT, 500)] == promised[:-1:500]
    assert sum(given) == promised[-1] == load.events


def test_an_account_has_all_its_facts_on_one_partition() -> None:
    load, _ = multiply(FACT_COUNT, ACCOUNTS, PARTITIONS)
    homes = {(key, partition) for partition, key, _ in load.records}
    assert len(homes) == len({key for key, _ in homes})
    assert {partition for _, partition in homes} == set(range(PARTITIONS))


def test_doubles_of_a_customer_live_the_same_life_and_share_nothing() -> None:
    load, _ = multiply(2_000, 1_000, PARTITIONS)
    lives = Counter(key.rpartition(b"-")[0] for _, key, _ in load.records)
    assert all(count % 2 == 0 for count in lives.values())
    assert len({key for _, key, _ in load.records}) == 2 * len(lives)


def test_rewards_are_delivered_to_the_double_that_earned_them() -> None:
    load, _ = multiply(FACT_COUNT, ACCOUNTS, PARTITIONS)
    facts = [FACTS.decode(value) for _, _, value in load.records]
    events = [event for events in fold_all(load) for event in events]
    delivered = sum(isinstance(each, Delivered) for each in events)
    assert delivered > sum(isinstance(each, RewardDelivered) for each in facts) * 0.9
    refused = {each.reason for each in events if isinstance(each, FactIgnored)}
    assert "reward_not_open" not in refused
