"""Who may ask: every route held against every kind of caller, and how often."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from fastapi.routing import APIRoute
from prometheus_client import REGISTRY
from sqlalchemy import event, select

from projections.access.database import access
from projections.access.keys import SCOPES, Scope, revoke_key, split_key
from projections.access.tables import api_keys
from projections.service.api import build_api
from projections.service.app import build_app
from projections.service.gate import BELIEVED_SECONDS
from projections.service.ports import Limits, Ports
from tests.support.engine import sample_program
from tests.support.service import World, bearer, client_of, key_for, service_ports, small_world
from tests.support.story import CUSTOMER, T0, adjusted
from tests.support.year import SITE

HER = f"/v1/customers/{CUSTOMER}"
WHY = {"actor": "ann", "reason": "asked"}
GIFT = WHY | {"id": "g", "points": 1}
EVENT = {"id": "e", "customer": CUSTOMER, "name": "n"}

Ask = tuple[str, str, dict[str, Any] | None, Scope]
TABLE: dict[tuple[str, str], Ask] = {
    ("GET", "/v1/customers/{customer}"): ("GET", HER, None, "read"),
    ("GET", "/v1/customers/{customer}/entries"): ("GET", f"{HER}/entries", None, "read"),
    ("GET", "/v1/customers/{customer}/entries/{sequence}"): (
        "GET", f"{HER}/entries/1", None, "read",
    ),
    ("GET", "/v1/customers/{customer}/entries/{sequence}/explanation"): (
        "GET", f"{HER}/entries/1/explanation", None, "read",
    ),
    ("GET", "/v1/customers/{customer}/lots"): ("GET", f"{HER}/lots", None, "read"),
    ("GET", "/v1/customers/{customer}/rewards"): ("GET", f"{HER}/rewards", None, "read"),
    ("GET", "/v1/customers/{customer}/export"): ("GET", "/v1/customers/c/export", None, "read"),
    ("GET", "/v1/liability"): ("GET", "/v1/liability", None, "read"),
    ("GET", "/v1/programs"): ("GET", "/v1/programs", None, "read"),
    ("GET", "/v1/programs/{program}/versions/{version}"): (
        "GET", "/v1/programs/spikes/versions/1", None, "read",
    ),
    ("GET", "/v1/search"): ("GET", "/v1/search?q=an", None, "read"),
    ("POST", "/v1/events"): ("POST", "/v1/events", EVENT, "events:write"),
    ("POST", "/v1/customers/{customer}/adjustments"): (
        "POST", f"{HER}/adjustments", GIFT, "adjustments:write",
    ),
    ("POST", "/v1/customers/{customer}/redemptions"): (
        "POST", f"{HER}/redemptions", {"id": "r", "reward": "x"}, "redemptions:write",
    ),
    ("POST", "/v1/customers/{customer}/redemptions/{redemption}/cancellation"): (
        "POST", f"{HER}/redemptions/r/cancellation", WHY, "redemptions:write",
    ),
    ("POST", "/v1/customers/{customer}/erasure"): (
        "POST", f"{HER}/erasure", WHY, "erasure:write",
    ),
}  # fmt: skip
"""One request that a route grants to who may, for every route of the API."""

PUBLIC = {"/v1/openapi.json", "/v1/docs"}


def routes_of(ports: Ports) -> Iterator[tuple[str, str]]:
    """What the service really answers under /v1."""
    for path, operations in build_app(ports).openapi()["paths"].items():
        for method in operations:
            yield method.upper(), path


async def ask(
    client: httpx.AsyncClient, wanted: Ask, key: str | None, **params: str
) -> httpx.Response:
    method, path, body, _ = wanted
    headers = {} if key is None else bearer(key)
    url = httpx.URL(path)
    return await client.request(method, url.copy_merge_params(params), json=body, headers=headers)


async def test_the_table_holds_every_route_and_no_other(world: World) -> None:
    assert set(routes_of(world.ports)) == set(TABLE)
    every = {
        route.path
        for route in build_api(world.ports).routes
        if isinstance(route, APIRoute) and not route.include_in_schema
    }
    assert every == set(), "a route that the document does not show escapes the table"


async def test_every_route_is_held_against_every_kind_of_caller(tmp_path: Path) -> None:
    limits = Limits(refusals_per_minute=10_000)
    async with small_world(tmp_path, limits=limits) as world, client_of(world.ports) as client:
        await world.engine.send(adjusted("gift", 50, T0))
        ports = world.ports
        now = world.watch.now
        for wanted in TABLE.values():
            scope = wanted[3]
            others = [each for each in SCOPES if each not in {scope, "admin"}]
            right = await key_for(ports, scope)
            expired = await key_for(ports, scope, expires_at=now)
            revoked = await key_for(ports, scope)
            async with access(ports.access) as connection:
                await revoke_key(connection, revoked.split("_")[1], now)
            answers = {
                "no key": (await ask(client, wanted, None), 401),
                "nonsense": (await ask(client, wanted, "nonsense"), 401),
                "wrong secret": (await ask(client, wanted, right[:-1] + "!"), 401),
                "expired": (await ask(client, wanted, expired), 401),
                "revoked": (await ask(client, wanted, revoked), 401),
                "wrong scope": (await ask(client, wanted, await key_for(ports, *others)), 403),
                "wrong site": (await ask(client, wanted, right, site="other"), 403),
                "another site's": (
                    await ask(client, wanted, await key_for(ports, scope, site="other"), site=SITE),
                    403,
                ),
                "right": (await ask(client, wanted, right), 200),
                "admin": (await ask(client, wanted, await key_for(ports, "admin")), 200),
                "every site's": (
                    await ask(client, wanted, await key_for(ports, scope, site="*"), site=SITE),
                    200,
                ),
            }
            for who, (answer, status) in answers.items():
                got = 200 if answer.status_code == 202 else answer.status_code
                assert got == status, (wanted, who, answer.text)
                if status >= 400:
                    assert answer.headers["content-type"] == "application/problem+json"


async def test_another_sites_customer_is_unknown(tmp_path: Path) -> None:
    async with small_world(tmp_path) as world, client_of(world.ports) as client:
        await world.engine.send(adjusted("gift", 50, T0))
        stranger = await key_for(world.ports, "read", site="other")
        assert (await client.get(HER, headers=bearer(stranger))).status_code == 404


async def test_what_is_public_is_the_description_alone(tmp_path: Path) -> None:
    async with service_ports(tmp_path) as ports, client_of(ports) as client:
        for path in PUBLIC:
            answer = await client.get(path)
            assert answer.status_code == 200
        page = (await client.get("/v1/docs")).text
        assert "<script" not in page
        assert "adjustments:write" in page


async def test_a_key_of_all_sites_must_say_which_where_there_are_several(tmp_path: Path) -> None:
    async with small_world(tmp_path) as world:
        ports = replace(world.ports, sites=(SITE, "other"))
        key = await key_for(ports, "read", site="*")
        async with client_of(ports, headers=bearer(key)) as client:
            silent = await client.get("/v1/programs")
            wrong = await client.get("/v1/programs", params={"site": "third"})
            assert silent.status_code == wrong.status_code == 422
            assert silent.json()["errors"][0]["path"] == "query.site"


async def test_a_revocation_is_felt_when_belief_ends(world: World) -> None:
    key = await key_for(world.ports, "read")
    assert (await world.client.get("/v1/programs", headers=bearer(key))).status_code == 200
    parts = split_key(key)
    assert parts is not None
    async with access(world.ports.access) as connection:
        await revoke_key(connection, parts[0], world.watch.now)

    world.time_is(world.watch.now + BELIEVED_SECONDS)
    answer = await world.client.get("/v1/programs", headers=bearer(key))
    assert answer.status_code == 401
    assert "revoked" in answer.json()["detail"]


async def test_a_key_that_runs_out_is_refused_at_once(world: World) -> None:
    key = await key_for(world.ports, "read", expires_at=world.watch.now + 10)
    assert (await world.client.get("/v1/programs", headers=bearer(key))).status_code == 200
    world.time_is(world.watch.now + 10)
    assert (await world.client.get("/v1/programs", headers=bearer(key))).status_code == 401


async def test_neither_the_key_nor_its_secret_is_kept_or_told(world: World) -> None:
    key, guessed = await key_for(world.ports, "read"), await key_for(world.ports, "read")
    await world.client.get("/v1/programs", headers=bearer(key))
    await world.client.get("/v1/programs", headers=bearer(guessed[:-1] + "!"))
    async with access(world.ports.access) as connection:
        rows = (await connection.execute(select(api_keys))).all()
    secret = key.split("_")[2]
    assert secret not in repr(rows)
    used = {row.key_id: row.last_used_at for row in rows}
    assert used[key.split("_")[1]] == world.watch.now
    assert used[guessed.split("_")[1]] is None  # a guess is no use


async def test_too_many_requests_are_told_when_to_come_again(tmp_path: Path) -> None:
    limits = Limits(requests_per_minute=3, writes_per_minute=1)
    async with small_world(tmp_path, limits=limits) as world:
        left = [
            (await world.client.get("/v1/programs")).headers["ratelimit-remaining"]
            for _ in range(3)
        ]
        assert left == ["2", "1", "0"]
        refused = await world.client.get("/v1/programs")
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        first = await world.client.post("/v1/events", json=EVENT)
        second = await world.client.post("/v1/events", json=EVENT)
        assert (first.status_code, second.status_code) == (202, 429)


async def test_who_guesses_keys_is_stopped_and_others_go_on(tmp_path: Path) -> None:
    async with small_world(tmp_path, limits=Limits(refusals_per_minute=3)) as world:
        assert (await world.client.get("/v1/programs")).status_code == 200
        guess = "hc_aaaaaaaa_" + "b" * 32
        statuses = [
            (await world.client.get("/v1/programs", headers=bearer(guess))).status_code
            for _ in range(5)
        ]
        assert statuses == [401, 401, 401, 429, 429]
        # Who was found good a moment ago is not kept waiting by a neighbour's guesses.
        assert (await world.client.get("/v1/programs")).status_code == 200


async def test_refusals_are_counted_by_reason(world: World) -> None:
    def counted(reason: str) -> float:
        labels = {"reason": reason}
        return REGISTRY.get_sample_value("cactus_api_refusals_total", labels) or 0.0

    before = {reason: counted(reason) for reason in ("no_key", "scope", "site")}
    only_events = await key_for(world.ports, "events:write")
    async with client_of(world.ports) as client:
        await client.get("/v1/programs")
        await client.get("/v1/programs", headers=bearer(only_events))
        await client.get("/v1/programs", headers=bearer(await key_for(world.ports, "read")),
                         params={"site": "other"})  # fmt: skip
    assert {reason: counted(reason) - was for reason, was in before.items()} == {
        "no_key": 1, "scope": 1, "site": 1,
    }  # fmt: skip


async def test_two_sites_of_one_engine_do_not_mix(tmp_path: Path) -> None:
    async with small_world(tmp_path) as world:
        await world.engine.publish(sample_program("other"))
        ports = replace(world.ports, sites=(SITE, "other"))
        key = await key_for(ports, "read", site="other")
        async with client_of(ports, headers=bearer(key)) as client:
            [program] = (await client.get("/v1/programs")).json()["items"]
            assert program["program"] == "spikes"
            assert (await client.get("/v1/liability")).json()["site"] == "other"


async def test_many_that_ask_at_once_are_looked_up_once(world: World) -> None:
    key = await key_for(world.ports, "read")
    statements: list[str] = []

    @event.listens_for(world.ports.access.sync_engine, "before_cursor_execute")
    def note(*given: object) -> None:
        statements.append(str(given[2]))

    answers = await asyncio.gather(
        *(world.client.get("/v1/programs", headers=bearer(key)) for _ in range(20))
    )
    assert {each.status_code for each in answers} == {200}
    assert len([each for each in statements if each.startswith("SELECT")]) == 1
