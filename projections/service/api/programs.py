"""The published programs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from projections.service.answers import answer
from projections.service.api.describing import said
from projections.service.api.documents import (
    ProgramLine,
    ProgramList,
    ProgramName,
    ProgramVersion,
)
from projections.service.api.parameters import ProgramId, SiteParameters, VersionNumber
from projections.service.gate import Caller, Gate
from projections.service.ports import Ports
from projections.service.problems import not_found, offered
from schemas.program.model import Program


def build_programs(ports: Ports, gate: Gate) -> APIRouter:
    router = APIRouter(tags=["programs"])
    read = Annotated[Caller, Depends(gate.allow("read"))]

    @router.get("/programs", **said("read", ProgramList))
    async def list_programs(request: Request, caller: read, _query: SiteParameters) -> Response:
        """Every version that was published."""
        versions = await offered(ports.programs).versions(caller.site)
        held = in_force(versions, ports.clock())
        name = None if held is None else ProgramName(held.program, held.version)
        return answer(request, ProgramList(items=[_line(each) for each in versions], in_force=name))

    @router.get("/programs/{program}/versions/{version}", **said("read", ProgramVersion))
    async def show_version(
        request: Request,
        caller: read,
        program: ProgramId,
        version: VersionNumber,
        _query: SiteParameters,
    ) -> Response:
        """One version: what it promises, in words, and as it is stored."""
        book = offered(ports.programs)
        for each in await book.versions(caller.site):
            if (each.program, each.version) == (program, version):
                return answer(
                    request,
                    ProgramVersion(
                        program=each.program,
                        version=each.version,
                        effective_at=each.effective_at(),
                        retired=each.retired,
                        words=await book.words(each),
                        document=each.document(),
                    ),
                )
        raise not_found(f"{program} has no version {version}.")

    return router


def in_force(versions: list[Program], at: int) -> Program | None:
    """The version that holds at an instant: the one that took effect last."""
    started = [each for each in versions if each.effective_at() <= at]
    return max(started, key=lambda each: (each.effective_at(), each.version), default=None)


def _line(program: Program) -> ProgramLine:
    return ProgramLine(
        program=program.program,
        version=program.version,
        effective_at=program.effective_at(),
        retired=program.retired,
    )
