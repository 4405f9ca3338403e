"""Signing in and out, one-time passwords, and what happens to who guesses."""

import httpx
import pytest

from projections.access.people import People
from projections.service.console.gate import own_address
from tests.support.console import PASSWORD, sign_in, token_in
from tests.support.service import QUICK
from tests.unit.projections.service.console.conftest import Console

NEW = "a handful of other words"


async def try_to_sign_in(
    client: httpx.AsyncClient, name: str, password: str, **fields: str
) -> httpx.Response:
    door = await client.get("/console/sign-in")
    form = {"name": name, "password": password, "csrf": token_in(door.text), **fields}
    return await client.post("/console/sign-in", data=form)


async def test_signing_in_leads_to_the_page_that_was_asked_for(console: Console) -> None:
    client = await console.anonymous()
    asked = await client.get("/console/customer?site=acme-test&customer=c1")
    wanted = asked.headers["location"]
    assert wanted.startswith("/console/sign-in?next=")
    door = await client.get(wanted)
    form = {
        "name": "Vera ",
        "password": PASSWORD,
        "csrf": token_in(door.text),
        "next": "/console/customer?site=acme-test&customer=c1",
    }
    answer = await client.post("/console/sign-in", data=form)
    assert answer.headers["location"] == "/console/customer?site=acme-test&customer=c1"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/console/",
        "//evil.example/console/",
        "/\\evil.example",
        "/v1/customers",
        "javascript:alert(1)",
        "/console/\nX: y",
        "/consoleX",
    ],
)
def test_signing_in_never_leads_elsewhere(wanted: str) -> None:
    assert own_address(wanted) == "/console/"


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(console: Console) -> None:
    client = await console.anonymous()
    answer = await try_to_sign_in(client, "vera", PASSWORD)
    cookie = next(
        c for c in answer.headers.get_list("set-cookie") if c.startswith("cactus_session")
    )
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/console" in cookie
    assert "Secure" in cookie


async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(console: Console) -> None:
    client = await console.anonymous()
    name = await try_to_sign_in(client, "nobody", "whatever it is")
    password = await try_to_sign_in(client, "vera", "whatever it is")
    assert name.status_code == password.status_code == 401
    assert "The name or the password is not right." in name.text
    assert "The name or the password is not right." in password.text


async def test_who_guesses_is_stopped_and_others_are_not(console: Console) -> None:
    guesser = await console.anonymous()
    for _ in range(5):
        assert (await try_to_sign_in(guesser, "vera", "guess")).status_code == 401
    stopped = await try_to_sign_in(guesser, "vera", PASSWORD)
    assert stopped.status_code == 429
    assert int(stopped.headers["retry-after"]) > 0
    assert (await try_to_sign_in(guesser, "otto", PASSWORD)).status_code == 303


async def test_a_one_time_password_opens_nothing_until_it_is_changed(console: Console) -> None:
    once = await People(console.ports.access, console.ports.wall, QUICK).add("newt", "admin")
    client = await console.anonymous()
    answer = await try_to_sign_in(client, "newt", once)
    assert answer.headers["location"] == "/console/password"
    refused = await client.get("/console/people")
    assert (refused.status_code, refused.headers["location"]) == (303, "/console/password")

    token = token_in((await client.get("/console/password")).text)
    form = {"csrf": token, "old": once, "new": NEW, "again": NEW}
    changed = await client.post("/console/password", data=form)
    assert changed.headers["location"] == "/console/"
    assert (await client.get("/console/people")).status_code == 200
    assert (await try_to_sign_in(await console.anonymous(), "newt", once)).status_code == 401


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        (PASSWORD, NEW, "another", "differ"),
        ("wrong", NEW, NEW, "not your present"),
        (PASSWORD, "short", "short", "at least 12"),
        (PASSWORD, PASSWORD, PASSWORD, "is the old one"),
        (PASSWORD, "i am vera the viewer", "i am vera the viewer", "easy to guess"),
        (PASSWORD, "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "easy to guess"),
    ],
)
async def test_a_bad_change_of_password_says_why(
    console: Console, old: str, new: str, again: str, said: str
) -> None:
    client = await console.as_("viewer")
    answer = await console.post(client, "/password", old=old, new=new, again=again)
    assert answer.status_code == 422
    assert said in answer.text
    await sign_in(await console.anonymous(), "vera")


async def test_a_change_of_password_signs_out_everywhere_else(console: Console) -> None:
    elsewhere = await console.as_("viewer")
    here = await console.as_("viewer")
    await console.post(here, "/password", old=PASSWORD, new=NEW, again=NEW)
    assert (await here.get("/console/")).status_code == 200
    assert (await elsewhere.get("/console/")).status_code == 303


async def test_signing_out_ends_the_session_not_only_the_cookie(console: Console) -> None:
    client = await console.as_("viewer")
    cookies = dict(client.cookies)
    await console.post(client, "/sign-out")
    client.cookies.update(cookies)
    assert (await client.get("/console/")).status_code == 303


async def test_who_is_disabled_is_out_at_once(console: Console) -> None:
    client = await console.as_("viewer")
    await People(console.ports.access, console.ports.wall, QUICK).disable("vera")
    assert (await client.get("/console/")).status_code == 303
    assert (await try_to_sign_in(client, "vera", PASSWORD)).status_code == 401
