"""Find a customer, a reward or an entry by what somebody has in hand: an id, or how it begins."""

from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.rows import BalanceRow, EntryRow, RewardRow
from projections.tables import balances, entries, rewards
from schemas import ids

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
    paid = ids.payment(text, "")
    told = await connection.execute(
        select(entries)
        .where(
            entries.c.site == site,
            or_(
                entries.c.fact.in_(_facts(text)),
                begins(entries.c.fact, paid, sqlite=sqlite),
                entries.c.source == text,
            ),
        )
        .order_by(entries.c.occurred_at.desc(), entries.c.sequence.desc())
        .limit(limit)
    )
    return Found(
        customers=[BalanceRow(*row) for row in customers],
        rewards=[RewardRow(*row) for row in fired],
        entries=[EntryRow(*row) for row in told],
    )


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
