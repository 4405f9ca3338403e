"""Builders of reward commands, a ledger in memory and two clocks to turn by hand."""

from dataclasses import dataclass
from typing import Any

from connectors.rewards.entries import NewReward, Received, new_revocation, new_reward
from connectors.rewards.ledger import Ledger, open_ledger
from connectors.rewards.tables import metadata
from schemas.codec import REWARDS
from schemas.rewards import AnyGrant, Discount, GrantReward, RevokeReward

NOON = 1_800_000_000
FIVE_OFF = Discount(via="promotional_credit", amounts_minor={"USD": 500})
COUPON_OFF = Discount(via="coupon", amounts_minor={"USD": 500})


@dataclass
class Clocks:
    """Engine time and real time, both standing still until moved."""

    now: int = NOON
    wall: float = 1000.0

    def engine(self) -> int:
        return self.now

    def real(self) -> float:
        return self.wall

    def pass_seconds(self, seconds: float) -> None:
        self.now += int(seconds)
        self.wall += seconds


def grant(ordinal: int = 1, *, customer: str = "c1", **changes: Any) -> GrantReward:
    reward = changes.get("reward", "five-off")
    values: dict[str, Any] = {
        "reward_id": f"acme:{customer}:{reward}:{ordinal}",
        "site": "acme",
        "customer": customer,
        "program": "spikes",
        "program_version": 3,
        "reward": "five-off",
        "occurred_at": NOON - 60,
        "grant": FIVE_OFF,
        "subscription": "sub_1",
        "currency": "USD",
        **changes,
    }
    return GrantReward(**values)


def coupon(ordinal: int = 1, **changes: Any) -> GrantReward:
    kind: AnyGrant = changes.pop("grant", COUPON_OFF)
    return grant(ordinal, grant=kind, **changes)


def received(command: GrantReward) -> NewReward:
    return new_reward(command, REWARDS.encode(command))


def revoke(ordinal: int = 1, *, customer: str = "c1", **changes: Any) -> RevokeReward:
    reward = changes.get("reward", "five-off")
    values: dict[str, Any] = {
        "reward_id": f"acme:{customer}:{reward}:{ordinal}",
        "site": "acme",
        "customer": customer,
        "program": "spikes",
        "program_version": 3,
        "reward": "five-off",
        "occurred_at": NOON,
        "reason": "refunded",
        **changes,
    }
    return RevokeReward(**values)


async def memory_ledger() -> Ledger:
    """A real ledger on SQLite in memory, for logic tests; durability is tested on files."""
    ledger = open_ledger("sqlite+aiosqlite://")
    async with ledger.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    return ledger


async def give(
    ledger: Ledger, *commands: GrantReward | RevokeReward, next_offset: int = 1
) -> Received:
    """The commands as one batch."""
    return await ledger.receive(
        [received(each) for each in commands if isinstance(each, GrantReward)],
        [
            new_revocation(each, REWARDS.encode(each))
            for each in commands
            if isinstance(each, RevokeReward)
        ],
        topic="loyalty.rewards.v1",
        partition=0,
        next_offset=next_offset,
    )
