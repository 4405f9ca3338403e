"""Find a customer, a reward or an entry by what somebody has in hand: an id, or how it begins."""

from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.rows import BalanceRow, EntryRow, RewardRow
from projections.tables import balances, entries, rewards
from schemas import ids

TOLD_MAX = 1_000
"""One id is told of by a few entries."""
LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    customers: list[BalanceRow]
    rewards: list[RewardRow]
    entries: list[EntryRow]


async def search(connection: AsyncConnection, site: str, text: str, *, limit: int) -> Found:
    """Customers whose id begins with the text; a reward or entries that it names exactly: by their
    fact, by the message that brought it, or by a transaction, request or event id in it.
    """
    sqlite = connection.dialect.name == "sqlite"
    customers = await connection.execute(
        select(balances)
        .where(balances.c.site == site, begins(balances.c.customer, text, sqlite=sqlite))
        .order_by(balances.c.customer)
        .limit(limit)
    )
    fired = await connection.execute(
        select(rewards).where(rewards.c.site == site, rewards.c.reward_id == text)
    )
    paid = begins(entries.c.fact, ids.payment(text, ""), sqlite=sqlite)
    told: list[EntryRow] = []
    for condition in (entries.c.fact.in_(_facts(text)), paid, entries.c.source == text):
        told += await _told(connection, site, condition, limit)
    told.sort(key=lambda each: (each.occurred_at, each.sequence), reverse=True)
    return Found(
        customers=[BalanceRow(*row) for row in customers],
        rewards=[RewardRow(*row) for row in fired],
        entries=told[:limit],
    )


async def _told(
    connection: AsyncConnection, site: str, condition: ColumnElement[bool], limit: int
) -> list[EntryRow]:
    """The site is looked at after the condition: a database without statistics takes the index that
    begins with the site for as good as one that finds a single row, and reads all of the site.
    """
    some = select(entries).where(condition).limit(TOLD_MAX).subquery()
    statement = select(some).where(some.c.site == site)
    latest = statement.order_by(some.c.occurred_at.desc(), some.c.sequence.desc()).limit(limit)
    return [EntryRow(*row) for row in await connection.execute(latest)]


def _facts(text: str) -> list[str]:
    return [
        text,
        ids.refund(text),
        ids.late_failure(text),
        ids.subscription_created(text),
        ids.custom(text),
        ids.adjustment(text),
        ids.redemption(text),
    ]


def begins(column: Column[str], prefix: str, *, sqlite: bool) -> ColumnElement[bool]:
    """So that an index is used: SQLite's LIKE looks at no case, PostgreSQL compares by locale."""
    if sqlite:
        return (column >= prefix) & (column < prefix + LAST_CHARACTER)
    return column.startswith(prefix, autoescape=True)
