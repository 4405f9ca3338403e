"""Gift cards and donations at Tremendous, against an account as strict as the real one."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connectors.outgoing.client import Guard, OutgoingClient
from connectors.rewards.gateway import (
    Absent,
    Conflict,
    Done,
    Found,
    NotExecuted,
    Prepared,
    Refused,
    Unknown,
    Unreadable,
)
from connectors.rewards.orders import BUSY_WAIT_SECONDS, OrderExecutor
from deploy.sandbox.faults import Fault
from deploy.sandbox.life import LifeSettings
from deploy.sandbox.sandbox import SandboxSettings
from deploy.sandbox.server import RunningSandbox, running
from deploy.sandbox.tremendous import TOKEN
from schemas.rewards import Order
from tests.support.rewards import grant

CARD = Order(purpose="gift_card", amounts_minor={"USD": 1050, "EUR": 1000}, products=("AMAZON",))


@pytest.fixture(scope="module")
def account() -> Iterator[RunningSandbox]:
    with running(SandboxSettings(life=LifeSettings(seed=1, customers=1, days=1))) as sandbox:
        yield sandbox


@asynccontextmanager
async def executor(account: RunningSandbox, **changes: Any) -> AsyncIterator[OrderExecutor]:
    options = {
        "api_url": f"{account.url}/tremendous/api/v2",
        "api_key": TOKEN,
        "funding_source": "balance",
        **changes,
    }
    async with OutgoingClient(Guard(allow_loopback=True), total_seconds=1) as client:
        yield OrderExecutor(client, **options)


_number = iter(range(1, 1000))


async def body(orders: OrderExecutor, order: Order = CARD, **changes: Any) -> dict[str, Any]:
    prepared = await orders.prepare(grant(next(_number), reward="card", grant=order, **changes))
    assert isinstance(prepared, Prepared), prepared
    return prepared.body


def made(account: RunningSandbox, external_id: str) -> list[dict[str, Any]]:
    return [
        each for each in account.sandbox.tremendous.orders if each["external_id"] == external_id
    ]


async def test_an_order_gives_a_link_and_is_found_again(account: RunningSandbox) -> None:
    async with executor(account) as orders:
        wanted = await body(orders)
        assert await orders.read_back(wanted, 0) == Absent()
        done = await orders.carry_out(wanted, "")
        assert isinstance(done, Done)
        assert await orders.read_back(wanted, 0) == Found(done.reference, done.handed)
    assert done.handed.startswith("https://testflight.tremendous.com/rewards/payout/")
    [order] = made(account, wanted["external_id"])
    assert order["rewards"][0]["value"] == {"denomination": 10.5, "currency_code": "USD"}


async def test_the_same_order_again_is_the_same_order(account: RunningSandbox) -> None:
    async with executor(account) as orders:
        wanted = await body(orders)
        first = await orders.carry_out(wanted, "")
        assert await orders.carry_out(wanted, "") == first
    assert len(made(account, wanted["external_id"])) == 1


async def test_the_customers_currency_chooses_the_amount(account: RunningSandbox) -> None:
    async with executor(account) as orders:
        assert (await body(orders, currency="EUR"))["reward"]["value"] == {
            "denomination": 10.0,
            "currency_code": "EUR",
        }
        refused = await orders.prepare(grant(grant=CARD, currency="JPY"))
    assert refused == Refused("the reward has no amount in JPY, only EUR, USD")


async def test_a_campaign_can_stand_for_products(account: RunningSandbox) -> None:
    thanks = Order(purpose="gift_card", amounts_minor={"USD": 500}, campaign="THANKS")
    async with executor(account) as orders:
        assert isinstance(await orders.carry_out(await body(orders, thanks), ""), Done)


async def test_without_a_key_every_order_is_refused(account: RunningSandbox) -> None:
    async with executor(account, api_key="") as orders:
        refused = await orders.prepare(grant(grant=CARD))
    assert refused == Refused("the settings have no tremendous.api_key to order with")


@pytest.mark.parametrize(
    ("order", "changes", "said"),
    [
        (CARD, {"api_key": "TEST_wrong"}, "401"),
        (CARD, {"funding_source": "gold"}, "no such funding source"),
        (Order(purpose="charity", amounts_minor={"USD": 1}, products=("MOON",)), {}, "MOON"),
        (Order(purpose="charity", amounts_minor={"USD": 1}, campaign="NONE"), {}, "campaign"),
        (Order(purpose="charity", amounts_minor={"USD": 10**6}, products=("TREES",)), {}, "2000"),
    ],
)
async def test_what_the_account_refuses_is_refused_with_its_reason(
    account: RunningSandbox, order: Order, changes: dict[str, Any], said: str
) -> None:
    async with executor(account, **changes) as orders:
        outcome = await orders.carry_out(await body(orders, order), "")
    assert isinstance(outcome, Refused)
    assert said in outcome.reason


async def test_an_account_without_funds_is_worth_another_try(account: RunningSandbox) -> None:
    account.sandbox.tremendous.balance = 1.0
    try:
        async with executor(account) as orders:
            outcome = await orders.carry_out(await body(orders), "")
    finally:
        account.sandbox.tremendous.balance = 1_000_000.0
    assert isinstance(outcome, NotExecuted)
    assert "not enough funds" in outcome.reason


@pytest.mark.parametrize(
    ("kind", "means", "exists"),
    [
        ("server_error", Unknown, 0),
        ("failed_after", Unknown, 1),
        ("garbage", Unknown, 1),
        ("lost_answer", Unknown, 1),
        ("rate_limited", NotExecuted, 0),
        ("rate_limited_bare", NotExecuted, 0),
    ],
)
async def test_after_trouble_the_same_order_settles_it(
    account: RunningSandbox, kind: Any, means: type, exists: int
) -> None:
    account.sandbox.faults.add(Fault(kind=kind, path="/tremendous", times=1, seconds=3))
    async with executor(account) as orders:
        wanted = await body(orders)
        assert isinstance(await orders.carry_out(wanted, ""), means)
        assert len(made(account, wanted["external_id"])) == exists
        assert isinstance(await orders.carry_out(wanted, ""), Done)
    assert len(made(account, wanted["external_id"])) == 1


async def test_a_reading_in_trouble_says_nothing(account: RunningSandbox) -> None:
    async with executor(account) as orders:
        wanted = await body(orders)
        for kind in ("server_error", "garbage"):
            account.sandbox.faults.add(Fault(kind=kind, path="/tremendous", times=1))
            assert isinstance(await orders.read_back(wanted, 0), Unreadable)
        account.sandbox.faults.add(Fault(kind="rate_limited", path="/tremendous", times=1))
        busy = await orders.read_back(wanted, 0)
        assert busy == Unreadable("Tremendous answered 429", BUSY_WAIT_SECONDS)


async def test_an_order_of_another_worth_under_our_id_is_a_conflict(
    account: RunningSandbox,
) -> None:
    async with executor(account) as orders:
        wanted = await body(orders)
        await orders.carry_out(wanted, "")
        wanted["reward"]["value"]["denomination"] = 99.0
        assert isinstance(await orders.read_back(wanted, 0), Conflict)
