"""Who may open what: every route against everybody, and forms that prove where they come from."""

from typing import get_args

import httpx
import pytest
from starlette.routing import Route

from projections.access.people import Role
from projections.service.console import PREFIX
from projections.service.console.assembly import build_console
from tests.support.console import token_in
from tests.unit.projections.service.console.conftest import Console

ANYONE = {"GET /sign-in", "POST /sign-in", "GET /static/{name}", "GET "}
PERSON = {"POST /sign-out", "GET /password", "POST /password"}
VIEWER = {
    "GET /",
    "GET /live",
    "GET /find",
    "GET /customers",
    "GET /customer",
    "GET /entry",
    "GET /programs",
    "GET /program",
    "GET /rewards",
    "GET /reward",
    "GET /points",
    "GET /dead-letters",
    "GET /decisions",
}
OPERATOR = {
    "GET /export",
    "GET /program/draft",
    "POST /program/draft",
    "POST /reward/retry",
    "POST /reward/resolve",
    "POST /reward/cancel",
    "POST /rewards/pause",
    "POST /rewards/resume",
    "GET /dead-letter",
    "POST /dead-letter/replay",
    "POST /dead-letter/discard",
}
ADMIN = {
    "POST /erase",
    "POST /program/publish",
    "GET /people",
    "POST /people/add",
    "POST /people/renew",
    "POST /people/disable",
    "POST /people/enable",
}
ROLES: tuple[Role, ...] = get_args(Role)
ENDLESS = "GET /live"


def needed(route: str) -> int:
    """How far up the roles one must be: 0 is nobody in particular, 1 any person signed in."""
    for level, routes in enumerate((ANYONE, PERSON | VIEWER, OPERATOR, ADMIN)):
        if route in routes:
            return level
    raise AssertionError(f"{route} is not in the table: say here who may take it")


def routes_of(console: Console) -> list[str]:
    return [
        f"{method} {route.path.removeprefix(PREFIX)}"
        for route in build_console(console.ports).routes
        if isinstance(route, Route)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


async def ask(client: httpx.AsyncClient, route: str, token: str) -> httpx.Response:
    method, path = route.split(" ")
    form = {"csrf": token} if method == "POST" else None
    url = f"{PREFIX}{path}".replace("{name}", "console.css")
    return await client.request(method, url, data=form)


async def test_every_route_is_in_the_table_and_no_other(console: Console) -> None:
    assert sorted(routes_of(console)) == sorted(ANYONE | PERSON | VIEWER | OPERATOR | ADMIN)


async def test_who_is_not_signed_in_is_sent_to_the_door(console: Console) -> None:
    client = await console.anonymous()
    for route in routes_of(console):
        answer = await ask(client, route, "guessed")
        if needed(route):
            assert answer.status_code == 303, route
            assert answer.headers["location"].startswith("/console/sign-in"), route


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_take_its_routes_and_no_others(console: Console, role: Role) -> None:
    client = await console.as_(role)
    level = ROLES.index(role) + 1
    for route in routes_of(console):
        if route in {ENDLESS, "POST /sign-in", "POST /sign-out"}:
            continue
        answer = await ask(client, route, console.token)
        if needed(route) > level:
            assert answer.status_code == 403, route
            assert "this takes the role" in answer.text
        else:
            # What the form or the address lacks is another matter than who asks.
            assert answer.status_code not in {401, 403, 500}, (route, answer.text)


@pytest.mark.parametrize("path", ["/sign-out", "/password", "/people/add", "/erase"])
async def test_a_form_without_its_token_changes_nothing(console: Console, path: str) -> None:
    client = await console.as_("admin")
    for token in ("", "guessed"):
        answer = await client.post(f"/console{path}", data={"csrf": token, "name": "mallory"})
        assert answer.status_code == 403
        assert "out of date" in answer.text
    assert (await client.get("/console/people")).status_code == 200


async def test_a_form_from_another_site_changes_nothing(console: Console) -> None:
    client = await console.as_("admin")
    form = {"csrf": console.token, "name": "mallory", "role": "admin"}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await client.post("/console/people/add", data=form, headers=headers)
        assert answer.status_code == 403
        assert "another site" in answer.text
    assert "mallory" not in (await client.get("/console/people")).text


async def test_the_token_of_one_session_is_worth_nothing_in_another(console: Console) -> None:
    await console.as_("admin")
    stolen = console.token
    client = await console.as_("operator")
    answer = await client.post("/console/sign-out", data={"csrf": stolen})
    assert answer.status_code == 403


async def test_only_small_forms_are_taken(console: Console) -> None:
    client = await console.as_("operator")
    large = await client.post("/console/program/draft", data={"text": "x" * 600_000})
    file = await client.post("/console/program/draft", files={"text": b"x"})
    assert (large.status_code, file.status_code) == (413, 415)


async def test_htmx_is_told_where_to_go_to_sign_in(console: Console) -> None:
    client = await console.anonymous()
    answer = await client.get("/console/entry?sequence=1", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/console/sign-in"


async def test_every_page_keeps_browsers_to_our_own_files(console: Console) -> None:
    client = await console.as_("admin")
    for route in routes_of(console):
        if not route.startswith("GET") or "{" in route or route == ENDLESS:
            continue
        answer = await ask(client, route, "")
        if "html" not in answer.headers.get("content-type", ""):
            continue
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy, route
        assert "unsafe" not in policy, route
        assert "<style" not in answer.text, route
        assert " style=" not in answer.text, route
        assert "<script>" not in answer.text, route
        assert " onclick" not in answer.text, route
        assert answer.headers["cache-control"] == "no-store"


async def test_an_unknown_page_and_an_unknown_file_are_not_found(console: Console) -> None:
    client = await console.anonymous()
    assert (await client.get("/console/nowhere")).status_code == 404
    assert (await client.get("/console/static/..%2Fgate.py")).status_code == 404
    assert (await client.get("/console/static/README.md")).status_code == 404


async def test_the_door_has_a_token_of_its_own(console: Console) -> None:
    client = await console.anonymous()
    door = await client.get("/console/sign-in")
    client.cookies.clear()
    form = {"name": "ada", "password": "x", "csrf": token_in(door.text)}
    assert (await client.post("/console/sign-in", data=form)).status_code == 403
