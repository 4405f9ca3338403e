"""One customer: where the account stands, its lots, its rewards."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from projections.accounts import lots_open_at, page_rewards
from projections.service.answers import answer
from projections.service.api.describing import said
from projections.service.api.documents import (
    Customer,
    Lots,
    RewardPage,
    customer_document,
    lot_document,
    reward_document,
)
from projections.service.api.parameters import (
    AsOfParameters,
    AtParameters,
    CustomerId,
    PageParameters,
)
from projections.service.api.standing import refuse_unknown, standing_of
from projections.service.gate import Caller, Gate
from projections.service.paging import read_cursor, write_cursor
from projections.service.ports import Ports
from projections.service.reading import reading


def build_customers(ports: Ports, gate: Gate) -> APIRouter:
    router = APIRouter(tags=["customers"])
    read = Annotated[Caller, Depends(gate.allow("read"))]

    @router.get("/customers/{customer}", **said("read", Customer))
    async def show_customer(
        request: Request, caller: read, customer: CustomerId, query: AsOfParameters
    ) -> Response:
        """Where an account stands, now or as of an instant.

        By default by all that is known. `at` tells what had happened by then; `known_at` what had
        been recorded by then: together they answer what somebody was shown on a day, and what they
        should have been shown.
        """
        standing, at = await standing_of(ports, caller.site, customer, query.at, query.known_at)
        document = customer_document(caller.site, customer, at, query.known_at, standing)
        # Without an instant asked for, the time of day alone is no change.
        told_by = (query.at, query.known_at, standing)
        return answer(request, document, told_by=told_by)

    @router.get("/customers/{customer}/lots", **said("read", Lots))
    async def list_lots(
        request: Request, caller: read, customer: CustomerId, query: AtParameters
    ) -> Response:
        """What the balance is made of, in the order in which it is spent."""
        at = max(ports.clock(), query.at or 0)
        await refuse_unknown(ports, caller.site, customer)
        async with reading(ports) as connection:
            rows = await lots_open_at(connection, caller.site, customer, at)
        items = [lot_document(row, at) for row in rows]
        return answer(request, Lots(at=at, items=items), told_by=(query.at, items))

    @router.get("/customers/{customer}/rewards", **said("read", RewardPage))
    async def list_rewards(
        request: Request, caller: read, customer: CustomerId, query: PageParameters
    ) -> Response:
        """What the customer was given, newest first."""
        before = read_cursor("rewards", query.cursor)
        await refuse_unknown(ports, caller.site, customer)
        async with reading(ports) as connection:
            rows = await page_rewards(
                connection, caller.site, customer, limit=query.limit + 1, before_sequence=before
            )
        page, more = rows[: query.limit], len(rows) > query.limit
        cursor = write_cursor("rewards", page[-1].sequence) if more else None
        items = [reward_document(row) for row in page]
        return answer(request, RewardPage(items=items, next=cursor))

    return router
