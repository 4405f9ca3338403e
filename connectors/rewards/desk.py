"""What people decide about rewards: retry, resolve, cancel, pause, resume. Each says who and why.

A decision and its effect are one transaction, and no decision gives anything: the rewarder does,
by the rules of `states`, and tells the account where the outcome is now certain.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.rewards import by_hand, states, usage
from connectors.rewards.attempts import OPEN
from connectors.rewards.book import Book
from connectors.rewards.entries import NOBODY, claims_in, standing_of
from connectors.rewards.standing import GIVING_BACK_STATES, Instant, Standing, State
from connectors.rewards.tables import attempt, decision, pause, reward

Resolution = Literal["delivered", "failed"]


class DecisionRefusedError(Exception):
    """The decision cannot be taken as things stand; the message says what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who decides, and why."""

    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a pause is about; empty means all."""

    site: str = ""
    program: str = ""
    kind: str = ""

    def __str__(self) -> str:
        named = [f"{name} {value}" for name, value in asdict(self).items() if value]
        return ", ".join(named) or "everything"


class Desk(Book):
    """The part of the ledger that people write. A taking back is decided on by its own id."""

    async def retry(self, reward_id: str, by: By, time: Instant) -> State:
        """Goes on now with what waits or is stuck; doubt is read back first, never sent blindly."""

        def change(row: Mapping[str, Any], standing: Standing) -> Standing:
            match standing.state:
                case State.DUE | State.UNKNOWN:
                    return by_hand.go_on(standing, time)
                case State.FAILED if row["revokes"] is not None:
                    return by_hand.begin_again(standing, time)
                case State.FAILED:
                    raise DecisionRefusedError(
                        f"{reward_id} has failed and the account was told: its points are back,"
                        " and it cannot be given any more"
                    )
                case _:
                    raise DecisionRefusedError(f"{reward_id} is {standing.state}: nothing to retry")

        return await self._decide("retry", reward_id, by, time, change)

    async def resolve(
        self, reward_id: str, by: By, time: Instant, *, as_: Resolution, reference: str = ""
    ) -> State:
        """Settles what is in doubt by what a human has found out. The account is told."""

        def change(row: Mapping[str, Any], standing: Standing) -> Standing:
            del row
            if standing.state is not State.UNKNOWN:
                raise DecisionRefusedError(
                    f"{reward_id} is {standing.state}: only what is in doubt can be resolved"
                )
            if as_ == "delivered":
                return by_hand.resolve_delivered(standing, reference, time)
            return by_hand.resolve_failed(standing, by.reason, time)

        return await self._decide("resolve", reward_id, by, time, change)

    async def cancel(self, reward_id: str, by: By, time: Instant) -> State:
        """Gives up what was not sent: a reward fails, and its points go back."""

        def change(row: Mapping[str, Any], standing: Standing) -> Standing:
            if standing.state is State.UNKNOWN:
                raise DecisionRefusedError(
                    f"{reward_id} is in doubt: it may have been given; find out, then resolve it"
                )
            if standing.state is not State.DUE:
                raise DecisionRefusedError(f"{reward_id} is {standing.state}: nothing to cancel")
            if row["revokes"] is not None:
                return states.cancel(standing, by.reason, time)
            return by_hand.give_up(standing, f"cancelled: {by.reason}", time)

        return await self._decide("cancel", reward_id, by, time, change)

    async def _decide(
        self,
        verb: str,
        reward_id: str,
        by: By,
        time: Instant,
        change: Callable[[Mapping[str, Any], Standing], Standing],
    ) -> State:
        async with self.engine.begin() as connection:
            query = sa.select(reward).where(reward.c.reward_id == reward_id).with_for_update()
            row = (await connection.execute(query)).mappings().one_or_none()
            if row is None:
                raise DecisionRefusedError(
                    f"the ledger holds no reward {reward_id!r}; try: cactus rewards list"
                )
            before = await self._without_open_attempt(connection, dict(row), time)
            after = change(dict(row), before)
            await self._settle_by_hand(connection, dict(row), after)
            detail = f"{row['state']} → {after.state}"
            await connection.execute(_decided(verb, reward_id, by, time, detail))
        return after.state

    async def _without_open_attempt(
        self, connection: AsyncConnection, row: Mapping[str, Any], time: Instant
    ) -> Standing:
        standing = standing_of(row)
        if standing.state is not State.ATTEMPTING:
            return standing
        if row["lease_until"] > time.wall:
            raise DecisionRefusedError(
                f"{row['reward_id']} is being attempted this very moment; wait for what comes of it"
            )
        lost = (attempt.c.reward_id == row["reward_id"]) & (attempt.c.result == OPEN)
        await connection.execute(
            sa.update(attempt).where(lost).values(result="lost", ended_wall=time.wall)
        )
        return states.take_over(standing, time)

    async def _settle_by_hand(
        self, connection: AsyncConnection, row: Mapping[str, Any], after: Standing
    ) -> None:
        gives_back = after.state in GIVING_BACK_STATES
        cleared = {"claimed": ""} if gives_back else {}
        await connection.execute(
            sa.update(reward)
            .where(reward.c.reward_id == row["reward_id"])
            .values(
                **asdict(after),
                **cleared,
                # Whoever works on it must find that a human was quicker.
                lease_number=reward.c.lease_number + 1,
                lease_owner=NOBODY,
                lease_until=0.0,
            )
        )
        # What waited for this reward to be settled may go on.
        await connection.execute(
            sa.update(reward)
            .where(reward.c.revokes == row["reward_id"], reward.c.state == State.DUE)
            .values(stuck="")
        )
        if gives_back:
            await usage.give_back(connection, claims_in(row["claimed"]))

    async def pause(self, scope: Scope, by: By, time: Instant) -> None:
        """Nothing in the scope is begun any more; what is in doubt is still settled."""
        values = {"actor": by.actor, "reason": by.reason, "since_wall": time.wall}
        insert = self._insert(pause).values(**asdict(scope), **values)
        async with self.engine.begin() as connection:
            added = await connection.execute(insert.on_conflict_do_nothing())
            if not added.rowcount:
                raise DecisionRefusedError(f"{scope} is paused already; see: cactus rewards pauses")
            await connection.execute(_decided("pause", str(scope), by, time, ""))

    async def resume(self, scope: Scope, by: By, time: Instant) -> None:
        """Ends the pause that was made of this very scope."""
        of = [pause.c[name] == value for name, value in asdict(scope).items()]
        async with self.engine.begin() as connection:
            removed = await connection.execute(sa.delete(pause).where(*of))
            if not removed.rowcount:
                raise DecisionRefusedError(
                    f"there is no pause of {scope}; see: cactus rewards pauses"
                )
            await connection.execute(_decided("resume", str(scope), by, time, ""))

    async def count_due(self, scope: Scope) -> int:
        """How many rewards a pause of the scope holds up."""
        of = [reward.c[name] == value for name, value in asdict(scope).items() if value]
        query = sa.select(sa.func.count()).where(reward.c.state == State.DUE, *of)
        async with self.reading.begin() as connection:
            return int((await connection.execute(query)).scalar_one())


def _decided(verb: str, subject: str, by: By, time: Instant, detail: str) -> sa.Insert:
    return sa.insert(decision).values(
        decided_wall=time.wall,
        verb=verb,
        subject=subject,
        actor=by.actor,
        reason=by.reason,
        detail=detail,
    )
