"""The reward ledger in SQL: every command, where it stands, and each attempt before it was made.

Works on SQLite and PostgreSQL. A reward is worked on by whoever holds its lease; every write
names the lease, so that one who was presumed dead writes nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from connectors.rewards.database import open_engine
from connectors.rewards.states import OPEN_STATES, Standing, State
from connectors.rewards.tables import attempt, is_moving, position, revocation, reward, unreported
from schemas import ids
from schemas.codec import REWARDS
from schemas.rewards import GrantReward, RevokeReward

_STANDING_FIELDS = tuple(field.name for field in fields(Standing))
_IN_LIST_MAX = 500
WITHDRAWN, NOT_REVOKED = "withdrawn", "not_revoked"
"""Results of a revocation."""


class LeaseLostError(Exception):
    """Another rewarder has taken this reward over; what was found out here must be dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One reward as its lease holder sees it. `body` is the stored call, empty before the first."""

    reward_id: str
    command: GrantReward
    standing: Standing
    body: str
    lease_number: int
    lease_until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReward:
    """A command as it arrived: its bytes are kept, so that a repeat can be compared."""

    reward_id: str
    site: str
    customer: str
    command: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAttempt:
    move: str
    key: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of a batch of commands. `conflicting` ids arrived before with another body.

    Of the new revocations those `withdrawn` had not been given; those `late` may have been.
    """

    inserted: int
    repeated: int
    conflicting: tuple[str, ...]
    withdrawn: tuple[str, ...]
    late: tuple[str, ...]


def open_ledger(url: str, *, schema: str = "ledger", read_only: bool = False) -> "Ledger":
    """The ledger in a database; see `connectors.rewards.database.open_engine`."""
    return Ledger(open_engine(url, schema=schema, read_only=read_only))


