"""What callers ask to happen: custom events, adjustments, redemptions and their cancellation.

202 means that it is durably on Kafka. The caller's id makes a repeat the same thing for ever.
"""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr
from starlette.responses import Response

from projections.access.database import access
from projections.access.requests import Asked, Kind, remember
from projections.accounts import entries_of_fact
from projections.rows import EntryRow
from projections.service.answers import accepted
from projections.service.api.describing import said
from projections.service.api.documents import Accepted, entry_document
from projections.service.api.parameters import ID, PLAIN, CustomerId, RequestId, SiteParameters
from projections.service.gate import Caller, Gate
from projections.service.ports import Ports
from projections.service.problems import Fault, Problem, invalid, offered
from projections.service.reading import reading
from schemas import bounds, ids
from schemas.bounds import AMOUNT_MAX, LAST_INSTANT
from schemas.custom import CustomEvent
from schemas.facts import (
    AdjustmentRequested,
    AnyFact,
    CustomEventReceived,
    RedemptionCancelled,
    RedemptionRequested,
)

POLL_SECONDS = 0.02
PROPERTIES_MAX = 50
WAITED = {200: "It was folded while the caller waited: `entries` says what came of it."}

Prefer = Annotated[
    str | None,
    Header(
        description="`wait` asks for the outcome, where it is folded within two seconds.",
        max_length=100,
        examples=["wait"],
    ),
]
Text = Annotated[str, Field(min_length=1, max_length=500, pattern=PLAIN)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=PLAIN)]
CallersId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=ID,
        description="Yours. The same id again is the same thing; with another body it is refused.",
    ),
]


class Body(BaseModel):
    """Unknown keys are refused, so that a misspelt one is not lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EventBody(Body):
    """Something that happened outside of billing. Properties that no program names are dropped."""

    id: CallersId
    customer: Name
    name: Name
    occurred_at: StrictInt | None = Field(
        None, ge=0, le=LAST_INSTANT, description="Unix seconds. Default: now."
    )
    properties: dict[Name, StrictStr | StrictBool | StrictInt | StrictFloat] = Field(
        default_factory=dict, max_length=PROPERTIES_MAX
    )

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "review-1",
                "customer": "c_1042",
                "name": "review_submitted",
                "properties": {"stars": 5},
            }
        }
    )


class AdjustmentBody(Body):
    """Points by hand: positive adds, negative removes."""

    id: CallersId
    points: StrictInt = Field(ge=-AMOUNT_MAX, le=AMOUNT_MAX, description="Not zero.")
    actor: Name
    reason: Text

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"id": "gift-77", "points": 100, "actor": "ann", "reason": "goodwill"}
        }
    )


class RedemptionBody(Body):
    """A reward of the program's catalogue."""

    id: CallersId
    reward: Name
    actor: str = Field("", max_length=100, description="Who asks, where it is not the customer.")

    model_config = ConfigDict(
        json_schema_extra={"example": {"id": "order-9", "reward": "five-off"}}
    )


class CancellationBody(Body):
    """Takes a redemption back that has not reached the customer yet."""

    actor: Name
    reason: Text

    model_config = ConfigDict(
        json_schema_extra={"example": {"actor": "ann", "reason": "asked for by mistake"}}
    )


