"""Build the service: the API, the console, and one way to refuse."""

from functools import partial

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from projections.access.database import AccessUnavailable
from projections.errors import ViewsError
from projections.service import console
from projections.service.api import build_api
from projections.service.ports import InboxUnavailable, Ports
from projections.service.problems import Fault, Problem, fault_path, invalid, unavailable
from projections.service.reference import show_reference
from projections.service.schema import describe_api
from projections.service.shell import Shell

log = structlog.get_logger(__name__)

REFUSALS = {
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "This cannot be done here"),
    413: ("too-large", "The body is too large"),
}


def build_service(ports: Ports) -> ASGIApp:
    """The whole service, ready to be served."""
    return Shell(build_app(ports))


def build_app(ports: Ports) -> FastAPI:
    """Its routes, without what stands around every request."""
    app = FastAPI(
        title="HelloCactus",
        version="1",
        summary="Points, tiers and rewards of a merchant's customers.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.openapi = partial(describe_api, app)  # type: ignore[method-assign]
    app.include_router(build_api(ports))
    app.add_api_route("/v1/docs", show_reference, include_in_schema=False)
    app.include_router(console.build_console(ports))
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _problem)
    app.add_exception_handler(HTTPException, _problem)
    app.add_exception_handler(InboxUnavailable, _problem)
    app.add_exception_handler(AccessUnavailable, _problem)
    app.add_exception_handler(ViewsError, _problem)
    app.add_exception_handler(Exception, _broken)
    if ports.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(ports.cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match", "Prefer"],
            expose_headers=["ETag", "Retry-After", "RateLimit-Remaining", "RateLimit-Reset"],
        )
    return app


def problem_of(error: Exception) -> Problem:
    """The refusal that an error means."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return invalid(
                [Fault(fault_path(each["loc"]), str(each["msg"])) for each in error.errors()]
            )
        case HTTPException():
            kind, title = REFUSALS.get(error.status_code, ("refused", "This cannot be answered"))
            headers = dict(error.headers or {})
            return Problem(error.status_code, kind, title, str(error.detail), headers=headers)
        case InboxUnavailable():
            return unavailable(str(error), error.retry_after_seconds)
        case ViewsError() | AccessUnavailable():
            log.warning("database_unavailable", error=str(error))
            return unavailable("The database does not answer.")
        case _:
            detail = "It is in our log, and counted."
            return Problem(500, "broken", "Something of ours broke", detail)


async def _problem(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if request.url.path.startswith(console.PREFIX):
        return console.problem_page(request, problem)
    return problem.answer()


async def _broken(request: Request, error: Exception) -> Response:
    """Starlette raises the error again after this answer, so the server logs it."""
    return await _problem(request, error)
