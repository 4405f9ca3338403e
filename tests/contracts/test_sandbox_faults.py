"""What the sandbox can make go wrong, as a caller over HTTP sees it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.sandbox.joining import Mix
from deploy.sandbox.life import LifeSettings
from deploy.sandbox.sandbox import API_KEY, SandboxSettings
from deploy.sandbox.server import RunningSandbox, running

CREDITS = "/api/v2/promotional_credits"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    life = LifeSettings(customers=3, days=1, mix=Mix(veteran=1.0))
    with running(SandboxSettings(life=life)) as started:
        yield started


@pytest.fixture
def site(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, auth=(API_KEY, ""), trust_env=False) as client:
        yield client
        trouble(client)


def trouble(client: httpx.Client, *faults: dict[str, Any]) -> None:
    body = {"clear": True, "faults": list(faults)}
    client.post("/sandbox/faults", json=body).raise_for_status()


def add_credit(client: httpx.Client, reference: str) -> httpx.Response:
    customer = client.get("/api/v2/customers").json()["list"][0]["customer"]["id"]
    form = {"customer_id": customer, "amount": 5, "description": "x", "reference": reference}
    return client.post(f"{CREDITS}/add", data=form)


def references(client: httpx.Client) -> set[str]:
    rows = client.get(CREDITS, params={"limit": 100}).json()["list"]
    return {row["promotional_credit"]["reference"] for row in rows}


def test_a_throttled_call_is_told_when_to_come_again_or_is_not(site: httpx.Client) -> None:
    trouble(site, {"kind": "rate_limited", "times": 1, "retry_after": 7})
    answer = site.get(CREDITS)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    trouble(site, {"kind": "rate_limited_bare", "times": 1})
    answer = site.get(CREDITS)
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers


def test_in_an_outage_nothing_is_done_anywhere(site: httpx.Client) -> None:
    trouble(site, {"kind": "outage"})
    form = {"customer_id": "any", "amount": 5, "description": "x", "reference": "away"}
    assert site.post(f"{CREDITS}/add", data=form).status_code == 503
    assert site.get("/tremendous/api/v2/orders/any").status_code == 503
    assert site.post("/hooks/trees").status_code == 503
    trouble(site)
    assert "away" not in references(site)


def test_a_stale_list_does_not_show_what_was_just_made(site: httpx.Client) -> None:
    assert add_credit(site, "fresh").status_code == 200
    trouble(site, {"kind": "stale", "path": CREDITS, "times": 1, "seconds": 30})
    assert "fresh" not in references(site)
    assert "fresh" in references(site)


def test_the_ledger_tells_which_coupons_were_taken_off_again(site: httpx.Client) -> None:
    subscription = site.get("/api/v2/subscriptions").json()["list"][0]["subscription"]["id"]
    terms = {"discount_type": "percentage", "discount_percentage": 10, "apply_on": "invoice_amount"}
    site.post("/api/v2/coupons/create_for_items", data={"id": "ten", "name": "ten", **terms})
    path = f"/api/v2/subscriptions/{subscription}"
    put_on = site.post(f"{path}/update_for_items", data={"coupon_ids[0]": "ten"})
    put_on.raise_for_status()
    site.post(f"{path}/remove_coupons", data={"coupon_ids[0]": "ten"}).raise_for_status()
    [removed] = site.get("/sandbox/ledger").json()["coupons_removed"]
    assert (removed["coupon"], removed["subscription"]) == ("ten", subscription)
