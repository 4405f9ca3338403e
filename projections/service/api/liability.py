"""What is owed in points, and what became of those issued."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from projections.liability import Flow, deficit_of, flows_of, pending_of
from projections.service.answers import answer
from projections.service.api.describing import said
from projections.service.api.documents import Liability, Month, ProgramLiability, Worth
from projections.service.api.parameters import SiteParameters
from projections.service.api.programs import in_force
from projections.service.gate import Caller, Gate
from projections.service.ports import Ports
from projections.service.reading import reading
from schemas.program.amounts import parse_table
from schemas.program.model import Program

ISSUING = frozenset({"earned", "adjusted", "corrected"})
ENDING = {"expired": "expired", "voided": "expired", "redeemed": "redeemed", "restored": "redeemed"}
"""What came back was not redeemed after all."""


def build_liability(ports: Ports, gate: Gate) -> APIRouter:
    router = APIRouter(tags=["liability"])
    read = Annotated[Caller, Depends(gate.allow("read"))]

    @router.get("/liability", **said("read", Liability))
    async def show_liability(request: Request, caller: read, _query: SiteParameters) -> Response:
        """What is owed in points, by program, and what became of what was issued.

        By what has been folded; sums are kept as events are read, so it is as quick with a million
        accounts as with ten.
        """
        at, site = ports.clock(), caller.site
        async with reading(ports) as connection:
            flows = await flows_of(connection, site)
            pending = await pending_of(connection, site, at)
            deficit = await deficit_of(connection, site)
        versions = [] if ports.programs is None else await ports.programs.versions(site)
        programs = liabilities(flows, pending, versions, at)
        document = Liability(
            site=site,
            at=at,
            outstanding=sum(each.outstanding for each in programs),
            pending=sum(each.pending for each in programs),
            deficit=deficit,
            programs=programs,
        )
        return answer(request, document, told_by=(deficit, programs))

    return router


def liabilities(
    flows: Iterable[Flow], pending: Mapping[str, int], versions: list[Program], at: int
) -> list[ProgramLiability]:
    """One per program that ever issued points, by name."""
    by_program: defaultdict[str, list[Flow]] = defaultdict(list)
    for flow in flows:
        by_program[flow.program].append(flow)
    return [
        _liability(program, mine, pending.get(program, 0), _version(versions, program, at))
        for program, mine in sorted(by_program.items())
    ]


def _liability(
    program: str, flows: list[Flow], pending: int, version: Program | None
) -> ProgramLiability:
    outstanding = sum(flow.points for flow in flows)
    # What a person or a correction took away again was not issued.
    issued = sum(flow.points for flow in flows if flow.kind in ISSUING)
    ended: defaultdict[str, int] = defaultdict(int)
    months: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for flow in flows:
        months[flow.month][flow.kind] = flow.points
        if flow.kind in ENDING:
            ended[ENDING[flow.kind]] -= flow.points
    return ProgramLiability(
        program=program,
        outstanding=outstanding,
        pending=pending,
        issued=issued,
        expired=ended["expired"],
        redeemed=ended["redeemed"],
        expired_share=_share(ended["expired"], issued),
        redeemed_share=_share(ended["redeemed"], issued),
        worth=[] if version is None else worth_of(version, outstanding),
        months=[Month(month, kinds) for month, kinds in sorted(months.items())],
    )


def worth_of(program: Program, points: int) -> list[Worth]:
    """Points at the dearest discount that the program gives for them, in each of its currencies."""
    dearest: dict[str, Worth] = {}
    for rule in program.rewards:
        if not rule.cost or rule.discount is None or rule.discount.amount is None:
            continue
        for currency, minor in parse_table(rule.discount.amount).items():
            gives = minor * rule.discount.periods
            best = dearest.get(currency)
            if best is None or gives * best.cost > best.gives_minor * rule.cost:
                amount = points * gives // rule.cost
                dearest[currency] = Worth(currency, amount, rule.id, rule.cost, gives)
    return [dearest[currency] for currency in sorted(dearest)]


def _version(versions: list[Program], program: str, at: int) -> Program | None:
    return in_force([each for each in versions if each.program == program], at)


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole > 0 else 0.0
