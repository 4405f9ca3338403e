"""Commands as they arrive: each is stored once, together with the position after it on Kafka."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors import fault_points
from connectors.rewards import states, usage
from connectors.rewards.book import Book
from connectors.rewards.entries import (
    NOBODY,
    NewRevocation,
    NewReward,
    Received,
    claims_in,
    new_revocation,
    revocation_row,
    reward_row,
    standing_of,
)
from connectors.rewards.standing import Instant, State
from connectors.rewards.tables import position, reward
from schemas.codec import REWARDS
from schemas.rewards import RevokeReward

IN_LIST_MAX = 500


class Arrivals(Book):
    """The part of the ledger that the intake writes."""

    async def receive(
        self,
        rewards: Sequence[NewReward],
        revocations: Sequence[NewRevocation],
        *,
        topic: str,
        partition: int,
        next_offset: int,
        wall: float = 0.0,
    ) -> Received:
        """Commands and the position after them, in one transaction; an id keeps its first body.
        They are due from `wall` on.

        A reward that is due when its revocation comes is cancelled at once.
        """
        first: dict[str, NewReward] = {}
        for new in rewards:
            first.setdefault(new.reward_id, new)
        async with self.engine.begin() as connection:
            known = await self._known_commands(connection, list(first))
            fresh = [new for reward_id, new in first.items() if reward_id not in known]
            if fresh:
                insert = self._insert(reward).on_conflict_do_nothing(index_elements=["reward_id"])
                due = [reward_row(new) | {"next_wall": wall} for new in fresh]
                await connection.execute(insert, due)
                # Another rewarder may have been quicker between reading and inserting.
                known |= await self._known_commands(connection, [new.reward_id for new in fresh])
            taken_back = [each for each in revocations if await self._revoke(connection, each)]
            early = await self._revoked_before(connection, [new.reward_id for new in fresh])
            cancelled = 0
            for each in (*taken_back, *early):
                cancelled += await self._cancel_if_due(connection, each)
            await self._move_position(connection, topic, partition, next_offset)
            fault_points.reach("commands_unstored")
        fault_points.reach("commands_stored")
        conflicting = [
            new.reward_id for new in rewards if known[new.reward_id] != new.command.decode()
        ]
        return Received(
            inserted=len(fresh),
            repeated=len(rewards) - len(fresh),
            conflicting=tuple(conflicting),
            revocations=len(taken_back),
            cancelled=cancelled,
        )

    async def _known_commands(
        self, connection: AsyncConnection, reward_ids: Sequence[str]
    ) -> dict[str, str]:
        known: dict[str, str] = {}
        for part in _parts(reward_ids):
            query = sa.select(reward.c.reward_id, reward.c.command)
            rows = await connection.execute(query.where(reward.c.reward_id.in_(part)))
            known.update({row.reward_id: row.command for row in rows})
        return known

    async def _revoke(self, connection: AsyncConnection, new: NewRevocation) -> bool:
        """Whether this is the first time that the revocation arrives."""
        kind = sa.select(reward.c.kind).where(reward.c.reward_id == new.reward_id)
        row = revocation_row(new, (await connection.execute(kind)).scalar_one_or_none() or "")
        insert = self._insert(reward).values(row).on_conflict_do_nothing()
        return bool((await connection.execute(insert)).rowcount)

    async def _revoked_before(
        self, connection: AsyncConnection, reward_ids: Sequence[str]
    ) -> list[NewRevocation]:
        """Revocations that came before the rewards they are about, which are then never given."""
        found: list[NewRevocation] = []
        for part in _parts(reward_ids):
            query = sa.select(reward.c.command).where(reward.c.revokes.in_(part))
            for value in (await connection.execute(query)).scalars():
                command = REWARDS.decode(value.encode())
                assert isinstance(command, RevokeReward)
                found.append(new_revocation(command, value.encode()))
        return found

    async def _cancel_if_due(self, connection: AsyncConnection, new: NewRevocation) -> bool:
        """A reward that is due was not sent, or certainly in vain: then that need not be."""
        query = sa.select(reward).where(reward.c.reward_id == new.reward_id).with_for_update()
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is None or row["state"] != State.DUE:
            return False
        time = Instant(now=new.occurred_at, wall=0)
        reason = f"withdrawn before it was given: {new.reason}"
        standing = states.cancel(standing_of(dict(row)), reason, time)
        await connection.execute(
            sa.update(reward)
            .where(reward.c.reward_id == new.reward_id)
            .values(
                **asdict(standing),
                claimed="",
                # Whoever is preparing it must find that it is not theirs any more.
                lease_number=reward.c.lease_number + 1,
                lease_owner=NOBODY,
                lease_until=0.0,
            )
        )
        await usage.give_back(connection, claims_in(row["claimed"]))
        return True

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
        async with self.reading.begin() as connection:
            rows = await connection.execute(query.where(position.c.topic == topic))
            return {row.partition: row.next_offset for row in rows}


def _parts(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    """Databases bound how many values one statement may list."""
    return (ids[start : start + IN_LIST_MAX] for start in range(0, len(ids), IN_LIST_MAX))
