"""Put the pages together, and answer what goes wrong outside of them."""

from fastapi import APIRouter, Request
from markupsafe import escape
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from projections.access.people import People
from projections.access.sessions import Sessions
from projections.service.console.addresses import HOME, PREFIX
from projections.service.console.customers import Customers
from projections.service.console.dead_letters import DeadLetterPages
from projections.service.console.door import Door
from projections.service.console.files import StaticFiles
from projections.service.console.gate import Gate, Page
from projections.service.console.overview import Overview
from projections.service.console.people_pages import PeoplePages
from projections.service.console.points import Points
from projections.service.console.programs import Programs
from projections.service.console.rendering import Rendering, guarded
from projections.service.console.rewards import Rewards
from projections.service.ports import Ports
from projections.service.problems import Problem


def build_console(ports: Ports) -> APIRouter:
    """Every page and file of the console."""
    files = StaticFiles()
    people = People(ports.access, ports.wall, ports.hasher)
    sessions = Sessions(ports.access, ports.wall)
    rendering = Rendering(ports.clock, ports.wall, ports.environment, files)
    gate = Gate(sessions, rendering)
    router = APIRouter(include_in_schema=False)
    routes = gate.routes(every_page(ports, people, sessions))
    routes.append(Route(f"{PREFIX}/static/{{name}}", files.endpoint(), methods=["GET"]))
    routes.append(Route(PREFIX, _home, methods=["GET"]))
    for route in routes:
        router.add_route(route.path, route.endpoint, methods=sorted(route.methods or ()))
    return router


def every_page(ports: Ports, people: People, sessions: Sessions) -> list[Page]:
    """In the order of the menu."""
    return [
        *Door(people, sessions, secure_cookies=ports.secure_cookies).pages(),
        *Overview(ports, sessions).pages(),
        *Customers(ports).pages(),
        *Programs(ports).pages(),
        *Rewards(ports).pages(),
        *Points(ports).pages(),
        *DeadLetterPages(ports).pages(),
        *PeoplePages(ports, people).pages(),
    ]


async def _home(_request: Request) -> Response:
    return RedirectResponse(HOME, 308)


def problem_page(request: Request, problem: Problem) -> Response:
    """A refusal from outside of any page, such as an address that leads nowhere."""
    del request
    title, detail = escape(problem.title), escape(problem.detail)
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{PREFIX}/static/console.css"></head><body class="door">'
        f'<main class="card"><h1>{title}</h1><p>{detail}</p>'
        f'<p><a class="button" href="{HOME}">To the console</a></p></main></body></html>'
    )
    return guarded(HTMLResponse(text, problem.status, headers=problem.headers))
