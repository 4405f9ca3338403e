"""Read the reward ledger as an audit needs it."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import make_url

from connectors.rewards.kinds import kind_of
from connectors.rewards.ledger import Ledger
from connectors.rewards.standing import GIVING_BACK_STATES
from connectors.rewards.tables import reward
from deploy.audit.stories import LedgerReward, spelled
from deploy.reward_ledger import open_own_ledger
from deploy.settings import Settings
from schemas.codec import REWARDS
from schemas.rewards import Discount, GrantReward


@dataclass(frozen=True, slots=True)
class LedgerReading:
    """Rows by reward id and next offsets by partition of the commands topic; empty where no
    rewarder has made a ledger yet.
    """

    rows: Mapping[str, LedgerReward] = field(default_factory=dict)
    positions: Mapping[int, int] = field(default_factory=dict)
    exists: bool = False


async def read_ledger(settings: Settings, topic: str) -> LedgerReading:
    if _is_missing(settings.ledger_url):
        return LedgerReading()
    async with open_own_ledger(settings, access="read") as ledger:
        if not await _is_made(ledger):
            return LedgerReading()
        # Positions first: a reward that arrives in between is then known, and its position not.
        positions = await ledger.positions(topic)
        async with ledger.engine.connect() as connection:
            taken = sa.select(reward.c.revokes).where(
                reward.c.revokes.is_not(None), reward.c.state.not_in(GIVING_BACK_STATES)
            )
            taken_back = set((await connection.execute(taken)).scalars())
            stream = await connection.stream(sa.select(reward).where(reward.c.revokes.is_(None)))
            rows = {row["reward_id"]: _row(row, taken_back) async for row in stream.mappings()}
        return LedgerReading(rows, positions, exists=True)


def _is_missing(url: str) -> bool:
    """True where the file of a SQLite database is not there; PostgreSQL tells when asked."""
    parsed = make_url(url)
    return parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file()


async def _is_made(ledger: Ledger) -> bool:
    async with ledger.engine.connect() as connection:
        return await connection.run_sync(lambda each: sa.inspect(each).has_table(reward.name))


def _row(row: Mapping[Any, Any], taken_back: Container[str]) -> LedgerReward:
    command = REWARDS.decode(row["command"].encode())
    assert isinstance(command, GrantReward)
    grant = command.grant
    return LedgerReward(
        reward_id=row["reward_id"],
        site=row["site"],
        customer=command.customer,
        via=kind_of(grant),
        amounts_minor=grant.amounts_minor if isinstance(grant, Discount) else {},
        command=spelled(command),
        state=row["state"],
        stuck=bool(row["stuck"]),
        settled_at=row["settled_at"],
        reference=row["reference"],
        reason=row["reason"],
        told=row["reported"],
        body=row["body"],
        taken_back=row["reward_id"] in taken_back,
    )
