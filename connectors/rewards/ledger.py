"""The reward ledger in SQL: every command, where it stands, and each attempt before it was made.

Works on SQLite and PostgreSQL. A reward is worked on by whoever holds its lease; every write
names the lease, so that one who was presumed dead writes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors import fault_points
from connectors.database import Access
from connectors.rewards import usage
from connectors.rewards.arrivals import Arrivals
from connectors.rewards.attempts import OPEN, Attempts, LeaseLostError
from connectors.rewards.database import open_ledger_engine
from connectors.rewards.desk import Desk
from connectors.rewards.entries import NOBODY, Entry, entry_of
from connectors.rewards.overview import Overview
from connectors.rewards.standing import GIVING_BACK_STATES, Standing, State
from connectors.rewards.tables import attempt, is_moving, pause, reward, unreported

WAITS_LONG_SECONDS = 30.0
"""More than clocks differ by, so that two rewarders never see it differently at one moment."""


def open_ledger(url: str, *, schema: str = "ledger", access: Access = "create") -> "Ledger":
    """The ledger in a database; raises `LedgerError`."""
    return Ledger(open_ledger_engine(url, schema=schema, access=access))


class Ledger(Arrivals, Attempts, Overview, Desk):
    """The only writer of the ledger's tables: here is how rewards are worked on."""

    async def close(self) -> None:
        await self.engine.dispose()

    async def lease(
        self, site: str, *, owner: str, wall: float, seconds: float, limit: int
    ) -> list[Entry]:
        """Takes up to `limit` rewards that are due for a step: of each account only the first one
        that is still moving, so that an account's rewards are never worked on side by side. Who has
        waited longest comes first.

        A reward that waits long, and of which nothing was ever sent, holds up no other. What is
        paused is not begun, and nothing waits for it. What is in doubt is settled even so.
        """
        async with self.engine.begin() as connection:
            pauses = (await connection.execute(sa.select(pause))).mappings().all()
            here = [row for row in pauses if row["site"] in {"", site}]
            heads = self._heads(site, here, wall, limit)
            take = (
                sa.update(reward)
                .where(reward.c.reward_id.in_(sa.select(heads.c.reward_id)))
                .values(
                    lease_owner=owner,
                    lease_number=reward.c.lease_number + 1,
                    lease_until=wall + seconds,
                )
                .returning(reward)
            )
            rows = (await connection.execute(take)).mappings().all()
            targets = await self._targets(connection, rows)
            revoked = await self._revoked(connection, rows)
        # A database returns what it updated in any order.
        ordered = sorted(rows, key=lambda row: int(row["number"]))
        entries = [
            entry_of(dict(row), targets.get(row["revokes"]), is_revoked=row["reward_id"] in revoked)
            for row in ordered
        ]
        for entry in entries:
            fault_points.reach(f"{entry.step_prefix}leased")
        return entries

    def _heads(
        self, site: str, pauses: Sequence[Mapping[Any, Any]], wall: float, limit: int
    ) -> sa.CTE:
        other = reward.alias("other")
        comes_first = sa.and_(
            other.c.number < reward.c.number,
            ~_waits_long(other, wall),
            *_not_paused(other, pauses),
        )
        blocked = sa.exists().where(
            other.c.account == reward.c.account,
            other.c.number != reward.c.number,
            is_moving(other),
            comes_first | (other.c.lease_until > wall),
        )
        return (
            sa.select(reward.c.reward_id)
            .where(
                is_moving(reward),
                reward.c.site == site,
                reward.c.next_wall <= wall,
                reward.c.lease_until <= wall,
                *_not_paused(reward, pauses),
                ~blocked,
            )
            .order_by(reward.c.next_wall, reward.c.number)
            .limit(limit)
            .with_for_update(skip_locked=True, of=reward)
            .cte("heads")
        )

    async def _targets(
        self, connection: AsyncConnection, rows: Iterable[Mapping[Any, Any]]
    ) -> dict[str, dict[str, Any]]:
        """The rewards that the revocations among `rows` are about."""
        wanted = [row["revokes"] for row in rows if row["revokes"] is not None]
        if not wanted:
            return {}
        query = sa.select(reward).where(reward.c.reward_id.in_(wanted))
        found = (await connection.execute(query)).mappings()
        return {row["reward_id"]: dict(row) for row in found}

    async def _revoked(
        self, connection: AsyncConnection, rows: Iterable[Mapping[Any, Any]]
    ) -> set[str]:
        """Those of the due rewards among `rows` that are to be taken back."""
        due = [row["reward_id"] for row in rows if row["state"] == State.DUE]
        if not due:
            return set()
        query = sa.select(reward.c.revokes).where(reward.c.revokes.in_(due))
        return set((await connection.execute(query)).scalars())

    async def record_reading(
        self, entry: Entry, standing: Standing, *, result: str, detail: str, wall: float
    ) -> None:
        """Stores what reading back brought and lets the reward go."""
        async with self.engine.begin() as connection:
            await self._write(connection, entry, standing, body=entry.body, lease_until=0)
            await connection.execute(
                sa.insert(attempt).values(
                    reward_id=entry.reward_id,
                    move="read_back",
                    key="",
                    body="",
                    started_wall=wall,
                    ended_wall=wall,
                    result=result,
                    detail=detail,
                )
            )
        fault_points.reach(f"{entry.step_prefix}reading_stored")

    async def put(self, entry: Entry, standing: Standing, *, wall: float, keep: bool) -> Entry:
        """Stores a step without a call; `keep` holds on to the lease."""
        until = entry.lease_until if keep else 0
        async with self.engine.begin() as connection:
            await self._write(connection, entry, standing, body=entry.body, lease_until=until)
            if entry.standing.state is State.ATTEMPTING:
                lost = (attempt.c.reward_id == entry.reward_id) & (attempt.c.result == OPEN)
                await connection.execute(
                    sa.update(attempt).where(lost).values(result="lost", ended_wall=wall)
                )
        return replace(entry, standing=standing, lease_until=until)

    async def _write(
        self,
        connection: AsyncConnection,
        entry: Entry,
        standing: Standing,
        *,
        body: str,
        lease_until: float,
    ) -> None:
        gives_back = standing.state in GIVING_BACK_STATES and bool(entry.claimed)
        cleared = {"claimed": ""} if gives_back else {}
        result = await connection.execute(
            sa.update(reward)
            .where(
                reward.c.reward_id == entry.reward_id,
                reward.c.lease_number == entry.lease_number,
            )
            .values(**asdict(standing), body=body, lease_until=lease_until, **cleared)
        )
        if result.rowcount != 1:
            raise LeaseLostError(entry.reward_id)
        if gives_back:
            await usage.give_back(connection, entry.claimed)

    async def unreported(self, limit: int, *, settled_by: str | None = None) -> list[Entry]:
        """Settled rewards whose outcome has not been told yet, oldest first. If an owner of leases
        is named, only those that no other one worked on last.
        """
        query = sa.select(reward).where(unreported).order_by(reward.c.number).limit(limit)
        if settled_by is not None:
            query = query.where(reward.c.lease_owner.in_((settled_by, NOBODY)))
        async with self.reading.begin() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [entry_of(dict(row)) for row in rows]

    async def mark_reported(self, reward_ids: Sequence[str]) -> None:
        fault_points.reach("outcomes_told")
        async with self.engine.begin() as connection:
            await connection.execute(
                sa.update(reward).where(reward.c.reward_id.in_(reward_ids)).values(reported=True)
            )
        fault_points.reach("outcomes_marked")

    async def forget_usage(self, wall: float) -> None:
        """Limits whose period is over are nobody's any more."""
        async with self.engine.begin() as connection:
            await usage.forget(connection, wall)


def _waits_long(table: sa.FromClause, wall: float) -> sa.ColumnElement[bool]:
    """Never of what takes a reward back: a later grant must not overtake that."""
    return sa.and_(
        table.c.state == State.DUE,
        table.c.revokes.is_(None),
        table.c.first_attempt_at.is_(None),
        table.c.next_wall > wall + WAITS_LONG_SECONDS,
    )


def _not_paused(
    table: sa.FromClause, pauses: Sequence[Mapping[Any, Any]]
) -> list[sa.ColumnElement[bool]]:
    """Terms that hold for what may be begun. Only what is due is ever paused."""
    terms = []
    for row in pauses:
        named = [table.c[name] == row[name] for name in ("program", "kind") if row[name]]
        terms.append(~sa.and_(table.c.state == State.DUE, *named))
    return terms
