"""What is owed in points: by program, what is outstanding and pending, and how it came about."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.rows import FlowKind
from projections.tables import balances, flows, lots

MONTHS_MAX = 1_200


@dataclass(frozen=True, slots=True)
class Flow:
    """How one kind of event changed what the lots of a program hold, in one month."""

    program: str
    month: str
    kind: FlowKind
    points: int
    changes: int


async def flows_of(connection: AsyncConnection, site: str) -> list[Flow]:
    """By program, month and kind, over all partitions. Lots of no rule are of no program."""
    by = (flows.c.program, flows.c.month, flows.c.kind)
    statement = (
        select(
            *by,
            cast(func.sum(flows.c.points), BigInteger),
            cast(func.sum(flows.c.changes), BigInteger),
        )
        .where(flows.c.site == site)
        .group_by(*by)
        .order_by(*by)
    )
    return [Flow(*row) for row in await connection.execute(statement)]


async def pending_of(connection: AsyncConnection, site: str, at: int) -> dict[str, int]:
    """Points not yet to be spent at the instant, by program."""
    statement = (
        select(lots.c.program, cast(func.sum(lots.c.remaining), BigInteger).label("points"))
        .where(lots.c.site == site, lots.c.available_at > at, lots.c.remaining > 0)
        .group_by(lots.c.program)
    )
    return {row.program: row.points for row in await connection.execute(statement)}


async def deficit_of(connection: AsyncConnection, site: str) -> int:
    """What accounts of the site owe: later points fill it first."""
    statement = select(cast(func.coalesce(func.sum(balances.c.deficit), 0), BigInteger)).where(
        balances.c.site == site, balances.c.deficit > 0
    )
    return int(await connection.scalar(statement) or 0)
