"""What is asked of one account: where it stands, its entries, its lots, its rewards. Reads only."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.rows import BalanceRow, EntryRow, LotRow, RewardRow
from projections.tables import balances, entries, lots, rewards, states

PAGE_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Empty or absent means any; `from_at` is included, `to_at` is not."""

    type: str = ""
    rule: str = ""
    from_at: int | None = None
    to_at: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account's row, and its state as the fold left it, where that was read already."""

    row: BalanceRow
    state: bytes | None


ACCOUNT = select(balances, states.c.state).select_from(
    balances.outerjoin(
        states, (states.c.site == balances.c.site) & (states.c.customer == balances.c.customer)
    )
)
"""Balances joined with their state; whose they are is for a `where` to say."""


async def find_account(connection: AsyncConnection, site: str, customer: str) -> Account | None:
    """In one round trip."""
    found = (
        await connection.execute(
            ACCOUNT.where(balances.c.site == site, balances.c.customer == customer)
        )
    ).one_or_none()
    return None if found is None else Account(BalanceRow(*found[:-1]), found[-1])


async def filter_entries(
    connection: AsyncConnection,
    site: str,
    customer: str,
    wanted: EntryFilter,
    *,
    limit: int,
    before_sequence: int | None = None,
) -> list[EntryRow]:
    """Newest first; the next page begins before the last sequence of this one."""
    assert 0 < limit <= PAGE_MAX
    statement = select(entries).where(entries.c.site == site, entries.c.customer == customer)
    if wanted.type:
        statement = statement.where(entries.c.type == wanted.type)
    if wanted.rule:
        statement = statement.where(entries.c.rule == wanted.rule)
    if wanted.from_at is not None:
        statement = statement.where(entries.c.occurred_at >= wanted.from_at)
    if wanted.to_at is not None:
        statement = statement.where(entries.c.occurred_at < wanted.to_at)
    if before_sequence is not None:
        statement = statement.where(entries.c.sequence < before_sequence)
    answer = await connection.execute(statement.order_by(entries.c.sequence.desc()).limit(limit))
    return [EntryRow(*row) for row in answer]


async def find_entry(
    connection: AsyncConnection, site: str, customer: str, sequence: int
) -> EntryRow | None:
    found = await connection.execute(
        select(entries).where(
            entries.c.site == site,
            entries.c.customer == customer,
            entries.c.sequence == sequence,
        )
    )
    row = found.one_or_none()
    return None if row is None else EntryRow(*row)


async def entries_of_fact(
    connection: AsyncConnection, site: str, customer: str, fact: str
) -> list[EntryRow]:
    """What came of one fact, in order."""
    statement = (
        select(entries)
        .where(entries.c.fact == fact, entries.c.site == site, entries.c.customer == customer)
        .order_by(entries.c.sequence)
        .limit(PAGE_MAX)
    )
    return [EntryRow(*row) for row in await connection.execute(statement)]


async def lots_open_at(
    connection: AsyncConnection, site: str, customer: str, at: int
) -> list[LotRow]:
    """Lots that hold something at an instant which the fold may not have told yet, in the order
    in which they are spent.
    """
    statement = (
        select(lots)
        .where(lots.c.site == site, lots.c.customer == customer, lots.c.remaining > 0)
        .where(lots.c.expires_at.is_(None) | (lots.c.expires_at > at))
        # One that waits for an activity is void at its deadline.
        .where(~(lots.c.waits & (lots.c.available_at <= at)))
        .order_by(lots.c.promotional.desc(), lots.c.expires_at.asc().nulls_last())
        .order_by(lots.c.opened_at, lots.c.lot)
        .limit(PAGE_MAX)
    )
    return [LotRow(*row) for row in await connection.execute(statement)]


async def page_rewards(
    connection: AsyncConnection,
    site: str,
    customer: str,
    *,
    limit: int,
    before_sequence: int | None = None,
) -> list[RewardRow]:
    """Newest first; one event earns one reward, so its sequence tells it from the others."""
    assert 0 < limit <= PAGE_MAX
    statement = select(rewards).where(rewards.c.site == site, rewards.c.customer == customer)
    if before_sequence is not None:
        statement = statement.where(rewards.c.sequence < before_sequence)
    answer = await connection.execute(statement.order_by(rewards.c.sequence.desc()).limit(limit))
    return [RewardRow(*row) for row in answer]