class Ledger:
    """The only writer of the ledger's tables."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._insert: Any = (
            postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        )

    async def close(self) -> None:
        await self.engine.dispose()

    async def receive(
        self,
        rewards: Sequence[NewReward],
        revocations: Mapping[str, bytes],
        *,
        topic: str,
        partition: int,
        next_offset: int,
    ) -> Received:
        """Commands and the position after them, in one transaction; an id keeps its first body.

        A revoked reward that was not given yet, certainly, is not given any more.
        """
        first: dict[str, NewReward] = {}
        for new in rewards:
            first.setdefault(new.reward_id, new)
        async with self.engine.begin() as connection:
            known = await self._known_commands(connection, list(first))
            fresh = [new for reward_id, new in first.items() if reward_id not in known]
            if fresh:
                insert = self._insert(reward).on_conflict_do_nothing(index_elements=["reward_id"])
                await connection.execute(insert, [_new_row(new) for new in fresh])
                # Another rewarder may have been quicker between reading and inserting.
                known |= await self._known_commands(connection, [new.reward_id for new in fresh])
            revoked = await self._revoke(connection, revocations)
            await self._move_position(connection, topic, partition, next_offset)
        conflicting = [
            new.reward_id for new in rewards if known[new.reward_id] != new.command.decode()
        ]
        return Received(
            inserted=len(fresh),
            repeated=len(rewards) - len(fresh),
            conflicting=tuple(conflicting),
            withdrawn=tuple(name for name, result in revoked.items() if result == WITHDRAWN),
            late=tuple(name for name, result in revoked.items() if result == NOT_REVOKED),
        )

    async def _revoke(
        self, connection: AsyncConnection, revocations: Mapping[str, bytes]
    ) -> dict[str, str]:
        """Record revocations; returns the result of each that is new."""
        results: dict[str, str] = {}
        for reward_id, command in revocations.items():
            row = {"reward_id": reward_id, "command": command.decode(), "result": NOT_REVOKED}
            insert = self._insert(revocation).values(row).on_conflict_do_nothing()
            if (await connection.execute(insert)).rowcount != 1:
                continue
            results[reward_id] = NOT_REVOKED
            if await self._withdraw(connection, reward_id, command):
                results[reward_id] = WITHDRAWN
                about = sa.update(revocation).where(revocation.c.reward_id == reward_id)
                await connection.execute(about.values(result=WITHDRAWN))
        return results

    async def _withdraw(self, connection: AsyncConnection, reward_id: str, command: bytes) -> bool:
        """Settle a reward that is due as failed. A new lease number keeps off whoever holds it and
        has not stored an attempt yet; one that has is no longer due.
        """
        revoke = REWARDS.decode(command)
        assert isinstance(revoke, RevokeReward)
        due = (reward.c.reward_id == reward_id) & (reward.c.state == State.DUE)
        result = await connection.execute(
            sa.update(reward)
            .where(due)
            .values(
                state=State.FAILED,
                settled_at=revoke.occurred_at,
                reason=f"withdrawn before it was given: {revoke.reason}",
                lease_number=reward.c.lease_number + 1,
                lease_until=0.0,
            )
        )
        return result.rowcount == 1

    async def _known_commands(
        self, connection: AsyncConnection, reward_ids: Sequence[str]
    ) -> dict[str, str]:
        known: dict[str, str] = {}
        for start in range(0, len(reward_ids), _IN_LIST_MAX):
            part = reward_ids[start : start + _IN_LIST_MAX]
            query = sa.select(reward.c.reward_id, reward.c.command)
            rows = await connection.execute(query.where(reward.c.reward_id.in_(part)))
            known.update({row.reward_id: row.command for row in rows})
        return known

    async def _move_position(
        self, connection: AsyncConnection, topic: str, partition: int, next_offset: int
    ) -> None:
        insert = self._insert(position).values(
            topic=topic, partition=partition, next_offset=next_offset
        )
        await connection.execute(
            insert.on_conflict_do_update(
                index_elements=["topic", "partition"],
                set_={"next_offset": insert.excluded.next_offset},
                # One that lost its partition may still be writing: positions only go forward.
                where=position.c.next_offset < insert.excluded.next_offset,
            )
        )

    async def positions(self, topic: str) -> dict[int, int]:
        """Next offset by partition."""
        query = sa.select(position.c.partition, position.c.next_offset)
        async with self.engine.begin() as connection:
            rows = await connection.execute(query.where(position.c.topic == topic))
            return {row.partition: row.next_offset for row in rows}

    async def lease(
        self, site: str, *, owner: str, wall: float, seconds: float, limit: int
    ) -> list[Entry]:
        """Takes up to `limit` rewards that are due for a step: of each account only the first one
        that is still moving, so that an account's rewards are never worked on side by side.
        """
        earlier = reward.alias("earlier")
        blocked = sa.exists().where(
            earlier.c.account == reward.c.account,
            earlier.c.number < reward.c.number,
            is_moving(earlier),
        )
        heads = (
            sa.select(reward.c.reward_id)
            .where(
                is_moving(reward),
                reward.c.site == site,
                reward.c.next_wall <= wall,
                reward.c.lease_until <= wall,
                ~blocked,
            )
            .order_by(reward.c.number)
            .limit(limit)
            .with_for_update(skip_locked=True, of=reward)
            .cte("heads")
        )
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
        async with self.engine.begin() as connection:
            rows = (await connection.execute(take)).mappings().all()
        # A database returns what it updated in any order.
        return [_entry(dict(row)) for row in sorted(rows, key=lambda row: int(row["number"]))]

    async def begin_attempt(
        self, entry: Entry, standing: Standing, new: NewAttempt, *, wall: float, lease_until: float
    ) -> tuple[Entry, int]:
        """Stores the attempt before it is made and renews the lease; returns its number."""
        async with self.engine.begin() as connection:
            await self._write(connection, entry, standing, body=new.body, lease_until=lease_until)
            result = await connection.execute(
                sa.insert(attempt)
                .values(
                    reward_id=entry.reward_id,
                    move=new.move,
                    key=new.key,
                    body=new.body,
                    started_wall=wall,
                    result="open",
                    detail="",
                )
                .returning(attempt.c.number)
            )
            number = int(result.scalar_one())
        begun = Entry(
            reward_id=entry.reward_id,
            command=entry.command,
            standing=standing,
            body=new.body,
            lease_number=entry.lease_number,
            lease_until=lease_until,
        )
        return begun, number

    async def end_attempt(
        self,
        entry: Entry,
        standing: Standing,
        *,
        number: int,
        result: str,
        detail: str,
        wall: float,
    ) -> None:
        """Stores what the attempt brought and lets the reward go."""
        async with self.engine.begin() as connection:
            await self._write(connection, entry, standing, body=entry.body, lease_until=0)
            await connection.execute(
                sa.update(attempt)
                .where(attempt.c.number == number)
                .values(ended_wall=wall, result=result, detail=detail)
            )

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

    async def put(self, entry: Entry, standing: Standing, *, wall: float, keep: bool) -> Entry:
        """Stores a step without a call; `keep` holds on to the lease."""
        until = entry.lease_until if keep else 0
        async with self.engine.begin() as connection:
            await self._write(connection, entry, standing, body=entry.body, lease_until=until)
            if entry.standing.state is State.ATTEMPTING:
                lost = (attempt.c.reward_id == entry.reward_id) & (attempt.c.result == "open")
                await connection.execute(
                    sa.update(attempt).where(lost).values(result="lost", ended_wall=wall)
                )
        return Entry(
            reward_id=entry.reward_id,
            command=entry.command,
            standing=standing,
            body=entry.body,
            lease_number=entry.lease_number,
            lease_until=until,
        )

    async def _write(
        self,
        connection: AsyncConnection,
        entry: Entry,
        standing: Standing,
        *,
        body: str,
        lease_until: float,
    ) -> None:
        result = await connection.execute(
            sa.update(reward)
            .where(
                reward.c.reward_id == entry.reward_id,
                reward.c.lease_number == entry.lease_number,
            )
            .values(**asdict(standing), body=body, lease_until=lease_until)
        )
        if result.rowcount != 1:
            raise LeaseLostError(entry.reward_id)

    async def unreported(self, limit: int) -> list[Entry]:
        """Settled rewards whose outcome has not been told yet, oldest first."""
        query = sa.select(reward).where(unreported).order_by(reward.c.number).limit(limit)
        async with self.engine.begin() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [_entry(dict(row)) for row in rows]

    async def mark_reported(self, reward_ids: Sequence[str]) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(
                sa.update(reward).where(reward.c.reward_id.in_(reward_ids)).values(reported=True)
            )

    async def count_states(self) -> dict[str, int]:
        """Rewards by state; those that wait for a human count as `stuck`."""
        label = sa.case((reward.c.stuck != "", "stuck"), else_=reward.c.state).label("label")
        query = sa.select(label, sa.func.count().label("rewards")).group_by(label)
        async with self.engine.begin() as connection:
            counts = {row.label: row.rewards for row in await connection.execute(query)}
        return {**dict.fromkeys([*State, "stuck"], 0), **counts}

    async def oldest_doubt(self) -> float | None:
        """Real time since when the oldest unsettled outcome has been unknown."""
        unsettled = reward.c.state.in_(OPEN_STATES)
        query = sa.select(sa.func.min(reward.c.doubtful_since)).where(unsettled)
        async with self.engine.begin() as connection:
            oldest: float | None = (await connection.execute(query)).scalar_one()
            return oldest

    async def list_rewards(
        self, *, state: str | None, limit: int, customer: str | None = None
    ) -> list[dict[str, Any]]:
        """Rewards as they stand, latest first; `stuck` is a state here."""
        query = sa.select(reward).order_by(reward.c.number.desc()).limit(limit)
        if state == "stuck":
            query = query.where(reward.c.stuck != "")
        elif state is not None:
            query = query.where(reward.c.state == state)
        if customer is not None:
            query = query.where(reward.c.account.endswith(f":{customer}", autoescape=True))
        async with self.engine.begin() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [_shown(dict(row)) for row in rows]

    async def show_reward(self, reward_id: str) -> dict[str, Any] | None:
        """One reward with its attempts, oldest first, or None."""
        query = sa.select(reward).where(reward.c.reward_id == reward_id)
        made = sa.select(attempt).where(attempt.c.reward_id == reward_id).order_by(attempt.c.number)
        revoked = sa.select(revocation).where(revocation.c.reward_id == reward_id)
        async with self.engine.begin() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
            if row is None:
                return None
            attempts = (await connection.execute(made)).mappings().all()
            revocations = (await connection.execute(revoked)).mappings().all()
        shown = _shown(dict(row))
        shown["attempts"] = [
            {name: value for name, value in entry.items() if name not in {"reward_id", "number"}}
            for entry in attempts
        ]
        shown["revocation"] = revocations[0]["result"] if revocations else ""
        return shown


def _new_row(new: NewReward) -> dict[str, Any]:
    return {
        "reward_id": new.reward_id,
        "site": new.site,
        "account": ids.account_key(new.site, new.customer),
        "command": new.command.decode(),
        **asdict(Standing()),
        "body": "",
        "lease_owner": "",
        "lease_number": 0,
        "lease_until": 0.0,
        "reported": False,
    }


def _standing(row: Mapping[str, Any]) -> Standing:
    values = {name: row[name] for name in _STANDING_FIELDS}
    return Standing(**{**values, "state": State(row["state"])})


def _entry(row: Mapping[str, Any]) -> Entry:
    command = REWARDS.decode(row["command"].encode())
    assert isinstance(command, GrantReward)
    return Entry(
        reward_id=row["reward_id"],
        command=command,
        standing=_standing(row),
        body=row["body"],
        lease_number=row["lease_number"],
        lease_until=row["lease_until"],
    )


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    command = json.loads(row["command"])
    return {
        "reward_id": row["reward_id"],
        "state": "stuck" if row["stuck"] else row["state"],
        "site": row["site"],
        "customer": command["customer"],
        "reward": command["reward"],
        "program": command["program"],
        "program_version": command["program_version"],
        "grant": command["grant"],
        "reference": row["reference"],
        "handed": row["handed"],
        "reason": row["stuck"] or row["reason"],
        "epoch": row["epoch"],
        "tries": row["tries"],
        "earned_at": command["occurred_at"],
        "first_attempt_at": row["first_attempt_at"],
        "settled_at": row["settled_at"],
        "reported": row["reported"],
    }