def build_intake(ports: Ports, gate: Gate) -> APIRouter:
    router = APIRouter(tags=["intake"])
    events = Annotated[Caller, Depends(gate.allow("events:write"))]
    adjusts = Annotated[Caller, Depends(gate.allow("adjustments:write"))]
    redeems = Annotated[Caller, Depends(gate.allow("redemptions:write"))]
    desk = _Desk(ports)

    @router.post("/events", **said("events:write", Accepted, status=202, also=WAITED))
    async def take_event(
        caller: events, body: EventBody, _query: SiteParameters, prefer: Prefer = None
    ) -> Response:
        """Report something that happened outside of billing."""
        event = CustomEvent(
            id=body.id,
            site=caller.site,
            customer=body.customer,
            name=body.name,
            occurred_at=ports.clock() if body.occurred_at is None else body.occurred_at,
            properties=dict(body.properties),
        )
        fact = CustomEventReceived(
            id=ids.custom(body.id),
            site=event.site,
            customer=event.customer,
            occurred_at=event.occurred_at,
            name=event.name,
        )
        inbox, asked = offered(ports.inbox), desk.asked("event", body.id, body, fact)
        return await desk.take(asked, fact, prefer, lambda: inbox.send_event(event))

    @router.post(
        "/customers/{customer}/adjustments",
        **said("adjustments:write", Accepted, status=202, also=WAITED),
    )
    async def adjust(
        caller: adjusts,
        customer: CustomerId,
        body: AdjustmentBody,
        _query: SiteParameters,
        prefer: Prefer = None,
    ) -> Response:
        """Add or remove points by hand. Who and why are kept with it for ever."""
        if body.points == 0:
            raise invalid([Fault("body.points", "nothing would change: write another number")])
        fact = AdjustmentRequested(
            id=ids.adjustment(body.id),
            site=caller.site,
            customer=customer,
            occurred_at=ports.clock(),
            source=caller.by,
            points=body.points,
            actor=body.actor,
            reason=body.reason,
        )
        return await desk.take_fact("adjustment", body.id, body, fact, prefer)

    @router.post(
        "/customers/{customer}/redemptions",
        **said("redemptions:write", Accepted, status=202, also=WAITED),
    )
    async def redeem(
        caller: redeems,
        customer: CustomerId,
        body: RedemptionBody,
        _query: SiteParameters,
        prefer: Prefer = None,
    ) -> Response:
        """Ask for a reward of the catalogue; the points are taken when it is granted."""
        fact = RedemptionRequested(
            id=ids.redemption(body.id),
            site=caller.site,
            customer=customer,
            occurred_at=ports.clock(),
            source=caller.by,
            request=body.id,
            reward=body.reward,
            actor=body.actor,
        )
        return await desk.take_fact("redemption", body.id, body, fact, prefer)

    @router.post(
        "/customers/{customer}/redemptions/{redemption}/cancellation",
        **said("redemptions:write", Accepted, status=202, also=WAITED),
    )
    async def cancel(
        caller: redeems,
        customer: CustomerId,
        redemption: RequestId,
        body: CancellationBody,
        _query: SiteParameters,
        prefer: Prefer = None,
    ) -> Response:
        """Take a redemption back that has not reached the customer; its points return."""
        fact = RedemptionCancelled(
            id=ids.redemption_cancelled(redemption),
            site=caller.site,
            customer=customer,
            occurred_at=ports.clock(),
            source=caller.by,
            request=redemption,
            actor=body.actor,
            reason=body.reason,
        )
        return await desk.take_fact("cancellation", redemption, body, fact, prefer)

    return router


class _Desk:
    """Takes requests: remembered first, then sent, then waited for where the caller asks."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def asked(self, kind: Kind, request_id: str, body: Body, fact: AnyFact) -> Asked:
        return Asked(
            site=fact.site,
            kind=kind,
            request_id=request_id,
            digest=digest_of(fact.customer, body.model_dump(exclude_unset=True)),
            fact=fact.id,
            accepted_at=self._ports.wall(),
        )

    async def take_fact(
        self, kind: Kind, request_id: str, body: Body, fact: AnyFact, prefer: str | None
    ) -> Response:
        inbox, asked = offered(self._ports.inbox), self.asked(kind, request_id, body, fact)
        return await self.take(asked, fact, prefer, lambda: inbox.send(fact))

    async def take(
        self,
        asked: Asked,
        fact: AnyFact,
        prefer: str | None,
        send: Callable[[], Awaitable[None]],
    ) -> Response:
        _check(fact)
        async with access(self._ports.access) as connection:
            if not await remember(connection, asked):
                raise Problem(
                    409,
                    "conflict",
                    "This id asked for something else before",
                    f"The {asked.kind} {asked.request_id} is another: take a new id.",
                )
        await send()
        if not wants_to_wait(prefer):
            return accepted(Accepted(fact=fact.id, entries=None), 202)
        came = await self._outcome(fact)
        if not came:
            return accepted(Accepted(fact=fact.id, entries=None), 202)
        entries = [entry_document(row) for row in came]
        return accepted(
            Accepted(fact=fact.id, entries=entries), 200, {"Preference-Applied": "wait"}
        )

    async def _outcome(self, fact: AnyFact) -> list[EntryRow]:
        """What came of a fact, once whoever asks for the account sees it too; empty where that
        takes too long.
        """
        deadline = asyncio.get_running_loop().time() + self._ports.wait_seconds_max
        while asyncio.get_running_loop().time() < deadline:
            async with reading(self._ports) as connection:
                came = await entries_of_fact(connection, fact.site, fact.customer, fact.id)
            if came and await self._is_seen(came[-1]):
                return came
            await asyncio.sleep(POLL_SECONDS)
        return []

    async def _is_seen(self, last: EntryRow) -> bool:
        accounts = self._ports.accounts
        if accounts is None:
            return True
        found = await offered(self._ports.account_reader).read(last.site, last.customer)
        if found is None or found.state is None:
            return False
        return accounts.read(last.site, found.state).sequence >= last.sequence


def digest_of(customer: str, body: dict[str, Any]) -> bytes:
    """Of what a request asks for, however its keys are ordered."""
    return sha256(msgspec.json.encode([customer, body], order="deterministic")).digest()


def wants_to_wait(prefer: str | None) -> bool:
    """`Prefer: wait`, or `wait=10` with a time of the caller's own, among others (RFC 7240)."""
    given = [each.split(";")[0].split("=")[0] for each in (prefer or "").split(",")]
    return "wait" in {each.strip().lower() for each in given}


def _check(fact: AnyFact) -> None:
    try:
        bounds.check(fact)
    except bounds.OutOfBoundsError as error:
        raise invalid([Fault("body", str(error))]) from error
