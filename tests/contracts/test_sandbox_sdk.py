"""The official SDK, in async mode, against the sandbox over real HTTP."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from chargebee import APIError, Chargebee, InvalidRequestError

from deploy.sandbox.life import LifeSettings
from deploy.sandbox.sandbox import API_KEY, SandboxSettings
from deploy.sandbox.server import RunningSandbox, running
from deploy.sandbox.terms import DAY

SETTINGS = SandboxSettings(life=LifeSettings(customers=80, days=365))


@pytest.fixture
def site() -> Iterator[RunningSandbox]:
    with running(SETTINGS) as started:
        control(started, "advance", {"days": 120})
        yield started


@pytest.fixture
def sdk(site: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    return sdk_for(site, monkeypatch)


def sdk_for(site: RunningSandbox, monkeypatch: pytest.MonkeyPatch, key: str = API_KEY) -> Any:
    # The SDK forces https unless this attribute of its class is off.
    monkeypatch.setattr(Chargebee, "verify_ca_certs", False)
    client = Chargebee(
        api_key=key,
        site="sandbox",
        protocol="http",
        connection_time_out=5,
        read_time_out=2,
        use_async_client=True,
    )
    client.env.api_endpoint = f"{site.url}/api/v2"
    return client


def control(site: RunningSandbox, what: str, body: Any = None) -> Any:
    if body is None:
        answer = httpx.get(f"{site.url}/sandbox/{what}", timeout=30)
    else:
        answer = httpx.post(f"{site.url}/sandbox/{what}", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def fault(site: RunningSandbox, **fault: Any) -> None:
    control(site, "faults", {"faults": [fault]})


async def some_subscription(sdk: Any) -> Any:
    answer = await sdk.Subscription.list({"limit": 1, "status": {"is": "active"}})
    return answer.list[0].subscription


async def test_the_poller_walks_all_events_once_in_order(site: RunningSandbox, sdk: Any) -> None:
    seen: list[Any] = []
    offset: str | None = None
    while True:
        params: dict[str, Any] = {"limit": 100, "sort_by": {"asc": "occurred_at"}}
        if offset is not None:
            params["offset"] = offset
        answer = await sdk.Event.list(params)
        seen += [entry.event for entry in answer.list]
        offset = answer.next_offset
        if offset is None:
            break
    status = control(site, "status")
    notes = control(site, "truth")["events"]
    expected = [note[0] for note in notes if note[3] >= status["now"] - 90 * DAY]
    assert [event.id for event in seen] == expected
    assert len(seen) > 200
    assert [event.occurred_at for event in seen] == sorted(event.occurred_at for event in seen)


async def test_events_are_filtered_by_type_and_time(sdk: Any) -> None:
    everything = await sdk.Event.list({"limit": 50, "sort_by": {"asc": "occurred_at"}})
    middle = everything.list[25].event.occurred_at
    answer = await sdk.Event.list(
        {
            "limit": 100,
            "event_type": {"in": '["payment_succeeded","subscription_renewed"]'},
            "occurred_at": {"after": str(middle)},
        }
    )
    assert answer.list
    types = {entry.event.event_type for entry in answer.list}
    assert types <= {"payment_succeeded", "subscription_renewed"}
    assert all(entry.event.occurred_at > middle for entry in answer.list)


async def test_the_sdks_own_print_of_a_list_is_refused(sdk: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await sdk.Event.list({"event_type": {"in": ["payment_succeeded"]}})
    assert refused.value.api_error_code == "param_wrong_value"


async def test_an_event_is_the_same_alone_and_in_the_list(sdk: Any) -> None:
    listed = (await sdk.Event.list({"limit": 1})).list[0].event
    alone = (await sdk.Event.retrieve(listed.id)).event
    assert alone.raw_data == listed.raw_data


async def test_an_event_the_site_never_had_is_not_found(sdk: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await sdk.Event.retrieve("ev_nothing")
    assert refused.value.http_status_code == 404
    assert refused.value.api_error_code == "resource_not_found"


async def test_a_wrong_key_is_refused(
    site: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = sdk_for(site, monkeypatch, key="test_guess")
    with pytest.raises(APIError) as refused:
        await stranger.Customer.list({"limit": 1})
    assert refused.value.http_status_code == 401
    assert refused.value.api_error_code == "api_authentication_failed"


def test_a_key_with_a_password_is_refused(site: RunningSandbox) -> None:
    answer = httpx.get(f"{site.url}/api/v2/customers", auth=(API_KEY, "something"))
    assert answer.status_code == 401


async def test_a_credit_is_granted_seen_and_spent(site: RunningSandbox, sdk: Any) -> None:
    subscription = await some_subscription(sdk)
    granted = await sdk.PromotionalCredit.add(
        {
            "customer_id": subscription.customer_id,
            "amount": 250,
            "currency_code": subscription.currency_code,
            "description": "loyalty reward",
            "credit_type": "loyalty_credits",
            "reference": "reward-1",
        },
        {"chargebee-idempotency-key": "reward-1"},
    )
    entry = granted.promotional_credit
    assert (entry.type, entry.amount, entry.reference) == ("increment", 250, "reward-1")
    assert granted.customer.id == subscription.customer_id

    listed = await sdk.PromotionalCredit.list({"customer_id": {"is": subscription.customer_id}})
    assert entry.id in [row.promotional_credit.id for row in listed.list]
    alone = await sdk.PromotionalCredit.retrieve(entry.id)
    assert alone.promotional_credit.raw_data == entry.raw_data

    events = await sdk.Event.list({"event_type": {"is": "promotional_credits_added"}, "limit": 1})
    told = events.list[0].event
    assert told.source == "api"
    assert told.content["promotional_credit"]["reference"] == "reward-1"

    control(site, "advance", {"days": 370})
    ledger = control(site, "ledger")["promotional_credits"]
    spent = [
        row["amount"]
        for row in ledger
        if row["customer_id"] == subscription.customer_id and row["type"] == "decrement"
    ]
    assert sum(spent) >= 250


async def test_a_repeated_key_grants_once(site: RunningSandbox, sdk: Any) -> None:
    customer = (await some_subscription(sdk)).customer_id
    params = {"customer_id": customer, "amount": 100, "description": "d", "reference": "once"}
    headers = {"chargebee-idempotency-key": "once"}
    first = await sdk.PromotionalCredit.add(dict(params), dict(headers))
    again = await sdk.PromotionalCredit.add(dict(params), dict(headers))
    assert first.promotional_credit.id == again.promotional_credit.id
    assert "chargebee-idempotency-replayed" not in first.headers
    assert again.headers["chargebee-idempotency-replayed"] == "true"
    ledger = control(site, "ledger")["promotional_credits"]
    assert [row.get("reference") for row in ledger].count("once") == 1

    with pytest.raises(InvalidRequestError, match="different request"):
        await sdk.PromotionalCredit.add(params | {"amount": 101}, dict(headers))


async def test_there_is_no_filter_by_reference(sdk: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await sdk.PromotionalCredit.list({"reference": {"is": "reward-1"}})
    assert refused.value.param == "reference"


async def test_a_credit_for_a_stranger_is_refused(sdk: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await sdk.PromotionalCredit.add({"customer_id": "nobody", "amount": 1, "description": "d"})
    assert refused.value.http_status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0},
        {"amount": -5},
        {"description": ""},
        {"description": "d" * 251},
        {"credit_type": "gold"},
        {"currency_code": "XTS"},
        {"colour": "green"},
    ],
)
async def test_a_credit_that_makes_no_sense_is_refused(sdk: Any, wrong: dict[str, Any]) -> None:
    customer = (await some_subscription(sdk)).customer_id
    params = {"customer_id": customer, "amount": 1, "description": "d"} | wrong
    with pytest.raises(InvalidRequestError) as refused:
        await sdk.PromotionalCredit.add(params)
    assert refused.value.http_status_code == 400
    assert refused.value.param in wrong


async def test_a_deduction_takes_credit_back(sdk: Any) -> None:
    customer = (await some_subscription(sdk)).customer_id
    held = (await sdk.Customer.retrieve(customer)).customer.promotional_credits
    params = {"customer_id": customer, "amount": 100, "description": "d"}
    await sdk.PromotionalCredit.add(dict(params))
    taken = await sdk.PromotionalCredit.deduct(dict(params))
    assert taken.promotional_credit.type == "decrement"
    assert taken.customer.promotional_credits == held
    with pytest.raises(InvalidRequestError):
        await sdk.PromotionalCredit.deduct(params | {"amount": held + 1})


async def test_a_coupon_is_created_once_and_put_on_a_subscription(
    site: RunningSandbox, sdk: Any
) -> None:
    subscription = await some_subscription(sdk)
    params = {
        "id": "spikes-1",
        "name": "Half off",
        "apply_on": "invoice_amount",
        "discount_type": "percentage",
        "discount_percentage": 50,
        "duration_type": "one_time",
        "max_redemptions": 1,
        "meta_data": json.dumps({"reward": "r1"}),
    }
    await sdk.Coupon.create_for_items(dict(params))
    with pytest.raises(InvalidRequestError) as refused:
        await sdk.Coupon.create_for_items(dict(params))
    assert refused.value.api_error_code == "duplicate_entry"
    assert (await sdk.Coupon.retrieve("spikes-1")).coupon.meta_data == {"reward": "r1"}

    changed = await sdk.Subscription.update_for_items(
        subscription.id, {"coupon_ids": ["spikes-1"], "replace_coupon_list": False}
    )
    assert [one.coupon_id for one in changed.subscription.coupons] == ["spikes-1"]
    assert changed.customer.id == subscription.customer_id
    event = (await sdk.Event.list({"event_type": {"is": "subscription_changed"}, "limit": 1})).list
    assert event[0].event.source == "api"

    control(site, "advance", {"days": 370})
    ledger = control(site, "ledger")
    assert [one["coupon"] for one in ledger["coupons_applied"]] == ["spikes-1"]


async def test_coupons_come_off_again(sdk: Any) -> None:
    subscription = await some_subscription(sdk)
    await sdk.Coupon.create_for_items(
        {"id": "off", "name": "n", "apply_on": "invoice_amount", "discount_percentage": 5}
    )
    await sdk.Subscription.update_for_items(subscription.id, {"coupon_ids": ["off"]})
    answer = await sdk.Subscription.remove_coupons(subscription.id, {"coupon_ids": ["off"]})
    assert answer.subscription.coupons is None


async def test_a_change_the_sandbox_does_not_know_is_refused(sdk: Any) -> None:
    subscription = await some_subscription(sdk)
    with pytest.raises(InvalidRequestError) as refused:
        await sdk.Subscription.update_for_items(subscription.id, {"po_number": "1"})
    assert refused.value.param == "po_number"


async def test_a_customer_is_updated_and_tells_of_it(sdk: Any) -> None:
    customer = (await some_subscription(sdk)).customer_id
    answer = await sdk.Customer.update(customer, {"meta_data": json.dumps({"points": 5})})
    assert answer.customer.meta_data == {"points": 5}
    event = (await sdk.Event.list({"limit": 1})).list[0].event
    assert (event.event_type, event.source) == ("customer_changed", "api")


@pytest.mark.parametrize("resource", ["Customer", "Subscription", "Invoice", "Coupon"])
async def test_every_resource_lists(sdk: Any, resource: str) -> None:
    answer = await getattr(sdk, resource).list({"limit": 5})
    assert resource == "Coupon" or len(answer.list) == 5


async def test_invoices_of_a_subscription_are_found(sdk: Any) -> None:
    invoice = (await sdk.Invoice.list({"limit": 1})).list[0].invoice
    found = await sdk.Invoice.list({"subscription_id": {"is": invoice.subscription_id}})
    assert invoice.id in [row.invoice.id for row in found.list]
    assert (await sdk.Invoice.retrieve(invoice.id)).invoice.raw_data == invoice.raw_data


async def test_the_rate_limit_answers_429_without_a_type(site: RunningSandbox, sdk: Any) -> None:
    control(site, "faults", {"requests_per_minute": 3})
    for _ in range(3):
        await sdk.Event.list({"limit": 1})
    with pytest.raises(APIError) as refused:
        await sdk.Event.list({"limit": 1})
    assert refused.value.http_status_code == 429
    assert type(refused.value) is APIError
    assert refused.value.api_error_code == "api_request_limit_exceeded"


async def test_a_lost_answer_has_had_its_effect(site: RunningSandbox, sdk: Any) -> None:
    customer = (await some_subscription(sdk)).customer_id
    fault(site, kind="lost_answer", path="/promotional_credits/add", times=1, seconds=3)
    sdk.env.read_timeout = 0.2
    with pytest.raises(httpx.ReadTimeout):
        await sdk.PromotionalCredit.add(
            {"customer_id": customer, "amount": 7, "description": "d", "reference": "lost"}
        )
    ledger = control(site, "ledger")["promotional_credits"]
    assert [row.get("reference") for row in ledger].count("lost") == 1


async def test_a_server_error_has_had_no_effect(site: RunningSandbox, sdk: Any) -> None:
    customer = (await some_subscription(sdk)).customer_id
    fault(site, kind="server_error", path="/promotional_credits/add", times=1)
    params = {"customer_id": customer, "amount": 7, "description": "d", "reference": "failed"}
    with pytest.raises(APIError) as failed:
        await sdk.PromotionalCredit.add(dict(params))
    assert failed.value.http_status_code == 500
    ledger = control(site, "ledger")["promotional_credits"]
    assert "failed" not in [row.get("reference") for row in ledger]
    await sdk.PromotionalCredit.add(dict(params))


async def test_garbage_is_no_answer_the_sdk_can_read(site: RunningSandbox, sdk: Any) -> None:
    fault(site, kind="garbage", path="/events", times=1)
    with pytest.raises(Exception, match="internal_error"):
        await sdk.Event.list({"limit": 1})


def test_a_body_that_is_no_form_is_refused(site: RunningSandbox) -> None:
    answer = httpx.post(
        f"{site.url}/api/v2/promotional_credits/add", json={"amount": 1}, auth=(API_KEY, "")
    )
    assert answer.status_code == 400
    assert answer.json()["api_error_code"] == "invalid_request"


def test_a_path_that_leads_nowhere_is_not_found(site: RunningSandbox) -> None:
    answer = httpx.get(f"{site.url}/api/v2/unicorns", auth=(API_KEY, ""))
    assert answer.status_code == 404
    assert answer.json()["api_error_code"] == "resource_not_found"


def test_time_does_not_go_back(site: RunningSandbox) -> None:
    answer = httpx.post(f"{site.url}/sandbox/advance", json={"to": 1})
    assert answer.status_code == 400
    assert "cannot go back" in answer.json()["error"]


def test_a_fault_nobody_knows_is_refused(site: RunningSandbox) -> None:
    answer = httpx.post(f"{site.url}/sandbox/faults", json={"faults": [{"kind": "earthquake"}]})
    assert answer.status_code == 400


async def test_calls_made_at_once_do_not_disturb_each_other(site: RunningSandbox, sdk: Any) -> None:
    customer = (await some_subscription(sdk)).customer_id
    calls = [
        sdk.PromotionalCredit.add(
            {"customer_id": customer, "amount": 1, "description": "d", "reference": f"c{number}"},
            {"chargebee-idempotency-key": f"c{number % 10}"},
        )
        for number in range(10)
    ]
    answers = await asyncio.gather(*calls)
    assert len({answer.promotional_credit.id for answer in answers}) == 10
