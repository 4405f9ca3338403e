"""Which subscription a reward lands on, and how long it waits where there is none."""

from collections.abc import AsyncIterator

import pytest

from connectors.rewards.benefits import FeatureExecutor
from connectors.rewards.discount import CouponExecutor, PromotionalCreditExecutor
from connectors.rewards.dispatcher import Dispatcher
from connectors.rewards.gateway import Executor, NotExecuted, Prepared, Refused
from connectors.rewards.landing import BILLED_AGAIN, WAIT_SECONDS, land
from connectors.rewards.ledger import Ledger
from schemas.rewards import Discount, LandsOn
from tests.support.gateway import InMemoryGateway
from tests.support.rewards import NOON, Clocks, coupon, give, grant, memory_ledger

DAY = 86_400
IN_TIME = NOON + 30 * DAY


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def gateway(clocks: Clocks) -> InMemoryGateway:
    """A customer of four subscriptions, none of which is the one that the command names."""
    held = InMemoryGateway(clocks.engine, clocks.real)
    held.with_subscription("old", created_at=1, amount_minor=900)
    held.with_subscription("yearly", created_at=2, amount_minor=9_000, period_unit="year")
    held.with_subscription("dear", created_at=3, amount_minor=1_000)
    held.with_subscription("euro", created_at=4, amount_minor=5_000, currency="EUR")
    return held


@pytest.mark.parametrize(
    ("lands_on", "lands"),
    [("fact", "euro"), ("newest", "euro"), ("oldest", "old"), ("most_valuable", "dear")],
)
async def test_the_policy_says_which_subscription_is_meant(
    gateway: InMemoryGateway, lands_on: LandsOn, lands: str
) -> None:
    landed = await land(gateway, coupon(lands_on=lands_on), BILLED_AGAIN)
    assert landed == gateway.held[lands]


async def test_values_in_two_currencies_are_not_compared(gateway: InMemoryGateway) -> None:
    """Without a currency of the account's, the newest subscription's is meant."""
    valuable = coupon(lands_on="most_valuable", currency="")
    assert await land(gateway, valuable, BILLED_AGAIN) == gateway.held["euro"]


async def test_the_subscription_that_the_account_chose_comes_first(
    gateway: InMemoryGateway,
) -> None:
    named = coupon(lands_on="newest", subscription="old")
    assert await land(gateway, named, BILLED_AGAIN) == gateway.held["old"]


async def test_a_credit_takes_its_currency_from_the_subscription_that_is_meant(
    gateway: InMemoryGateway,
) -> None:
    two = Discount(via="promotional_credit", amounts_minor={"USD": 500, "EUR": 400})
    command = grant(grant=two, currency="", subscription="", lands_on="oldest")
    prepared = await PromotionalCreditExecutor(gateway).prepare(command)
    assert isinstance(prepared, Prepared)
    assert prepared.body["currency_code"] == "USD"


async def test_a_reward_that_may_not_wait_is_refused(gateway: InMemoryGateway) -> None:
    gateway.held.clear()
    assert isinstance(await land(gateway, coupon(), BILLED_AGAIN), Refused)


async def test_a_reward_that_may_wait_says_what_for(gateway: InMemoryGateway) -> None:
    gateway.held.clear()
    assert await land(gateway, coupon(wait_until=IN_TIME), BILLED_AGAIN) == NotExecuted(
        "the customer has no subscription with a next invoice yet: it waits for one",
        WAIT_SECONDS,
        until=IN_TIME,
    )


class Rewarder:
    """Works on what waits, with both clocks in the test's hand."""

    def __init__(self, ledger: Ledger, clocks: Clocks, gateway: InMemoryGateway) -> None:
        self.ledger, self.clocks, self.gateway = ledger, clocks, gateway
        executors: dict[str, Executor] = {
            "coupon": CouponExecutor(gateway),
            "feature": FeatureExecutor(gateway),
            "promotional_credit": PromotionalCreditExecutor(gateway),
        }
        self.dispatcher = Dispatcher(
            ledger,
            executors,
            site="acme",
            owner="one",
            clock=clocks.engine,
            wall=clocks.real,
        )

    async def work(self, *, seconds: float = 0) -> list[str]:
        """Lets time pass, takes what is due one step further, and names it."""
        self.clocks.pass_seconds(seconds)
        entries = await self.dispatcher.lease(10)
        for entry in entries:
            await self.dispatcher.step(entry)
        return [entry.reward_id.rpartition(":")[2] for entry in entries]

    async def standing(self, ordinal: int) -> tuple[str, str]:
        shown = await self.ledger.show_reward(f"acme:c1:five-off:{ordinal}")
        assert shown is not None
        return shown["state"], shown["reason"]


@pytest.fixture
async def rewarder(clocks: Clocks) -> AsyncIterator[Rewarder]:
    gateway = InMemoryGateway(clocks.engine, clocks.real)
    gateway.customers.add("c1")
    ledger = await memory_ledger()
    yield Rewarder(ledger, clocks, gateway)
    await ledger.close()


async def test_a_subscription_that_comes_later_gets_it(rewarder: Rewarder) -> None:
    await give(rewarder.ledger, coupon(wait_until=IN_TIME))
    await rewarder.work()
    state, reason = await rewarder.standing(1)
    assert (state, "it waits for one" in reason) == ("due", True)
    assert await rewarder.work(seconds=WAIT_SECONDS - 1) == []

    rewarder.gateway.with_subscription("sub_9")
    assert await rewarder.work(seconds=1) == ["1"]
    assert await rewarder.standing(1) == ("delivered", "")
    assert len(rewarder.gateway.held["sub_9"].coupons) == 1


async def test_it_fails_when_none_came_in_time(rewarder: Rewarder) -> None:
    await give(rewarder.ledger, coupon(wait_until=IN_TIME))
    await rewarder.work()
    await rewarder.work(seconds=30 * DAY - 1)
    assert (await rewarder.standing(1))[0] == "due"
    await rewarder.work(seconds=WAIT_SECONDS)
    state, reason = await rewarder.standing(1)
    assert (state, "none came in time" in reason) == ("failed", True)


async def test_what_waits_holds_up_no_other_reward(rewarder: Rewarder) -> None:
    """A credit needs no subscription, and is not made to wait for one that does."""
    await give(rewarder.ledger, coupon(1, wait_until=IN_TIME), grant(2))
    assert await rewarder.work() == ["1"]
    assert await rewarder.work() == ["2"]
    assert (await rewarder.standing(2))[0] == "delivered"


async def test_what_has_waited_is_not_worked_on_beside_another(rewarder: Rewarder) -> None:
    await give(rewarder.ledger, coupon(1, wait_until=IN_TIME), grant(2))
    await rewarder.work()
    rewarder.clocks.pass_seconds(WAIT_SECONDS - 60)
    [later] = await rewarder.dispatcher.lease(10)
    assert later.reward_id.endswith(":2")

    rewarder.clocks.pass_seconds(60)
    assert await rewarder.dispatcher.lease(10) == []
    await rewarder.dispatcher.step(later)
    assert await rewarder.work() == ["1"]
