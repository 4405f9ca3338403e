"""The reward ledger as the service's port: what people see of rewards and decide about them."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from sqlalchemy.exc import DBAPIError

from connectors.rewards.database import LedgerError, explain_database_error
from connectors.rewards.desk import By, DecisionRefusedError, Scope
from connectors.rewards.ledger import Ledger, open_ledger
from connectors.rewards.standing import Instant
from deploy.errors import OperatingError
from deploy.settings import Settings
from projections.service.ports import COUNTED_MAX, Clock, DecisionRefused, RewardCase
from projections.service.problems import unavailable


class LedgerRewardBook:
    """Reads by one connection and decides by another: who only looks holds up no rewarder."""

    def __init__(
        self, reading: Ledger, writing: Ledger, *, url: str, clock: Clock, wall: Clock
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._url = url
        self._clock = clock
        self._wall = wall

    async def page(
        self, state: str | None, site: str | None, limit: int, after: str | None
    ) -> list[RewardCase]:
        async with self._answering():
            rows = await self._reading.page_rewards(
                state=state, site=site, limit=limit, before=None if after is None else int(after)
            )
        return [_case(row) for row in rows]

    async def show(self, reward_id: str) -> RewardCase | None:
        async with self._answering():
            row = await self._reading.show_reward(reward_id)
        return None if row is None else _case(row)

    async def counts(self) -> Mapping[str, int]:
        async with self._answering():
            return await self._reading.count_up_to(COUNTED_MAX)

    async def doubt_seconds(self) -> float | None:
        async with self._answering():
            oldest = await self._reading.oldest_doubt()
        return None if oldest is None else max(0.0, self._wall() - oldest)

    async def pauses(self) -> list[Mapping[str, Any]]:
        async with self._answering():
            return [
                {
                    **{name: each[name] for name in ("site", "program", "kind")},
                    "by": each["actor"],
                    "reason": each["reason"],
                    "at": int(each["since_wall"]),
                }
                for each in await self._reading.pauses()
            ]

    async def decisions(self, limit: int, before: int | None) -> list[Mapping[str, Any]]:
        async with self._answering():
            rows = await self._reading.page_decisions(limit=limit, before=before)
        return [{**_decision(row), "id": row["number"]} for row in rows]

    async def retry(self, reward_id: str, by: str, reason: str) -> str:
        async with self._answering():
            return await self._writing.retry(reward_id, _by(by, reason), self._now())

    async def resolve(
        self,
        reward_id: str,
        by: str,
        reason: str,
        *,
        as_: Literal["delivered", "failed"],
        reference: str = "",
    ) -> str:
        if (as_ == "delivered") != bool(reference):
            raise DecisionRefused("Give the gateway's id of what was delivered, and only then.")
        async with self._answering():
            return await self._writing.resolve(
                reward_id, _by(by, reason), self._now(), as_=as_, reference=reference
            )

    async def cancel(self, reward_id: str, by: str, reason: str) -> str:
        async with self._answering():
            return await self._writing.cancel(reward_id, _by(by, reason), self._now())

    async def pause(self, scope: Mapping[str, str], by: str, reason: str) -> None:
        async with self._answering():
            await self._writing.pause(Scope(**scope), _by(by, reason), self._now())

    async def resume(self, scope: Mapping[str, str], by: str, reason: str) -> None:
        async with self._answering():
            await self._writing.resume(Scope(**scope), _by(by, reason), self._now())

    def _now(self) -> Instant:
        return Instant(now=self._clock(), wall=float(self._wall()))

    @contextlib.asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        try:
            yield
        except DecisionRefusedError as error:
            raise DecisionRefused(str(error)) from error
        except DBAPIError as error:
            raise unavailable(_sentence(explain_database_error(error, self._url))) from error


@contextlib.asynccontextmanager
async def open_reward_book(
    settings: Settings, clock: Clock, wall: Clock
) -> AsyncIterator[LedgerRewardBook]:
    """Nothing is made where no rewarder has made a ledger yet: who asks is told then."""
    url = settings.ledger_url
    try:
        reading, writing = open_ledger(url, access="read"), open_ledger(url, access="write")
    except LedgerError as error:
        raise OperatingError(str(error)) from error
    try:
        yield LedgerRewardBook(reading, writing, url=url, clock=clock, wall=wall)
    finally:
        await reading.close()
        await writing.close()


def _sentence(error: LedgerError) -> str:
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."


def _by(person: str, reason: str) -> By:
    return By(actor=person, reason=reason)


def _case(row: Mapping[str, Any]) -> RewardCase:
    attempts = [_attempt(each) for each in row.get("attempts", ())]
    decisions = [_decision(each) for each in row.get("decisions", ())]
    history = sorted([*attempts, *decisions], key=lambda each: float(each["at"]))
    return RewardCase(
        reward_id=row["reward_id"],
        site=row["site"],
        customer=row["customer"],
        reward=row["reward"],
        program=row["program"],
        program_version=row["program_version"],
        kind=row["kind"],
        state=row["state"],
        attempts=row["tries"],
        reference=row["reference"] or "",
        reason=row["reason"] or "",
        history=tuple(history),
        cursor=str(row.get("number", "")),
        earned_at=row["earned_at"],
        settled_at=row["settled_at"],
        grant=row["grant"],
        revocation=row["revocation"],
        revocation_reason=row["revocation_reason"],
        reported=bool(row["reported"]),
    )


def _attempt(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "what": "attempt",
        "at": row["started_wall"],
        "ended_at": row["ended_wall"],
        "of": row["of"],
        "move": row["move"],
        "result": row["result"],
        "detail": row["detail"],
        "key": row["key"],
        "body": row["body"],
    }


def _decision(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "what": "decision",
        "at": row["decided_wall"],
        "by": row["actor"],
        "verb": row["verb"],
        "subject": row["subject"],
        "reason": row["reason"],
        "detail": row["detail"],
    }
