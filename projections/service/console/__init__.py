"""The console: pages for people, rendered on the server."""

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from projections.service.ports import Ports
from projections.service.problems import Problem

PREFIX = "/console"


def build_console(ports: Ports) -> APIRouter:
    """Every page. Its files under `static/` are served by the service."""
    del ports
    return APIRouter(prefix=PREFIX, include_in_schema=False)


def problem_page(request: Request, problem: Problem) -> Response:
    """A refusal as a person reads it."""
    del request
    text = f"{problem.title}. {problem.detail}"
    return PlainTextResponse(text, problem.status, headers=problem.headers)
