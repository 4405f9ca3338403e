import re
from typing import Any

import pytest

from connectors.rewards.discount import (
    CouponExecutor,
    PromotionalCreditExecutor,
    code_of,
    coupon_id,
    set_of,
)
from connectors.rewards.gateway import (
    Absent,
    Conflict,
    Done,
    Found,
    Prepared,
    Refused,
)
from schemas.rewards import Discount
from tests.support.gateway import InMemoryGateway
from tests.support.rewards import Clocks, coupon, grant


@pytest.fixture
def gateway() -> InMemoryGateway:
    clocks = Clocks()
    return InMemoryGateway(clocks.engine, clocks.real).with_subscription()


async def test_a_credit_says_which_reward_it_is_for(gateway: InMemoryGateway) -> None:
    prepared = await PromotionalCreditExecutor(gateway).prepare(grant(7))
    assert prepared == Prepared(
        {
            "customer_id": "c1",
            "amount": 500,
            "currency_code": "USD",
            "description": "Loyalty reward five-off of program spikes, version 3",
            "credit_type": "loyalty_credits",
            "reference": "acme:c1:five-off:7",
        },
        worth_minor=500,
        currency="USD",
    )


async def test_a_currency_without_an_amount_fails_with_the_reason(gateway: InMemoryGateway) -> None:
    refused = await PromotionalCreditExecutor(gateway).prepare(grant(currency="EUR"))
    assert refused == Refused("the reward names no amount in EUR, only in USD")


async def test_an_unknown_currency_is_looked_up_at_the_subscription(
    gateway: InMemoryGateway,
) -> None:
    two = Discount(via="promotional_credit", amounts_minor={"USD": 500, "EUR": 400})
    gateway.with_subscription("sub_1", currency="EUR")
    prepared = await PromotionalCreditExecutor(gateway).prepare(grant(currency="", grant=two))
    assert isinstance(prepared, Prepared)
    assert (prepared.body["amount"], prepared.body["currency_code"]) == (400, "EUR")


async def test_without_any_subscription_a_currency_is_not_guessed(gateway: InMemoryGateway) -> None:
    two = Discount(via="promotional_credit", amounts_minor={"USD": 500, "EUR": 400})
    command = grant(customer="c2", currency="", subscription="", grant=two)
    refused = await PromotionalCreditExecutor(gateway).prepare(command)
    assert isinstance(refused, Refused)
    assert "currency is not known" in refused.reason


async def test_a_percentage_is_no_promotional_credit(gateway: InMemoryGateway) -> None:
    percent = Discount(via="promotional_credit", percent="10")
    refused = await PromotionalCreditExecutor(gateway).prepare(grant(grant=percent))
    assert isinstance(refused, Refused)


async def test_a_credit_is_found_again_by_its_reference(gateway: InMemoryGateway) -> None:
    executor = PromotionalCreditExecutor(gateway)
    prepared = await executor.prepare(grant())
    assert isinstance(prepared, Prepared)
    assert await executor.read_back(prepared.body, 0) == Absent()
    assert await executor.carry_out(prepared.body, "key") == Done("pc_1")
    assert await executor.read_back(prepared.body, 0) == Found("pc_1")
    assert isinstance(await executor.read_back({**prepared.body, "amount": 1}, 0), Conflict)
    await executor.carry_out(prepared.body, "another key")
    assert isinstance(await executor.read_back(prepared.body, 0), Conflict)


async def test_a_coupon_goes_to_the_subscription_of_the_command(gateway: InMemoryGateway) -> None:
    gateway.with_subscription("sub_2", created_at=0)
    prepared = await CouponExecutor(gateway).prepare(coupon())
    assert isinstance(prepared, Prepared)
    assert prepared.body["subscription"] == "sub_1"
    assert prepared.body["coupon"]["id"] == "cactus-spikes-five-off-v3-USD-1"


async def test_else_to_the_newest_active_one_before_one_in_trial(gateway: InMemoryGateway) -> None:
    gateway.with_subscription("sub_1", status="cancelled")
    gateway.with_subscription("sub_2", status="in_trial", created_at=5)
    gateway.with_subscription("sub_4", created_at=4)
    gateway.with_subscription("sub_3", created_at=3)
    gateway.with_subscription("sub_0", status="non_renewing", created_at=6)
    prepared = await CouponExecutor(gateway).prepare(coupon())
    assert isinstance(prepared, Prepared)
    assert prepared.body["subscription"] == "sub_4"


async def test_a_coupon_needs_a_subscription_with_a_next_invoice(gateway: InMemoryGateway) -> None:
    gateway.with_subscription("sub_1", status="non_renewing")
    refused = await CouponExecutor(gateway).prepare(coupon())
    assert isinstance(refused, Refused)
    assert "no subscription with a next invoice" in refused.reason


async def test_two_customers_share_a_coupon_and_two_firings_do_not(
    gateway: InMemoryGateway,
) -> None:
    gateway.with_subscription("sub_2", "c2")
    executor = CouponExecutor(gateway)
    for command in (coupon(1), coupon(1, customer="c2", subscription="sub_2"), coupon(2)):
        prepared = await executor.prepare(command)
        assert isinstance(prepared, Prepared)
        assert await executor.read_back(prepared.body, 0) == Absent()
        outcome = await executor.carry_out(prepared.body, command.reward_id)
        assert isinstance(outcome, Done)
        assert await executor.read_back(prepared.body, 0) == Found(outcome.reference)
    assert len(gateway.coupons) == 2


