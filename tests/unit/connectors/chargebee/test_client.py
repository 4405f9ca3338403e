"""The client against a server that answers what it is told: SDK defects and error sorting."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.chargebee.client import BadApiUrlError, ChargebeeClient, SiteAccess
from connectors.chargebee.errors import (
    CallNotExecutedError,
    CallRefusedError,
    CallUncertainError,
)
from connectors.chargebee.limits import TokenBucket

PARAMS = {"customer_id": "c1", "amount": 500, "currency_code": "USD", "reference": "r1"}
CREDIT = {
    "id": "pc_1",
    "customer_id": "c1",
    "type": "increment",
    "amount": 500,
    "currency_code": "USD",
    "reference": "r1",
    "created_at": 1700000000,
}
ADDED = {"customer": {"id": "c1"}, "promotional_credit": CREDIT}


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    form: dict[str, list[str]]


@dataclass
class Scripted:
    """Answers in turn; the last one for ever. None breaks the connection after reading."""

    answers: list[tuple[int, Any, dict[str, str]] | None] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    def answer(self, status: int, body: Any, **headers: str) -> None:
        self.answers.append((status, body, headers))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        parts = urlsplit(target)
        form = parse_qs(body.decode())
        self.requests.append(Request(method, parts.path, parse_qs(parts.query), headers, form))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            status, document, extra = answer
            text = document if isinstance(document, str) else json.dumps(document)
            lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in extra.items())
            writer.write(
                f"HTTP/1.1 {status} x\r\n{lines}Content-Length: {len(text)}\r\n\r\n{text}".encode()
            )
            await writer.drain()
        await hang_up(writer)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    scripted = Scripted()
    listening = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield scripted


class Naps:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


def client(port: int, naps: Naps | None = None, **access: Any) -> ChargebeeClient:
    values = {"site": "acme", "api_key": "k", "api_url": f"http://127.0.0.1:{port}", **access}
    sleep = (naps or Naps()).sleep
    time = iter(range(1_000_000))
    bucket = TokenBucket(
        "acme", 60_000, burst=1000, monotonic=lambda: float(next(time)), sleep=sleep
    )
    return ChargebeeClient(SiteAccess(**values), bucket, sleep=sleep)


def refusal(code: str, kind: str | None = "invalid_request") -> dict[str, Any]:
    return {"message": "no", "api_error_code": code} | ({"type": kind} if kind else {})


async def test_a_credit_goes_out_as_a_form_with_our_own_key(server: Scripted) -> None:
    server.answer(200, ADDED)
    credit = await client(server.port).add_promotional_credit(PARAMS, idempotency_key="key-1")
    assert (credit.id, credit.amount_minor, credit.reference) == ("pc_1", 500, "r1")
    [request] = server.requests
    assert request.path == "/api/v2/promotional_credits/add"
    assert request.headers["chargebee-idempotency-key"] == "key-1"
    assert request.form["reference"] == ["r1"]


async def test_events_are_asked_for_oldest_first_and_kept_as_they_are(server: Scripted) -> None:
    event = {"id": "ev_1", "event_type": "x", "content": {"plan": {"cf_Mixed": [1.5, None]}}}
    server.answer(200, {"list": [{"event": event}], "next_offset": '["1"]'})
    page = await client(server.port).list_events(after=1700, offset='["0"]', limit=50)
    assert (page.events, page.next_offset) == ([event], '["1"]')
    assert server.requests[0].query == {
        "limit": ["50"],
        "offset": ['["0"]'],
        "sort_by[asc]": ["occurred_at"],
        "occurred_at[after]": ["1700"],
    }


async def test_the_last_page_has_no_offset(server: Scripted) -> None:
    server.answer(200, {"list": []})
    page = await client(server.port).list_events(after=None)
    assert (page.events, page.next_offset) == ([], None)


async def test_all_pages_of_a_listing_are_walked(server: Scripted) -> None:
    server.answer(200, {"list": [{"promotional_credit": CREDIT}], "next_offset": "o1"})
    server.answer(200, {"list": [{"promotional_credit": {**CREDIT, "id": "pc_2"}}]})
    listing = client(server.port).list_promotional_credits(customer="c1", since=5)
    assert [credit.id async for credit in listing] == ["pc_1", "pc_2"]
    assert server.requests[1].query["offset"] == ["o1"]


async def test_a_write_is_never_repeated_by_the_client(server: Scripted) -> None:
    server.answer(500, refusal("internal_error", "operation_failed"))
    with pytest.raises(CallUncertainError):
        await client(server.port).add_promotional_credit(PARAMS, idempotency_key="k")
    assert len(server.requests) == 1


async def test_a_read_is_repeated_and_waits_as_long_as_it_is_told(server: Scripted) -> None:
    server.answer(429, refusal("api_request_limit_exceeded", None), Retry_After="7")
    server.answer(500, "<html>bad gateway</html>")
    server.answer(200, {"subscription": {"id": "s1", "status": "active"}, "customer": {"id": "c1"}})
    naps = Naps()
    found = await client(server.port, naps).retrieve_subscription("s1")
    assert found.id == "s1"
    assert any(7 <= seconds <= 7 * 1.25 for seconds in naps.seconds)


async def test_a_read_gives_up_in_the_end(server: Scripted) -> None:
    server.answer(500, "gone")
    with pytest.raises(CallUncertainError):
        await client(server.port).retrieve_subscription("s1")
    assert len(server.requests) == 4


async def test_a_429_without_a_type_and_without_a_header_waits_a_minute(server: Scripted) -> None:
    server.answer(429, refusal("api_request_limit_exceeded", None))
    with pytest.raises(CallNotExecutedError) as raised:
        await client(server.port).add_promotional_credit(PARAMS, idempotency_key="k")
    assert 60 <= raised.value.retry_after <= 75


async def test_a_429_holds_the_whole_site_back(server: Scripted) -> None:
    server.answer(429, refusal("api_request_limit_exceeded", None), Retry_After="30")
    server.answer(200, ADDED)
    naps = Naps()
    site = client(server.port, naps)
    with pytest.raises(CallNotExecutedError):
        await site.add_promotional_credit(PARAMS, idempotency_key="k")
    await site.add_promotional_credit(PARAMS, idempotency_key="k")
    assert sum(naps.seconds) > 20


async def test_a_lock_on_one_resource_holds_nobody_else_back(server: Scripted) -> None:
    server.answer(429, refusal("lock_timeout", None))
    server.answer(200, ADDED)
    naps = Naps()
    site = client(server.port, naps)
    with pytest.raises(CallNotExecutedError):
        await site.add_promotional_credit(PARAMS, idempotency_key="k")
    await site.add_promotional_credit(PARAMS, idempotency_key="k")
    assert naps.seconds == []


async def test_how_long_a_429_without_a_header_holds_back_can_be_set(server: Scripted) -> None:
    server.answer(429, refusal("api_request_limit_exceeded", None))
    with pytest.raises(CallNotExecutedError) as raised:
        await client(server.port, throttled_seconds=2.0).add_promotional_credit(
            PARAMS, idempotency_key="k"
        )
    assert 2 <= raised.value.retry_after <= 2.5


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, refusal("param_wrong_value"), CallRefusedError),
        (400, refusal("resource_limit_exhausted"), CallRefusedError),
        (404, refusal("resource_not_found"), CallRefusedError),
        (409, refusal("invalid_state_for_request"), CallRefusedError),
        (401, refusal("api_authentication_failed"), CallNotExecutedError),
        (403, refusal("api_authorization_failed"), CallNotExecutedError),
        (429, refusal("lock_timeout", None), CallNotExecutedError),
        (409, refusal("lock_timeout"), CallNotExecutedError),
        (500, refusal("internal_error", "operation_failed"), CallUncertainError),
        (503, "<html>503 Service Unavailable</html>", CallUncertainError),
        (404, "<html>not a Chargebee</html>", CallUncertainError),
        (400, {"error": "not a Chargebee"}, CallUncertainError),
        (200, "not JSON", CallUncertainError),
        (200, {"customer": {"id": "c1"}}, CallUncertainError),
        (200, [], CallUncertainError),
    ],
)
async def test_what_an_answer_says_about_the_effect(
    server: Scripted, status: int, body: Any, kind: type[Exception]
) -> None:
    server.answer(status, body)
    with pytest.raises(kind):
        await client(server.port).add_promotional_credit(PARAMS, idempotency_key="k")


async def test_a_connection_that_breaks_after_sending_leaves_doubt(server: Scripted) -> None:
    server.answers.append(None)
    with pytest.raises(CallUncertainError):
        await client(server.port).add_promotional_credit(PARAMS, idempotency_key="k")


async def test_a_server_that_nobody_reaches_leaves_no_doubt(server: Scripted) -> None:
    unused = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = unused.sockets[0].getsockname()[1]
    unused.close()
    await unused.wait_closed()
    with pytest.raises(CallNotExecutedError):
        await client(port).add_promotional_credit(PARAMS, idempotency_key="k")


async def test_a_slow_answer_is_abandoned_and_leaves_doubt() -> None:
    gone = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        await hang_up(writer)
        gone.set()

    listening = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        slow = client(port, read_seconds=0.2)
        with pytest.raises(CallUncertainError):
            await slow.add_promotional_credit(PARAMS, idempotency_key="k")
        async with asyncio.timeout(10):
            await gone.wait()


async def test_a_coupon_is_added_to_those_the_subscription_has(server: Scripted) -> None:
    server.answer(200, {"subscription": {"id": "s 1"}, "customer": {"id": "c1"}})
    await client(server.port).apply_coupon("s 1", "five-off", idempotency_key="k")
    [request] = server.requests
    assert request.path == "/api/v2/subscriptions/s%201/update_for_items"
    assert request.form == {"coupon_ids[0]": ["five-off"], "replace_coupon_list": ["false"]}


async def test_coupons_that_invoices_used_up_are_found_on_either_level(server: Scripted) -> None:
    invoice = {
        "id": "i1",
        "discounts": [{"entity_type": "document_level_coupon", "entity_id": "a"}],
        "line_item_discounts": [{"coupon_id": "b", "entity_id": "b"}],
    }
    server.answer(200, {"list": [{"invoice": invoice}]})
    assert await client(server.port).list_invoiced_coupons("s1", since=9) == {"a", "b"}
    assert server.requests[0].query["date[after]"] == ["9"]


async def test_the_key_is_not_shown_when_access_is_printed() -> None:
    assert "secret" not in repr(SiteAccess(site="acme", api_key="secret"))


@pytest.mark.parametrize(
    "api_url",
    [
        "http://chargebee.example",
        "http://10.0.0.1:8000",
        "http://127.0.0.1.example",
        "ftp://127.0.0.1",
        "127.0.0.1:8000",
    ],
)
def test_plain_http_leads_nowhere_but_to_this_machine(api_url: str) -> None:
    with pytest.raises(BadApiUrlError):
        client(0, api_url=api_url)


@pytest.mark.parametrize(
    ("api_url", "address"),
    [
        ("", "https://acme.chargebee.com/api/v2"),
        ("http://localhost:1/", "http://localhost:1/api/v2"),
        ("http://[::1]:1/api/v2", "http://[::1]:1/api/v2"),
        ("https://billing.example", "https://billing.example/api/v2"),
    ],
)
def test_the_address_of_the_api(api_url: str, address: str) -> None:
    assert client(0, api_url=api_url)._sdk.env.api_endpoint == address
