"""Attempts as they are stored: before the call is made, and with what it brought.

Those that begin or end at the same moment are stored in one transaction: whoever comes while
another commit is under way is in the next. A disk confirms a hundred rows as slowly as one.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from connectors import fault_points
from connectors.rewards import usage
from connectors.rewards.book import Book
from connectors.rewards.entries import STANDING_FIELDS, Entry, NewAttempt
from connectors.rewards.limits import Claim
from connectors.rewards.standing import GIVING_BACK_STATES, Standing
from connectors.rewards.tables import attempt, reward

TOGETHER_MAX = 200
OPEN = "open"
"""The result of an attempt that is under way: a reward has at most one of these."""

_put = (
    sa.update(reward)
    .where(reward.c.reward_id == sa.bindparam("of"))
    .values(
        {
            name: sa.bindparam(f"new_{name}")
            for name in (*STANDING_FIELDS, "body", "lease_until", "claimed")
        }
    )
)
_end = (
    sa.update(attempt)
    .where(attempt.c.reward_id == sa.bindparam("of"), attempt.c.result == OPEN)
    .values({name: sa.bindparam(f"new_{name}") for name in ("ended_wall", "result", "detail")})
)
_begin = sa.insert(attempt)


class LeaseLostError(Exception):
    """Another rewarder has taken this reward over; what was found out here must be dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One side of an attempt: it `begins`, or the open one ends."""

    entry: Entry
    standing: Standing
    body: str
    lease_until: float
    wall: float
    begins: NewAttempt | None = None
    claims: Sequence[Claim] | None = None
    result: str = ""
    detail: str = ""

    @property
    def moves_limits(self) -> bool:
        """Then it is stored alone: whoever counts for several rewards at once could wait for one
        who counts for them the other way round.
        """
        return bool(self.claims or self.entry.claimed)


_Claimed = dict[str, int]
"""What the reward of a step counts for once the step is stored."""


class Attempts(Book):
    """The part of the ledger that stores attempts."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self._waiting: list[tuple[_Step, asyncio.Future[_Claimed]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def begin_attempt(
        self,
        entry: Entry,
        standing: Standing,
        new: NewAttempt,
        *,
        wall: float,
        lease_until: float,
        claims: Sequence[Claim] | None = None,
    ) -> Entry:
        """Stores the attempt before it is made and renews the lease.

        `claims` are counted in the same transaction, in place of what was claimed before; None
        leaves that. Raises `usage.LimitReachedError`, and has then stored nothing.
        """
        claimed = await self._store(
            _Step(
                entry=entry,
                standing=standing,
                body=new.body,
                lease_until=lease_until,
                wall=wall,
                begins=new,
                claims=claims,
            )
        )
        fault_points.reach(f"{entry.step_prefix}attempt_stored")
        return replace(
            entry, standing=standing, body=new.body, lease_until=lease_until, claimed=claimed
        )

    async def end_attempt(
        self,
        entry: Entry,
        standing: Standing,
        *,
        result: str,
        detail: str,
        wall: float,
    ) -> None:
        """Stores what the open attempt brought and lets the reward go."""
        await self._store(
            _Step(
                entry=entry,
                standing=standing,
                body=entry.body,
                lease_until=0,
                wall=wall,
                result=result,
                detail=detail,
            )
        )
        fault_points.reach(f"{entry.step_prefix}result_stored")

    async def _store(self, step: _Step) -> _Claimed:
        """Returns once it is committed. What it raises has stored nothing of it."""
        stored: asyncio.Future[_Claimed] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, stored))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        return await stored

    async def _write_waiting(self) -> None:
        while self._waiting:
            part, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
            together = [each for each in part if not each[0].moves_limits]
            alone = [each for each in part if each[0].moves_limits]
            if together and not await self._commit(together):
                # One has lost its lease, or more is wrong: each for itself finds out.
                alone = together + alone
            for each in alone:
                await self._commit([each])
        self._writing = None

    async def _commit(self, part: list[tuple[_Step, "asyncio.Future[_Claimed]"]]) -> bool:
        """One transaction. Whether it was committed; one step alone is told if it was not."""
        try:
            async with self.engine.begin() as connection:
                stored = await self._put_steps(connection, [step for step, _ in part])
        except Exception as error:  # noqa: BLE001 - it is raised where the step is waited for
            if len(part) == 1 and not part[0][1].done():
                part[0][1].set_exception(error)
            return False
        for (_, future), result in zip(part, stored, strict=True):
            if not future.done():
                future.set_result(result)
        return True

    async def _put_steps(
        self, connection: AsyncConnection, steps: Sequence[_Step]
    ) -> list[_Claimed]:
        await _check_leases(connection, [step.entry for step in steps])
        claimed = [await self._count(connection, step) for step in steps]
        await connection.execute(
            _put, [_reward_row(step, held) for step, held in zip(steps, claimed, strict=True)]
        )
        ended = [_ended_row(step) for step in steps if step.begins is None]
        if ended:
            await connection.execute(_end, ended)
        begun = [_begun_row(step, step.begins) for step in steps if step.begins is not None]
        if begun:
            await connection.execute(_begin, begun)
        for step in steps:
            point = "result_unstored" if step.begins is None else "attempt_unstored"
            fault_points.reach(f"{step.entry.step_prefix}{point}")
        return claimed

    async def _count(self, connection: AsyncConnection, step: _Step) -> _Claimed:
        """What the reward counts for afterwards."""
        held = dict(step.entry.claimed)
        if step.begins is not None and step.claims is not None and step.moves_limits:
            return await usage.take(connection, self._insert, step.claims, held)
        if step.standing.state in GIVING_BACK_STATES and held:
            await usage.give_back(connection, held)
            return {}
        return held


async def _check_leases(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    query = (
        sa.select(reward.c.reward_id, reward.c.lease_number)
        .where(reward.c.reward_id.in_([entry.reward_id for entry in entries]))
        .with_for_update()
    )
    held = {row.reward_id: row.lease_number for row in await connection.execute(query)}
    for entry in entries:
        if held.get(entry.reward_id) != entry.lease_number:
            raise LeaseLostError(entry.reward_id)


def _reward_row(step: _Step, claimed: _Claimed) -> dict[str, Any]:
    row = {f"new_{name}": getattr(step.standing, name) for name in STANDING_FIELDS}
    return row | {
        "of": step.entry.reward_id,
        "new_body": step.body,
        "new_lease_until": step.lease_until,
        "new_claimed": json.dumps(claimed) if claimed else "",
    }


def _begun_row(step: _Step, new: NewAttempt) -> dict[str, Any]:
    return {
        "reward_id": step.entry.reward_id,
        "move": new.move,
        "key": new.key,
        "body": new.body,
        "started_wall": step.wall,
        "result": OPEN,
        "detail": "",
    }


def _ended_row(step: _Step) -> dict[str, Any]:
    return {
        "of": step.entry.reward_id,
        "new_ended_wall": step.wall,
        "new_result": step.result,
        "new_detail": step.detail,
    }