async def test_a_coupon_that_an_invoice_has_used_up_is_still_found(
    gateway: InMemoryGateway,
) -> None:
    executor = CouponExecutor(gateway)
    prepared = await executor.prepare(coupon())
    assert isinstance(prepared, Prepared)
    gateway.invoiced["sub_1"] = {prepared.body["coupon"]["id"]}
    assert isinstance(await executor.read_back(prepared.body, 0), Found)


async def test_a_coupon_with_other_terms_is_not_taken_for_ours(gateway: InMemoryGateway) -> None:
    gateway.coupons[coupon_id(coupon(), "USD")] = {"id": "x", "discount_amount": 1}
    executor = CouponExecutor(gateway)
    prepared = await executor.prepare(coupon())
    assert isinstance(prepared, Prepared)
    assert isinstance(await executor.carry_out(prepared.body, "key"), Refused)


def test_coupon_ids_are_stable_short_and_plain() -> None:
    long = coupon(reward="ein-sehr-langer-name-für-eine-belohnung-mit-umlaut")
    assert coupon_id(long, "USD") == coupon_id(long, "USD")
    assert coupon_id(long, "USD") != coupon_id(long, "EUR")
    assert len(coupon_id(long, "USD")) <= 50
    assert coupon_id(long, "USD").isascii()
    assert coupon_id(coupon(), "") == "cactus-spikes-five-off-v3-1"


QUARTERLY = Discount(via="coupon", percent="10", periods=3)
BY_CODE = Discount(via="coupon", percent="10", single_use=True)


async def test_a_coupon_is_worth_what_all_its_periods_give(gateway: InMemoryGateway) -> None:
    thrice = Discount(via="coupon", amounts_minor={"USD": 500}, periods=3)
    prepared = await CouponExecutor(gateway).prepare(coupon(grant=thrice))
    assert isinstance(prepared, Prepared), prepared
    assert (prepared.worth_minor, prepared.currency) == (1500, "USD")


async def body_of(gateway: InMemoryGateway, given: Discount, ordinal: int = 1) -> dict[str, Any]:
    prepared = await CouponExecutor(gateway).prepare(coupon(ordinal, grant=given))
    assert isinstance(prepared, Prepared), prepared
    return prepared.body


@pytest.mark.parametrize(
    ("period", "unit", "lasts", "name"),
    [
        (1, "month", 3, "cactus-spikes-five-off-v3-1-3month"),
        (6, "month", 18, "cactus-spikes-five-off-v3-1-18month"),
        (2, "week", 6, "cactus-spikes-five-off-v3-1-6week"),
        (1, "year", 3, "cactus-spikes-five-off-v3-1-3year"),
    ],
)
async def test_a_coupon_for_three_cycles_lasts_for_three_terms_of_its_subscription(
    gateway: InMemoryGateway, period: int, unit: str, lasts: int, name: str
) -> None:
    gateway.with_subscription("sub_1", period=period, period_unit=unit)
    terms = (await body_of(gateway, QUARTERLY))["coupon"]
    assert (terms["duration_type"], terms["period"], terms["period_unit"]) == (
        "limited_period",
        lasts,
        unit,
    )
    assert terms["id"] == name


async def test_a_coupon_for_one_cycle_is_for_one_invoice(gateway: InMemoryGateway) -> None:
    terms = (await body_of(gateway, Discount(via="coupon", percent="10")))["coupon"]
    assert terms["duration_type"] == "one_time"
    assert "period" not in terms


async def test_a_code_redeems_the_shared_coupon_for_one_reward(gateway: InMemoryGateway) -> None:
    gateway.with_subscription("sub_2", "c2")
    executor = CouponExecutor(gateway)
    references = set()
    for command in (
        coupon(grant=BY_CODE),
        coupon(grant=BY_CODE, customer="c2", subscription="sub_2"),
    ):
        prepared = await executor.prepare(command)
        assert isinstance(prepared, Prepared)
        assert await executor.read_back(prepared.body, 0) == Absent()
        done = await executor.carry_out(prepared.body, command.reward_id)
        assert done == Done(code_of(command.reward_id))
        assert await executor.read_back(prepared.body, 0) == Found(done.reference)
        references.add(done.reference)
    assert len(references) == 2
    assert len(gateway.coupons) == 1


async def test_a_code_that_an_invoice_has_used_up_is_still_found(gateway: InMemoryGateway) -> None:
    body = await body_of(gateway, BY_CODE)
    gateway.invoiced["sub_1"] = {body["code"]}
    assert await CouponExecutor(gateway).read_back(body, 0) == Found(body["code"])


async def test_a_code_is_redeemed_once_however_often_it_is_sent(gateway: InMemoryGateway) -> None:
    executor = CouponExecutor(gateway)
    body = await body_of(gateway, BY_CODE)
    assert isinstance(await executor.carry_out(body, "key 1"), Done)
    assert isinstance(await executor.carry_out(body, "key 2"), Refused)
    assert await executor.read_back(body, 0) == Found(body["code"])


async def test_a_code_of_another_coupon_is_not_taken_for_ours(gateway: InMemoryGateway) -> None:
    body = await body_of(gateway, BY_CODE)
    gateway.codes[body["code"]] = "somebody-elses"
    assert isinstance(await CouponExecutor(gateway).carry_out(body, "key"), Refused)


@pytest.mark.parametrize("reward", ["five-off", "a-name-that-leaves-no-room-for-what-follows"])
async def test_codes_and_their_sets_fit_what_chargebee_takes(
    gateway: InMemoryGateway, reward: str
) -> None:
    command = coupon(grant=BY_CODE, reward=reward)
    name = coupon_id(command, "")
    assert len(set_of(name, command.reward_id)) <= 50
    code = code_of(command.reward_id)
    assert len(code) <= 50
    assert re.fullmatch("[A-Z0-9]+", code)
    assert code == code_of(command.reward_id)
