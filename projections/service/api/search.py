"""Find things by what somebody has in hand."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from projections.search import search
from projections.service.answers import answer
from projections.service.api.describing import said
from projections.service.api.documents import (
    FoundCustomer,
    SearchResult,
    entry_document,
    reward_document,
)
from projections.service.api.parameters import SearchParameters
from projections.service.gate import Caller, Gate
from projections.service.ports import Ports
from projections.service.reading import reading

FOUND_MAX = 20


def build_search(ports: Ports, gate: Gate) -> APIRouter:
    router = APIRouter(tags=["search"])
    read = Annotated[Caller, Depends(gate.allow("read"))]

    @router.get("/search", **said("read", SearchResult))
    async def find(request: Request, caller: read, query: SearchParameters) -> Response:
        """Customers by how their id begins; rewards and entries by the id of a reward, a fact, a
        transaction, a request, or a Chargebee event. At most twenty of each.
        """
        async with reading(ports) as connection:
            found = await search(connection, caller.site, query.q, limit=FOUND_MAX)
        return answer(
            request,
            SearchResult(
                customers=[
                    FoundCustomer(row.customer, row.balance, row.tier, row.erased)
                    for row in found.customers
                ],
                rewards=[reward_document(row) for row in found.rewards],
                entries=[entry_document(row) for row in found.entries],
            ),
        )

    return router
