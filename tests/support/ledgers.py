"""A ledger under test, worked on by hand: leases, attempts, claims and what then stands in it."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from connectors.rewards import states
from connectors.rewards.desk import By
from connectors.rewards.entries import Entry, NewAttempt
from connectors.rewards.gateway import Done, Unknown
from connectors.rewards.ledger import Ledger
from connectors.rewards.limits import Claim
from connectors.rewards.policy import Policy
from connectors.rewards.standing import Instant
from connectors.rewards.states import Move
from connectors.rewards.tables import usage
from tests.support.rewards import NOON, give, grant

TOPIC = "loyalty.rewards.v1"
POLICY = Policy()
ANNA = By(actor="anna", reason="looked at the site")


def at(wall: float) -> Instant:
    return Instant(now=NOON, wall=wall)


async def lease(
    ledger: Ledger, *, owner: str = "one", wall: float = 0, limit: int = 9
) -> list[Entry]:
    return await ledger.lease("acme", owner=owner, wall=wall, seconds=100, limit=limit)


async def begin(ledger: Ledger, entry: Entry) -> Entry:
    standing = states.begin(entry.standing, Move.PREPARE, at(1))
    new = NewAttempt(move="prepare", key="key", body='{"amount":500}')
    return await ledger.begin_attempt(entry, standing, new, wall=1, lease_until=101)


async def deliver(ledger: Ledger, entry: Entry) -> None:
    begun = await begin(ledger, entry)
    done = states.after_call(begun.standing, Done("pc_1"), POLICY, at(2))
    await ledger.end_attempt(begun, done, result="done", detail="pc_1", wall=2)


async def pass_over(ledger: Ledger, entry: Entry) -> None:
    """Its lease is given back as it was."""
    await ledger.put(entry, entry.standing, wall=0, keep=False)


async def shown(ledger: Ledger, ordinal: int = 1) -> dict[str, Any]:
    found = await ledger.show_reward(grant(ordinal).reward_id)
    assert found is not None
    return found


def claim(name: str = "stock:tree", amount: int = 1, limit: int = 3, **changes: Any) -> Claim:
    values = {"reason": f"{name} is used up", **changes}
    return Claim(name=name, amount=amount, limit=limit, **values)


async def begin_with(ledger: Ledger, entry: Entry, *claims: Claim) -> Entry:
    standing = states.begin(entry.standing, Move.PREPARE, at(1))
    new = NewAttempt(move="prepare", key="key", body="{}")
    return await ledger.begin_attempt(
        entry, standing, new, wall=1, lease_until=101, claims=list(claims)
    )


async def used(ledger: Ledger) -> dict[str, int]:
    async with ledger.engine.begin() as connection:
        return {row.name: row.used for row in await connection.execute(sa.select(usage))}


async def in_doubt(ledger: Ledger, *, stuck: str = "") -> None:
    await give(ledger, grant())
    begun = await begin_with(ledger, (await lease(ledger))[0], claim())
    doubted = states.after_call(begun.standing, Unknown("timed out"), POLICY, at(10))
    doubted = replace(doubted, stuck=stuck)
    await ledger.end_attempt(begun, doubted, result="unknown", detail="", wall=10)
