"""One suite for the gateway's port: on the fake, and on the sandbox through the SDK and HTTP."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import pytest

from connectors.chargebee.client import ChargebeeClient, SiteAccess
from connectors.chargebee.limits import TokenBucket
from connectors.rewards.chargebee_gateway import ChargebeeGateway
from connectors.rewards.gateway import (
    Done,
    GatewayUnavailableError,
    GrantedCredit,
    NotExecuted,
    Refused,
    RewardGateway,
    Unknown,
    list_granted,
)
from deploy.sandbox.life import LifeSettings
from deploy.sandbox.sandbox import API_KEY, SandboxSettings
from deploy.sandbox.server import running
from tests.support.gateway import InMemoryGateway
from tests.support.rewards import NOON, Clocks

FaultName = Literal["lost", "throttled", "unreadable"]
SANDBOX_FAULTS: dict[FaultName, dict[str, Any]] = {
    "lost": {"kind": "lost_answer", "method": "POST", "times": 1, "seconds": 3},
    "throttled": {"kind": "rate_limited", "method": "POST", "times": 1},
    "unreadable": {"kind": "garbage", "method": "GET", "times": 20},
}


@dataclass
class Bench:
    """A gateway with a customer who has an active subscription, and a way to disturb it."""

    gateway: RewardGateway
    customer: str
    subscription: str
    currency: str
    sandbox_url: str = ""

    def disturb(self, fault: FaultName) -> None:
        if isinstance(self.gateway, InMemoryGateway):
            of_fake = {"lost": "lost_after", "throttled": "throttled", "unreadable": "unreadable"}
            self.gateway.faults = [of_fake[fault]]  # type: ignore[list-item]
            return
        order = {"faults": [SANDBOX_FAULTS[fault]]}
        httpx.post(f"{self.sandbox_url}/sandbox/faults", json=order).raise_for_status()

    def live_a_month(self) -> None:
        url = f"{self.sandbox_url}/sandbox/advance"
        httpx.post(url, json={"days": 30}, timeout=60).raise_for_status()

    def credit(self, reference: str, **changes: Any) -> dict[str, Any]:
        values = {
            "customer_id": self.customer,
            "amount": 500,
            "currency_code": self.currency,
            "description": "a reward",
            "credit_type": "loyalty_credits",
            "reference": reference,
        }
        return {**values, **changes}

    def coupon(self, coupon: str, **changes: Any) -> dict[str, Any]:
        values = {
            "id": coupon,
            "name": coupon,
            "apply_on": "invoice_amount",
            "duration_type": "one_time",
            "discount_type": "percentage",
            "discount_percentage": 12.5,
        }
        return {**values, **changes}

    async def held(self, *, customer: str | None = None, since: int = 0) -> list[GrantedCredit]:
        listing = self.gateway.list_credits(customer=customer or self.customer, since=since)
        return [credit async for credit in listing if credit.reference]


@pytest.fixture(params=["fake", "sandbox"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "fake":
        clocks = Clocks()
        gateway = InMemoryGateway(clocks.engine, clocks.real).with_subscription(term_end=NOON)
        yield Bench(gateway, "c1", "sub_1", "USD")
        return
    with sandbox_bench(days=90) as made:
        yield made


@contextlib.contextmanager
def sandbox_bench(*, days: int) -> Iterator[Bench]:
    """On a life of so many days, of which 60 have gone by."""
    settings = SandboxSettings(life=LifeSettings(customers=30, days=days))
    with running(settings) as site:
        httpx.post(f"{site.url}/sandbox/advance", json={"days": 60}, timeout=60).raise_for_status()
        yield on_sandbox(site.url)


def on_sandbox(url: str) -> Bench:
    passed = 0.0

    async def time_flies(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    access = SiteAccess(site="sandbox", api_key=API_KEY, api_url=url, read_seconds=1)
    bucket = TokenBucket("sandbox", 600_000, monotonic=lambda: passed, sleep=time_flies)
    client = ChargebeeClient(access, bucket, sleep=time_flies)
    answer = httpx.get(
        f"{url}/api/v2/subscriptions", params={"status[is]": "active"}, auth=(API_KEY, "")
    )
    subscription = answer.json()["list"][0]["subscription"]
    return Bench(
        ChargebeeGateway(client),
        subscription["customer_id"],
        subscription["id"],
        subscription["currency_code"],
        url,
    )


async def test_a_credit_is_given_and_found_by_its_reference(bench: Bench) -> None:
    outcome = await bench.gateway.add_credit(bench.credit("r1"), "key 1")
    assert isinstance(outcome, Done)
    [credit] = await bench.held()
    assert (credit.id, credit.reference, credit.amount_minor, credit.currency) == (
        outcome.reference,
        "r1",
        500,
        bench.currency,
    )
    assert await bench.held(since=credit.created_at + 1) == []


async def test_the_same_key_gives_once(bench: Bench) -> None:
    first = await bench.gateway.add_credit(bench.credit("r1"), "key 1")
    assert await bench.gateway.add_credit(bench.credit("r1"), "key 1") == first
    assert len(await bench.held()) == 1


async def test_another_key_gives_again(bench: Bench) -> None:
    for key in ("key 1", "key 2"):
        await bench.gateway.add_credit(bench.credit("r1"), key)
    granted = await list_granted(bench.gateway, since=0)
    assert len(granted["r1"]) == 2


async def test_an_unknown_customer_is_refused(bench: Bench) -> None:
    params = bench.credit("r1", customer_id="nobody")
    assert isinstance(await bench.gateway.add_credit(params, "key 1"), Refused)


async def test_a_lost_answer_leaves_doubt_and_the_credit(bench: Bench) -> None:
    bench.disturb("lost")
    assert isinstance(await bench.gateway.add_credit(bench.credit("r1"), "key 1"), Unknown)
    assert isinstance(await bench.gateway.add_credit(bench.credit("r1"), "key 1"), Done)
    assert len(await bench.held()) == 1


async def test_a_throttled_call_gives_nothing(bench: Bench) -> None:
    bench.disturb("throttled")
    outcome = await bench.gateway.add_credit(bench.credit("r1"), "key 1")
    assert isinstance(outcome, NotExecuted)
    assert outcome.retry_after > 0
    assert await bench.held() == []


async def test_a_failed_reading_says_so_and_shows_nothing(bench: Bench) -> None:
    bench.disturb("unreadable")
    with pytest.raises(GatewayUnavailableError):
        await bench.held()


async def test_unspent_credit_is_deducted_under_its_reference(bench: Bench) -> None:
    before = await bench.gateway.credit_balance(bench.customer, bench.currency)
    await bench.gateway.add_credit(bench.credit("r1"), "key 1")
    assert await bench.gateway.credit_balance(bench.customer, bench.currency) == before + 500
    for _ in range(2):
        outcome = await bench.gateway.deduct_credit(bench.credit("r1:revoked", amount=300), "key 2")
        assert isinstance(outcome, Done)
        reference = outcome.reference
    listing = bench.gateway.list_deductions(customer=bench.customer, since=0)
    [entry] = [each async for each in listing if each.reference]
    assert (entry.id, entry.reference, entry.amount_minor, entry.currency) == (
        reference,
        "r1:revoked",
        300,
        bench.currency,
    )
    assert await bench.gateway.credit_balance(bench.customer, bench.currency) == before + 200


async def test_more_than_there_is_cannot_be_deducted(bench: Bench) -> None:
    balance = await bench.gateway.credit_balance(bench.customer, bench.currency)
    params = bench.credit("r1:revoked", amount=balance + 1)
    assert isinstance(await bench.gateway.deduct_credit(params, "key 1"), Refused)


async def test_nobody_has_no_credit(bench: Bench) -> None:
    assert await bench.gateway.credit_balance("nobody", "USD") == 0


async def test_a_coupon_that_waits_is_removed(bench: Bench) -> None:
    await bench.gateway.ensure_coupon(bench.coupon("five"))
    await bench.gateway.apply_coupon(bench.subscription, "five", "key 1")
    for _ in range(2):
        outcome = await bench.gateway.remove_coupon(bench.subscription, "five", "key 2")
        assert outcome == Done(f"{bench.subscription}:five")
    found = await bench.gateway.subscription(bench.subscription)
    assert found is not None
    assert "five" not in found.coupons
    again = await bench.gateway.remove_coupon(bench.subscription, "five", "key 3")
    assert isinstance(again, Refused)


async def test_a_coupon_is_made_once_and_compared_afterwards(bench: Bench) -> None:
    for _ in range(2):
        assert isinstance(await bench.gateway.ensure_coupon(bench.coupon("five")), Done)
    if isinstance(bench.gateway, ChargebeeGateway):
        bench.gateway._coupons_seen.clear()  # as another process would find it
        assert isinstance(await bench.gateway.ensure_coupon(bench.coupon("five")), Done)
        bench.gateway._coupons_seen.clear()
    other = bench.coupon("five", discount_percentage=50.0)
    assert isinstance(await bench.gateway.ensure_coupon(other), Refused)


async def test_a_coupon_waits_at_the_subscription_for_its_invoice(bench: Bench) -> None:
    await bench.gateway.ensure_coupon(bench.coupon("five"))
    for key in ("key 1", "key 2"):
        outcome = await bench.gateway.apply_coupon(bench.subscription, "five", key)
        assert outcome == Done(f"{bench.subscription}:five")
    found = await bench.gateway.subscription(bench.subscription)
    assert found is not None
    assert found.coupons.count("five") == 1


async def test_a_coupon_that_does_not_exist_is_refused(bench: Bench) -> None:
    outcome = await bench.gateway.apply_coupon(bench.subscription, "nothing", "key 1")
    assert isinstance(outcome, Refused)


async def test_a_code_redeems_its_coupon_once(bench: Bench) -> None:
    await bench.gateway.ensure_coupon(bench.coupon("five"))
    for _ in range(2):
        assert await bench.gateway.ensure_code("LOYAL1", "five", "five-a0") == Done("LOYAL1")
    assert isinstance(await bench.gateway.apply_coupon(bench.subscription, "LOYAL1", "key 1"), Done)
    found = await bench.gateway.subscription(bench.subscription)
    assert found is not None
    assert set(found.coupons) == {"five", "LOYAL1"}
    again = await bench.gateway.apply_coupon(bench.subscription, "LOYAL1", "key 2")
    assert isinstance(again, Refused)
    # A code that is redeemed is still the reward's own: making sure of it changes nothing.
    assert await bench.gateway.ensure_code("LOYAL1", "five", "five-a0") == Done("LOYAL1")


async def test_a_set_takes_more_than_one_code(bench: Bench) -> None:
    await bench.gateway.ensure_coupon(bench.coupon("five"))
    for code in ("LOYAL1", "LOYAL2"):
        assert await bench.gateway.ensure_code(code, "five", "five-a0") == Done(code)
        if isinstance(bench.gateway, ChargebeeGateway):
            bench.gateway._sets_seen.clear()  # as another process would find it


async def test_a_code_redeems_no_second_coupon(bench: Bench) -> None:
    for coupon in ("five", "six"):
        await bench.gateway.ensure_coupon(bench.coupon(coupon))
    await bench.gateway.ensure_code("LOYAL1", "five", "five-a0")
    refused = await bench.gateway.ensure_code("LOYAL1", "six", "six-a0")
    assert isinstance(refused, Refused)
    assert isinstance(await bench.gateway.ensure_code("LOYAL2", "none", "none-a0"), Refused)


async def test_a_code_whose_answer_is_lost_redeems_once(bench: Bench) -> None:
    await bench.gateway.ensure_coupon(bench.coupon("five"))
    await bench.gateway.ensure_code("LOYAL1", "five", "five-a0")
    bench.disturb("lost")
    doubt = await bench.gateway.apply_coupon(bench.subscription, "LOYAL1", "key 1")
    assert isinstance(doubt, Unknown)
    assert isinstance(await bench.gateway.apply_coupon(bench.subscription, "LOYAL1", "key 1"), Done)
    found = await bench.gateway.subscription(bench.subscription)
    assert found is not None
    assert found.coupons.count("LOYAL1") == 1


async def test_a_code_is_made_again_after_an_answer_was_lost() -> None:
    with sandbox_bench(days=90) as bench:
        await bench.gateway.ensure_coupon(bench.coupon("five"))
        for code in ("LOYAL1", "LOYAL2"):  # first the set's answer is lost, then a code's
            bench.disturb("lost")
            doubt = await bench.gateway.ensure_code(code, "five", "five-a0")
            assert isinstance(doubt, NotExecuted)
            assert await bench.gateway.ensure_code(code, "five", "five-a0") == Done(code)


async def test_a_coupon_for_three_months_is_on_three_monthly_invoices() -> None:
    with sandbox_bench(days=500) as bench:
        assert isinstance(bench.gateway, ChargebeeGateway)
        lasting = bench.coupon(
            "three", duration_type="limited_period", period=3, period_unit="month"
        )
        found = await bench.gateway.subscription(bench.subscription)
        assert found is not None
        assert (found.period, found.period_unit) == (1, "month")
        await bench.gateway.ensure_coupon(lasting)
        await bench.gateway.ensure_code("LOYAL3", "three", "three-a0")
        await bench.gateway.apply_coupon(bench.subscription, "LOYAL3", "key 1")
        for _ in range(6):
            bench.live_a_month()

        counted = await bench.gateway._client.count_invoiced_coupons(bench.subscription, since=0)

    assert counted == {"three": 3, "LOYAL3": 3}


async def test_subscriptions_are_found_by_id_and_by_customer(bench: Bench) -> None:
    found = await bench.gateway.subscription(bench.subscription)
    assert found is not None
    assert (found.customer, found.currency, found.status) == (
        bench.customer,
        bench.currency,
        "active",
    )
    assert found in await bench.gateway.subscriptions(bench.customer)
    assert await bench.gateway.subscription("nothing") is None
    assert await bench.gateway.subscriptions("nobody") == []


async def test_an_invoice_uses_a_coupon_up_and_still_shows_it(bench: Bench) -> None:
    await bench.gateway.ensure_coupon(bench.coupon("five"))
    await bench.gateway.apply_coupon(bench.subscription, "five", "key 1")
    if isinstance(bench.gateway, InMemoryGateway):
        bench.gateway.invoiced[bench.subscription] = {"five"}
    else:
        bench.live_a_month()
        found = await bench.gateway.subscription(bench.subscription)
        assert found is not None
        if "five" in found.coupons:  # a yearly subscription has no invoice this month
            return
    assert "five" in await bench.gateway.invoiced_coupons(bench.subscription, 0)


def feature(**changes: Any) -> dict[str, Any]:
    return {"feature_id": "beta-access", "value": "true", **changes}


async def test_a_feature_is_switched_on_and_off(bench: Bench) -> None:
    for key in ("key 1", "key 2"):
        outcome = await bench.gateway.set_feature(bench.subscription, feature(), key)
        assert outcome == Done(f"{bench.subscription}:beta-access")
    assert await bench.gateway.features(bench.subscription) == {"beta-access": "true"}
    for key in ("key 3", "key 4"):
        await bench.gateway.remove_feature(bench.subscription, "beta-access", key)
    assert await bench.gateway.features(bench.subscription) == {}


async def test_a_feature_that_does_not_exist_is_refused(bench: Bench) -> None:
    wrong = feature(feature_id="nothing")
    assert isinstance(await bench.gateway.set_feature(bench.subscription, wrong, "key 1"), Refused)


async def test_a_feature_whose_answer_is_lost_is_there(bench: Bench) -> None:
    bench.disturb("lost")
    doubt = await bench.gateway.set_feature(bench.subscription, feature(), "key 1")
    assert isinstance(doubt, Unknown)
    assert await bench.gateway.features(bench.subscription) == {"beta-access": "true"}


async def term_end(bench: Bench) -> int:
    found = await bench.gateway.subscription(bench.subscription)
    assert found is not None
    assert found.term_end is not None
    return found.term_end


async def test_a_term_ends_where_it_is_moved_to(bench: Bench) -> None:
    later = await term_end(bench) + 7 * 86_400
    for key in ("key 1", "key 2"):
        outcome = await bench.gateway.move_term_end(bench.subscription, later, key)
        assert outcome == Done(f"{bench.subscription}:{later}")
    assert await term_end(bench) == later


async def test_no_invoice_comes_before_the_moved_end() -> None:
    with sandbox_bench(days=500) as bench:
        later = await term_end(bench) + 400 * 86_400
        await bench.gateway.move_term_end(bench.subscription, later, "key 1")
        for _ in range(12):
            bench.live_a_month()
        assert await term_end(bench) == later


def support(bench: Bench, **changes: Any) -> dict[str, Any]:
    price = f"support-{bench.currency}-monthly"
    item = {"item_price_id": price, "quantity": 1, "unit_price": 0, "billing_cycles": 1}
    return {**item, **changes}


async def test_an_addon_stands_at_its_subscription(bench: Bench) -> None:
    wanted = support(bench)
    outcome = await bench.gateway.add_addon(bench.subscription, wanted, "key 1")
    assert outcome == Done(f"{bench.subscription}:{wanted['item_price_id']}")
    found = await bench.gateway.subscription(bench.subscription)
    assert found is not None
    assert found.addons == (wanted["item_price_id"],)


async def test_an_addon_that_does_not_exist_is_refused(bench: Bench) -> None:
    wrong = support(bench, item_price_id="nothing")
    assert isinstance(await bench.gateway.add_addon(bench.subscription, wrong, "key 1"), Refused)


async def test_an_addon_goes_after_its_cycles() -> None:
    with sandbox_bench(days=500) as bench:
        await bench.gateway.add_addon(bench.subscription, support(bench), "key 1")
        for _ in range(13):  # a yearly term too
            bench.live_a_month()
        found = await bench.gateway.subscription(bench.subscription)
        assert found is None or found.addons == ()


async def test_a_coupon_that_two_invoices_used_is_counted_twice() -> None:
    with sandbox_bench(days=500) as bench:
        assert isinstance(bench.gateway, ChargebeeGateway)
        client = bench.gateway._client
        await bench.gateway.ensure_coupon(bench.coupon("five"))
        for key in ("key 1", "key 2"):
            await bench.gateway.apply_coupon(bench.subscription, "five", key)
            while "five" in (await client.retrieve_subscription(bench.subscription)).coupons:
                bench.live_a_month()

        counted = await client.count_invoiced_coupons(bench.subscription, since=0)

    assert counted == {"five": 2}
