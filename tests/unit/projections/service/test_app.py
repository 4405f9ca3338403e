"""What holds for every answer of the service, whatever was asked."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import REGISTRY

from projections.errors import ViewsUnavailable
from projections.service import console
from projections.service.app import build_app
from projections.service.ports import InboxUnavailable, Ports
from projections.service.problems import MEDIA_TYPE, Problem
from projections.service.shell import BODY_BYTES_MAX, Shell
from tests.support.service import client_of, service_ports

PROBES = APIRouter()


@PROBES.get("/v1/probe/{what}")
async def probe(what: str) -> str:
    match what:
        case "broken":
            raise ZeroDivisionError
        case "problem":
            raise Problem(409, "conflict", "Two of it", "One is enough.")
        case "kafka":
            raise InboxUnavailable("Kafka sleeps", 7)
        case "views":
            raise ViewsUnavailable("/secret/path is locked")
        case _:
            return what


@PROBES.post("/v1/probe")
async def take(body: dict[str, int]) -> int:
    return len(body)


@PROBES.get("/console/probe")
async def page() -> str:
    raise Problem(404, "not-found", "No such page")


@pytest.fixture
async def ports(tmp_path: Path) -> AsyncIterator[Ports]:
    async with service_ports(tmp_path) as made:
        yield made


@pytest.fixture
async def client(ports: Ports) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(ports)
    app.include_router(PROBES)
    transport = httpx.ASGITransport(Shell(app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as opened:
        yield opened


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/nothing/here", 404, "not-found"),
        ("GET", "/v1/probe/problem", 409, "conflict"),
        ("GET", "/v1/probe/broken", 500, "broken"),
        ("GET", "/v1/probe/kafka", 503, "unavailable"),
        ("GET", "/v1/probe/views", 503, "unavailable"),
        ("DELETE", "/v1/probe/problem", 405, "method-not-allowed"),
        ("POST", "/v1/probe", 422, "invalid"),
    ],
)
async def test_every_refusal_is_a_problem_document(
    client: httpx.AsyncClient, method: str, path: str, status: int, kind: str
) -> None:
    answer = await client.request(method, path, content=b"nonsense")

    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["type"] == f"urn:cactus:problem:{kind}"
    assert answer.json()["status"] == status
    assert "secret" not in answer.text


async def test_a_refusal_says_where_and_when_to_come_again(client: httpx.AsyncClient) -> None:
    asleep = await client.get("/v1/probe/kafka")
    wrong = await client.post("/v1/probe", json={"points": "many"})
    other = await client.delete("/v1/probe/ok")

    assert asleep.headers["retry-after"] == "7"
    assert wrong.json()["errors"][0]["path"] == "body.points"
    assert other.headers["allow"] == "GET"


async def test_a_page_of_the_console_refuses_for_people(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{console.PREFIX}/probe")

    assert answer.status_code == 404
    assert answer.headers["content-type"] != MEDIA_TYPE


async def test_every_answer_carries_safe_headers(client: httpx.AsyncClient) -> None:
    for path in ("/v1/probe/ok", "/v1/nothing", "/v1/probe/broken"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


async def test_a_body_beyond_the_limit_is_refused_told_or_untold(
    client: httpx.AsyncClient,
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * (BODY_BYTES_MAX // 2)

    told = await client.post("/v1/probe", content=b"x" * (BODY_BYTES_MAX + 1))
    untold = await client.post("/v1/probe", content=chunks())

    assert told.status_code == 413
    assert untold.status_code == 413
    assert untold.json()["type"].endswith("too-large")


async def test_requests_are_counted_by_template_never_by_path(client: httpx.AsyncClient) -> None:
    def counted(route: str, status: int) -> float:
        labels = {"route": route, "method": "GET", "status": str(status)}
        return REGISTRY.get_sample_value("cactus_api_requests_total", labels) or 0.0

    before = counted("/v1/probe/{what}", 200), counted("none", 404)
    await client.get("/v1/probe/one")
    await client.get("/v1/probe/two")
    await client.get("/v1/guessed/path")

    assert counted("/v1/probe/{what}", 200) == before[0] + 2
    assert counted("none", 404) == before[1] + 1


async def test_other_sites_pages_may_ask_only_where_the_settings_say_so(tmp_path: Path) -> None:
    origin = {"Origin": "https://shop.example"}
    async with service_ports(tmp_path) as closed, client_of(closed) as client:
        assert (
            "access-control-allow-origin" not in (await client.get("/v1", headers=origin)).headers
        )
    opened = tmp_path / "opened"
    opened.mkdir()
    async with (
        service_ports(opened, cors_origins=("https://shop.example",)) as ports,
        client_of(ports) as client,
    ):
        answer = await client.get("/v1", headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
