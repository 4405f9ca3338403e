"""Everything the views keep of one account, in order: what a replay needs, and what is exported."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.rows import EntryRow, LotRow, RewardRow
from projections.tables import entries, lots, rewards


async def entries_of(connection: AsyncConnection, site: str, customer: str) -> list[EntryRow]:
    """Oldest first, all of them: an account has a few thousand in ten years."""
    statement = select(entries).where(entries.c.site == site, entries.c.customer == customer)
    answer = await connection.execute(statement.order_by(entries.c.sequence))
    return [EntryRow(*row) for row in answer]


async def lots_of(connection: AsyncConnection, site: str, customer: str) -> list[LotRow]:
    """Closed ones too, in the order in which they were opened."""
    statement = select(lots).where(lots.c.site == site, lots.c.customer == customer)
    answer = await connection.execute(statement.order_by(lots.c.sequence, lots.c.lot))
    return [LotRow(*row) for row in answer]


async def all_rewards_of(connection: AsyncConnection, site: str, customer: str) -> list[RewardRow]:
    """In the order in which they were earned."""
    statement = select(rewards).where(rewards.c.site == site, rewards.c.customer == customer)
    answer = await connection.execute(statement.order_by(rewards.c.sequence, rewards.c.reward_id))
    return [RewardRow(*row) for row in answer]
