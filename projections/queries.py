"""What people ask of the views. Reads only; every list has a limit."""

from sqlalchemy import BigInteger, Float, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.rows import BalanceRow, EntryRow, LotRow, RewardRow
from projections.tables import balances, entries, lots, rewards

PAGE_MAX = 1_000


async def find_balances(
    connection: AsyncConnection, customer: str, site: str | None = None
) -> list[BalanceRow]:
    """The accounts of a customer id: one, or one per site where several sites know the id."""
    statement = select(balances).where(balances.c.customer == customer)
    if site is not None:
        statement = statement.where(balances.c.site == site)
    answer = await connection.execute(statement.order_by(balances.c.site).limit(PAGE_MAX))
    return [BalanceRow(*row) for row in answer]


async def page_entries(
    connection: AsyncConnection,
    site: str,
    customer: str,
    *,
    limit: int,
    before_sequence: int | None = None,
) -> list[EntryRow]:
    """Newest first; the next page begins before the last sequence of this one."""
    assert 0 < limit <= PAGE_MAX
    statement = select(entries).where(entries.c.site == site, entries.c.customer == customer)
    if before_sequence is not None:
        statement = statement.where(entries.c.sequence < before_sequence)
    answer = await connection.execute(statement.order_by(entries.c.sequence.desc()).limit(limit))
    return [EntryRow(*row) for row in answer]


async def open_lots(connection: AsyncConnection, site: str, customer: str) -> list[LotRow]:
    """Lots with something left, in the order in which they are spent."""
    statement = (
        select(lots)
        .where(lots.c.site == site, lots.c.customer == customer, lots.c.remaining > 0)
        .order_by(lots.c.promotional.desc())
        # Those that never expire are spent last; databases differ on where NULLs sort.
        .order_by(case((lots.c.expires_at.is_(None), 1), else_=0), lots.c.expires_at)
        .order_by(lots.c.opened_at, lots.c.lot)
        .limit(PAGE_MAX)
    )
    return [LotRow(*row) for row in await connection.execute(statement)]


async def rewards_of(connection: AsyncConnection, site: str, customer: str) -> list[RewardRow]:
    """Newest first."""
    statement = (
        select(rewards)
        .where(rewards.c.site == site, rewards.c.customer == customer)
        .order_by(rewards.c.sequence.desc())
        .limit(PAGE_MAX)
    )
    return [RewardRow(*row) for row in await connection.execute(statement)]


async def count_by_type(connection: AsyncConnection) -> dict[str, tuple[int, int]]:
    """For each type of event: how many there are, and what they add to all accounts."""
    statement = select(
        entries.c.type, func.count(), cast(func.sum(entries.c.points), BigInteger)
    ).group_by(entries.c.type)
    return {kind: (count, points) for kind, count, points in await connection.execute(statement)}


async def count_tiers(connection: AsyncConnection) -> dict[str, int]:
    """Accounts by the tier they are in now; the empty name is none."""
    statement = select(balances.c.tier, func.count()).group_by(balances.c.tier)
    return {row[0]: row[1] for row in await connection.execute(statement)}


async def count_rewards(connection: AsyncConnection) -> dict[str, int]:
    """Rewards by state."""
    statement = select(rewards.c.state, func.count()).group_by(rewards.c.state)
    return {row[0]: row[1] for row in await connection.execute(statement)}


async def latency_ms(connection: AsyncConnection, share: float) -> float | None:
    """The event-to-balance latency that `share` (0 to 1) of all entries stayed within: from the
    points record's timestamp to the SQL transaction. None where there are no entries.
    """
    assert 0 <= share <= 1
    taken = (entries.c.projected_at_ms - entries.c.recorded_at_ms).label("taken")
    total = await connection.scalar(select(func.count()).select_from(entries))
    if not total:
        return None
    rank = min(total - 1, int(total * share))
    return await connection.scalar(select(cast(taken, Float)).order_by(taken).offset(rank).limit(1))
