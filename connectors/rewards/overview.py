"""What people and metrics ask the ledger: counts, lists, and one reward with all that was done."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.rewards.book import Book
from connectors.rewards.standing import OPEN_STATES, State
from connectors.rewards.tables import (
    attempt,
    decision,
    is_free_reward,
    pause,
    reward,
    waits_for_a_person,
)

STUCK = "stuck"
_OF_REVOCATION = {State.FAILED: "impossible", State.CANCELLED: "not_needed"}


class Overview(Book):
    """The part of the ledger that is only read."""

    async def count_states(
        self, states: Iterable[State] = State, *, revocations: bool = False
    ) -> dict[str, int]:
        """Rewards, or revocations, by state; those that wait for a human count as `stuck`."""
        asked = [*states]
        label = sa.case((reward.c.stuck != "", STUCK), else_=reward.c.state).label("label")
        of = reward.c.revokes.is_not(None) if revocations else reward.c.revokes.is_(None)
        query = (
            sa.select(label, sa.func.count().label("rewards"))
            .where(reward.c.state.in_(asked), of)
            .group_by(label)
        )
        async with self.reading.begin() as connection:
            counts = {row.label: row.rewards for row in await connection.execute(query)}
        return {**dict.fromkeys([*asked, STUCK], 0), **counts}

    async def oldest_doubt(self) -> float | None:
        """Real time since when the oldest unsettled outcome has been unknown."""
        unsettled = reward.c.state.in_(OPEN_STATES)
        query = sa.select(sa.func.min(reward.c.doubtful_since)).where(unsettled)
        async with self.reading.begin() as connection:
            oldest: float | None = (await connection.execute(query)).scalar_one()
            return oldest

    async def list_rewards(
        self, *, state: str | None, limit: int, customer: str | None = None
    ) -> list[dict[str, Any]]:
        """Rewards as they stand, latest first. `stuck` is a state here, of a reward or of what
        takes it back.
        """
        query = _with_revocation().order_by(reward.c.number.desc()).limit(limit)
        if state == STUCK:
            query = query.where((reward.c.stuck != "") | (_revocation.c.stuck != ""))
        elif state is not None:
            query = query.where(reward.c.state == state)
        if customer is not None:
            query = query.where(reward.c.account.endswith(f":{customer}", autoescape=True))
        async with self.reading.begin() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [_shown(dict(row)) for row in rows]

    async def page_rewards(
        self, *, state: str | None, site: str | None, limit: int, before: int | None
    ) -> list[dict[str, Any]]:
        """Rewards as they stand, latest first, each with the `number` that the next page begins
        before. Those that are stuck are of that state and of no other.
        """
        query = _with_revocation().order_by(reward.c.number.desc()).limit(limit)
        if state == STUCK:
            query = query.where(reward.c.reward_id.in_(_stuck_rewards()))
        elif state is not None:
            query = query.where(reward.c.state == state, is_free_reward)
        if site is not None:
            query = query.where(reward.c.site == site)
        if before is not None:
            query = query.where(reward.c.number < before)
        async with self.reading.begin() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [{"number": row["number"], **_shown(dict(row))} for row in rows]

    async def count_up_to(self, most: int) -> dict[str, int]:
        """Rewards by state, none counted beyond `most`: what a page can afford to ask. What is
        stuck, a reward or its taking back, counts as that.
        """
        counts: dict[str, int] = {}
        async with self.reading.begin() as connection:
            for state in State:
                some = sa.select(reward.c.number).where(reward.c.state == state, is_free_reward)
                counts[state] = await _count(connection, some.limit(most))
            stuck = sa.select(reward.c.number).where(waits_for_a_person)
            counts[STUCK] = await _count(connection, stuck.limit(most))
        return counts

    async def page_decisions(self, *, limit: int, before: int | None) -> list[dict[str, Any]]:
        """What people decided, latest first, each with the `number` to go on before."""
        query = sa.select(decision).order_by(decision.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(decision.c.number < before)
        async with self.reading.begin() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def show_reward(self, reward_id: str) -> dict[str, Any] | None:
        """One reward with its attempts, oldest first, those to take it back too; or None."""
        query = _with_revocation().where(reward.c.reward_id == reward_id)
        works = sa.select(reward.c.reward_id).where(
            (reward.c.reward_id == reward_id) | (reward.c.revokes == reward_id)
        )
        made = sa.select(attempt).where(attempt.c.reward_id.in_(works)).order_by(attempt.c.number)
        decided = sa.select(decision).where(decision.c.subject.in_(works))
        async with self.reading.begin() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
            if row is None:
                return None
            attempts = (await connection.execute(made)).mappings().all()
            decisions = (
                (await connection.execute(decided.order_by(decision.c.number))).mappings().all()
            )
        shown = _shown(dict(row))
        shown["attempts"] = [
            {
                "of": "reward" if each["reward_id"] == reward_id else "revocation",
                **_without(each, "reward_id", "number"),
            }
            for each in attempts
        ]
        shown["decisions"] = [_without(each, "number") for each in decisions]
        return shown

    async def pauses(self) -> list[dict[str, Any]]:
        query = sa.select(pause).order_by(pause.c.since_wall)
        async with self.reading.begin() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]


async def _count(connection: AsyncConnection, some: sa.Select[Any]) -> int:
    query = sa.select(sa.func.count()).select_from(some.subquery())
    return int((await connection.execute(query)).scalar_one())


def _stuck_rewards() -> sa.Select[Any]:
    """The rewards that are stuck, or whose taking back is."""
    named = sa.func.coalesce(reward.c.revokes, reward.c.reward_id)
    return sa.select(named).where(waits_for_a_person)


_revocation = reward.alias("revocation")


def _with_revocation() -> sa.Select[Any]:
    return (
        sa.select(
            reward,
            _revocation.c.state.label("revocation_state"),
            _revocation.c.stuck.label("revocation_stuck"),
            _revocation.c.reason.label("revocation_reason"),
        )
        .join_from(reward, _revocation, _revocation.c.revokes == reward.c.reward_id, isouter=True)
        .where(reward.c.revokes.is_(None))
    )


def _without(row: Mapping[Any, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    command = json.loads(row["command"])
    return {
        "reward_id": row["reward_id"],
        "state": STUCK if row["stuck"] else row["state"],
        "site": row["site"],
        "customer": command["customer"],
        "reward": command["reward"],
        "program": command["program"],
        "program_version": command["program_version"],
        "kind": row["kind"],
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
        "revocation": _revocation_result(row),
        "revocation_reason": row["revocation_stuck"] or row["revocation_reason"] or "",
    }


def _revocation_result(row: Mapping[str, Any]) -> str:
    """`revoked`, `partly`, `impossible`, `not_needed`, or how far it is; empty: nobody asked."""
    if row["revocation_state"] is None:
        return ""
    state = State(row["revocation_state"])
    if row["revocation_stuck"]:
        return STUCK
    if state is State.DELIVERED:
        return "partly" if row["revocation_reason"] else "revoked"
    return _OF_REVOCATION.get(state, state)
