"""What happened to one account, entry by entry, and why each is as it is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from projections.accounts import EntryFilter, filter_entries, find_entry
from projections.service.answers import answer
from projections.service.api.describing import said
from projections.service.api.documents import (
    Entry,
    EntryPage,
    Explanation,
    entry_document,
    program_name,
)
from projections.service.api.parameters import (
    CustomerId,
    EntryParameters,
    SequenceNumber,
    SiteParameters,
)
from projections.service.api.standing import refuse_unknown
from projections.service.gate import Caller, Gate
from projections.service.paging import read_cursor, write_cursor
from projections.service.ports import Ports
from projections.service.problems import not_found, offered
from projections.service.reading import reading


def build_entries(ports: Ports, gate: Gate) -> APIRouter:
    router = APIRouter(tags=["customers"])
    read = Annotated[Caller, Depends(gate.allow("read"))]

    @router.get("/customers/{customer}/entries", **said("read", EntryPage))
    async def list_entries(
        request: Request, caller: read, customer: CustomerId, query: EntryParameters
    ) -> Response:
        """Everything that ever happened to the account, newest first."""
        before = read_cursor("entries", query.cursor)
        wanted = EntryFilter(
            type=query.type or "", rule=query.rule or "", from_at=query.from_at, to_at=query.to_at
        )
        await refuse_unknown(ports, caller.site, customer)
        async with reading(ports) as connection:
            rows = await filter_entries(
                connection,
                caller.site,
                customer,
                wanted,
                limit=query.limit + 1,
                before_sequence=before,
            )
        page, more = rows[: query.limit], len(rows) > query.limit
        cursor = write_cursor("entries", page[-1].sequence) if more else None
        return answer(request, EntryPage(items=[entry_document(row) for row in page], next=cursor))

    @router.get("/customers/{customer}/entries/{sequence}", **said("read", Entry))
    async def show_entry(
        request: Request,
        caller: read,
        customer: CustomerId,
        sequence: SequenceNumber,
        _query: SiteParameters,
    ) -> Response:
        """One entry by its number."""
        async with reading(ports) as connection:
            row = await find_entry(connection, caller.site, customer, sequence)
        if row is None:
            raise not_found(f"{customer} has no entry {sequence}.")
        return answer(request, entry_document(row))

    @router.get("/customers/{customer}/entries/{sequence}/explanation", **said("read", Explanation))
    async def explain_entry(
        request: Request,
        caller: read,
        customer: CustomerId,
        sequence: SequenceNumber,
        _query: SiteParameters,
    ) -> Response:
        """Why an entry is as it is, found by folding the customer's facts again."""
        explainer = offered(ports.explainer)
        found = await explainer.explain_entry(caller.site, customer, sequence)
        if found is None:
            raise not_found(f"{customer} has no entry {sequence}.")
        return answer(
            request,
            Explanation(
                fact=found.fact,
                fact_type=found.fact_type,
                source=found.source,
                occurred_at=found.occurred_at,
                program=program_name(found.program, found.program_version),
                sentences=found.sentences,
                steps=found.steps,
                events=found.events,
            ),
        )

    return router
