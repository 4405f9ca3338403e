"""Commands enter the ledger in the order in which one customer's were written."""

from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from connectors.rewards.entries import NewRevocation, NewReward, Received
from connectors.rewards.intake import Intake
from schemas.codec import REWARDS
from schemas.rewards import AnyRewardCommand
from tests.support.rewards import grant, revoke

PARTITION = TopicPartition("loyalty.rewards.v1", 0)


@dataclass
class Record:
    value: bytes
    offset: int
    partition: int = 0
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


class SpyLedger:
    def __init__(self) -> None:
        self.received: list[tuple[list[str], list[str], int]] = []

    async def receive(
        self, rewards: list[NewReward], revocations: list[NewRevocation], **where: Any
    ) -> Received:
        told = [each.reward_id for each in rewards], [each.reward_id for each in revocations]
        self.received.append((*told, where["next_offset"]))
        return Received(inserted=len(rewards), repeated=0, conflicting=())


class Committed:
    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.offsets = offsets


async def taken(*commands: AnyRewardCommand) -> list[tuple[list[str], list[str], int]]:
    ledger, nobody = SpyLedger(), Committed()
    intake = Intake(
        nobody,
        ledger,  # type: ignore[arg-type]
        nobody,  # type: ignore[arg-type]
        topic=PARTITION.topic,
        arrived=lambda _: None,
    )
    records = [Record(REWARDS.encode(each), offset) for offset, each in enumerate(commands)]
    await intake._take(PARTITION, records)
    assert nobody.offsets == {PARTITION: len(commands)}
    return ledger.received


async def test_commands_of_a_poll_are_stored_in_one_transaction() -> None:
    one, two = grant(1), grant(1, customer="c2")
    assert await taken(one, two, revoke(1)) == [
        ([one.reward_id, two.reward_id], [one.reward_id], 3)
    ]


async def test_what_follows_a_revocation_of_the_same_customer_is_stored_after_it() -> None:
    one, two = grant(1), grant(2)
    assert await taken(one, revoke(1), two) == [
        ([one.reward_id], [one.reward_id], 2),
        ([two.reward_id], [], 3),
    ]


async def test_another_customers_revocation_holds_nobody_up() -> None:
    one, other = grant(1), grant(1, customer="c2")
    assert len(await taken(one, revoke(1), other)) == 1
