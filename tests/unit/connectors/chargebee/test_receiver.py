"""The door for webhooks, asked over HTTP in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext

import httpx
import pytest
from prometheus_client import REGISTRY

from connectors.capacity import Capacity
from connectors.chargebee.gate import Gate
from connectors.chargebee.intake import BODY_BYTES_MAX
from connectors.chargebee.receiver import Receiver, build_receiver
from connectors.publish import (
    BrokerUnavailableError,
    PublisherFullError,
    RecordTooLargeError,
)
from tests.support import chargebee as cb
from tests.support.publisher import InMemoryPublisher

AUTH = ("hook", "secret")
JSON = {"content-type": "application/json;charset=utf-8"}
NOW = 1_764_600_000


@pytest.fixture
def publisher() -> InMemoryPublisher:
    return InMemoryPublisher()


@pytest.fixture
def capacity() -> Capacity:
    return Capacity(count_max=3, bytes_max=2 * BODY_BYTES_MAX)


@pytest.fixture
async def client(
    publisher: InMemoryPublisher, capacity: Capacity
) -> AsyncIterator[httpx.AsyncClient]:
    receiver = Receiver(
        Gate({"acme-test": ["hook:secret"]}),
        publisher,
        lambda: NOW,
        capacity=capacity,
        body_seconds_max=0.05,
    )
    transport = httpx.ASGITransport(build_receiver(receiver))
    async with httpx.AsyncClient(transport=transport, base_url="http://door", auth=AUTH) as client:
        yield client


def counted(outcome: str) -> float:
    value = REGISTRY.get_sample_value("cactus_webhook_requests_total", {"outcome": outcome})
    return value or 0.0


async def post(
    client: httpx.AsyncClient, content: bytes, site: str = "acme-test", **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(f"/webhooks/{site}", content=content, headers=JSON | named)


async def test_an_event_is_published_as_received(
    client: httpx.AsyncClient, publisher: InMemoryPublisher, capacity: Capacity
) -> None:
    body = b" " + cb.body(cb.payment_succeeded()) + b"\n"
    answer = await post(client, body)
    assert (answer.status_code, answer.json()) == (200, {"accepted": "ev_1"})
    (record,) = publisher.records
    assert record.value == body
    assert record.key == b"acme-test:cust_1"
    assert record.headers == {
        "site": "acme-test",
        "source": "webhook",
        "received_at": str(NOW),
    }
    assert (capacity.count, capacity.bytes) == (0, 0)


async def test_an_event_about_no_customer_is_keyed_by_its_id(
    client: httpx.AsyncClient, publisher: InMemoryPublisher
) -> None:
    await post(client, cb.body(cb.event("plan_created", id="ev_9", plan={"id": "p"})))
    assert publisher.records[0].key == b"ev_9"


async def test_a_wrong_password_and_an_unknown_site_get_the_same_answer_and_are_counted(
    client: httpx.AsyncClient, publisher: InMemoryPublisher
) -> None:
    body = cb.body(cb.payment_succeeded())
    wrong, unknown = counted("wrong_password"), counted("unknown_site")
    client.auth = httpx.BasicAuth("hook", "guess")
    guessed = await post(client, body)
    nowhere = await post(client, body, site="other")
    assert guessed.status_code == nowhere.status_code == 401
    assert guessed.content == nowhere.content
    assert guessed.headers == nowhere.headers
    assert "Basic" in guessed.headers["www-authenticate"]
    assert (counted("wrong_password"), counted("unknown_site")) == (wrong + 1, unknown + 1)
    assert publisher.records == []


@pytest.mark.parametrize(
    ("content", "headers", "status", "outcome", "said"),
    [
        (b"{", {}, 400, "bad_body", "not JSON"),
        (b"{}", {}, 400, "bad_body", "`id`"),
        (b'{"a":1,"a":2}', {}, 400, "bad_body", "twice"),
        (b"[" * 1000 + b"]" * 1000, {}, 400, "bad_body", "deeper than 100"),
        (b"{}", {"content_type": "text/plain"}, 415, "not_json_type", "application/json"),
        (b"{}", {"content_type": ""}, 415, "not_json_type", "application/json"),
        (b"{}", {"content_encoding": "gzip"}, 415, "not_json_type", "not compressed"),
        (b" " * (BODY_BYTES_MAX + 1), {}, 413, "too_large", "1048576"),
    ],
)
async def test_bad_requests_are_refused_with_a_reason_and_counted(  # noqa: PLR0917 - pytest names
    client: httpx.AsyncClient,
    publisher: InMemoryPublisher,
    content: bytes,
    headers: dict[str, str],
    status: int,
    outcome: str,
    said: str,
) -> None:
    before = counted(outcome)
    answer = await post(client, content, **headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert counted(outcome) == before + 1
    assert publisher.records == []


async def test_a_body_without_a_length_is_cut_off_at_the_limit(
    client: httpx.AsyncClient, capacity: Capacity
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b" " * 65_536

    answer = await client.post("/webhooks/acme-test", content=endless(), headers=JSON)
    assert answer.status_code == 413
    assert sent < 100
    assert (capacity.count, capacity.bytes) == (0, 0)


async def test_a_slow_body_is_given_up(client: httpx.AsyncClient, capacity: Capacity) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    answer = await client.post("/webhooks/acme-test", content=slow(), headers=JSON)
    assert answer.status_code == 408
    assert (capacity.count, capacity.bytes) == (0, 0)


@pytest.mark.parametrize("failure", [BrokerUnavailableError("away"), PublisherFullError("full")])
async def test_what_kafka_did_not_take_is_asked_for_again(
    client: httpx.AsyncClient, publisher: InMemoryPublisher, failure: Exception
) -> None:
    publisher.failure = failure
    answer = await post(client, cb.body(cb.payment_succeeded()))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_what_kafka_will_never_take_is_too_large(
    client: httpx.AsyncClient, publisher: InMemoryPublisher
) -> None:
    publisher.failure = RecordTooLargeError("1 MiB")
    assert (await post(client, cb.body(cb.payment_succeeded()))).status_code == 413


@pytest.mark.parametrize("full", [{"count": 3}, {"size": 2 * BODY_BYTES_MAX}])
async def test_too_much_at_once_is_asked_for_again(
    client: httpx.AsyncClient, capacity: Capacity, full: dict[str, int]
) -> None:
    capacity.take(**full)
    answer = await post(client, cb.body(cb.payment_succeeded()))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_other_paths_and_methods_say_where_webhooks_go(client: httpx.AsyncClient) -> None:
    for answer in (await client.get("/webhooks/acme-test"), await client.post("/")):
        assert answer.status_code in (404, 405)
        assert "POST /webhooks/{site}" in answer.json()["detail"]


async def test_a_traced_event_carries_its_trace_and_its_time_is_told(
    publisher: InMemoryPublisher,
) -> None:
    occurred_ms: list[int] = []
    receiver = Receiver(
        Gate({"acme-test": ["hook:secret"]}),
        publisher,
        lambda: NOW,
        stored=occurred_ms.extend,
        traced=lambda: nullcontext("00-1-2-01"),
    )
    transport = httpx.ASGITransport(build_receiver(receiver))
    async with httpx.AsyncClient(transport=transport, base_url="http://door", auth=AUTH) as client:
        await post(client, cb.body(cb.payment_succeeded()))
        await post(client, cb.body(cb.payment_succeeded() | {"occurred_at": "yesterday"}))
    assert [each.headers["traceparent"] for each in publisher.records] == ["00-1-2-01"] * 2
    assert occurred_ms == [cb.payment_succeeded()["occurred_at"] * 1000]
