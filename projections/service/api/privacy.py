"""A person's own data: all of it to take along, and its erasure."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import ConfigDict
from starlette.responses import Response

from projections.service.answers import accepted, answer
from projections.service.api.describing import said
from projections.service.api.documents import Document, ErasureDocument
from projections.service.api.intake import Body, Name, Text
from projections.service.api.parameters import CustomerId, SiteParameters
from projections.service.gate import Caller, Gate
from projections.service.ports import Ports
from projections.service.problems import not_found, offered


class Export(Document, frozen=True, kw_only=True):
    """All that is held of a customer."""


class ErasureBody(Body):
    """Who decided it, and why."""

    actor: Name
    reason: Text

    model_config = ConfigDict(
        json_schema_extra={"example": {"actor": "ann", "reason": "asked by the customer"}}
    )


def build_privacy(ports: Ports, gate: Gate) -> APIRouter:
    router = APIRouter(tags=["privacy"])
    read = Annotated[Caller, Depends(gate.allow("read"))]
    erases = Annotated[Caller, Depends(gate.allow("erasure:write"))]

    @router.get("/customers/{customer}/export", **said("read", Export))
    async def export(
        request: Request, caller: read, customer: CustomerId, _query: SiteParameters
    ) -> Response:
        """All that is held of a customer, as one JSON document."""
        found = await offered(ports.exporter).export(caller.site, customer)
        if found is None:
            raise not_found(f"Nothing is known of the customer {customer}.")
        return answer(request, found)

    @router.post("/customers/{customer}/erasure", **said("erasure:write", ErasureDocument))
    async def erase(
        caller: erases, customer: CustomerId, body: ErasureBody, _query: SiteParameters
    ) -> Response:
        """Erase what is personal, for good. Points end; anonymous sums stay. Asked again, it looks
        again and says what is left.
        """
        by = f"{body.actor} ({caller.by})"
        report = await offered(ports.eraser).erase(caller.site, customer, by, body.reason)
        return accepted(
            ErasureDocument(
                fact=report.fact,
                found=dict(report.found),
                left=dict(report.left),
                remaining=report.remaining,
            ),
            200,
        )

    return router
