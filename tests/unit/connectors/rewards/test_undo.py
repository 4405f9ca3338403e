"""Taking rewards back: as much as is left, once, and honestly where nothing can be done."""

from dataclasses import replace
from typing import Any

import pytest

from connectors.rewards.benefits import FeatureExecutor, FreeAddonExecutor, FreeDaysExecutor
from connectors.rewards.discount import CouponExecutor, PromotionalCreditExecutor
from connectors.rewards.gateway import (
    Absent,
    Conflict,
    Done,
    Executor,
    Found,
    Granted,
    NotExecuted,
    Prepared,
    Refused,
    Unknown,
)
from schemas.rewards import AnyGrant, Discount, Feature, FreeAddon, FreeDays
from tests.support.gateway import InMemoryGateway
from tests.support.rewards import COUPON_OFF, FIVE_OFF, NOON, Clocks, grant, revoke

BY_CODE = Discount(via="coupon", percent="10", periods=3, single_use=True)
BETA = Feature(id="beta-access")
WEEK = FreeDays(days=7)
SUPPORT = FreeAddon(price="support-USD-monthly")
LATER = NOON + 7 * 86_400


@pytest.fixture
def gateway() -> InMemoryGateway:
    clocks = Clocks()
    return InMemoryGateway(clocks.engine, clocks.real).with_subscription(term_end=NOON)


async def delivered(executor: Executor, given: AnyGrant) -> Granted:
    command = grant(grant=given)
    prepared = await executor.prepare(command)
    assert isinstance(prepared, Prepared), prepared
    done = await executor.carry_out(prepared.body, "grant")
    assert isinstance(done, Done), done
    return Granted(command=command, body=prepared.body, reference=done.reference)


async def body_of(executor: Executor, granted: Granted) -> dict[str, Any]:
    prepared = await executor.undo.prepare(granted, revoke())
    assert isinstance(prepared, Prepared), prepared
    return prepared.body


TAKEN_BACK: list[tuple[AnyGrant, type[Any]]] = [
    (FIVE_OFF, PromotionalCreditExecutor),
    (COUPON_OFF, CouponExecutor),
    (BY_CODE, CouponExecutor),
    (BETA, FeatureExecutor),
    (WEEK, FreeDaysExecutor),
]
every_kind = pytest.mark.parametrize(("given", "build"), TAKEN_BACK)


@every_kind
async def test_what_was_given_is_taken_back_and_can_be_read(
    gateway: InMemoryGateway, given: AnyGrant, build: type[Any]
) -> None:
    executor = build(gateway)
    body = await body_of(executor, await delivered(executor, given))
    assert await executor.undo.read_back(body, 0) == Absent()
    done = await executor.undo.carry_out(body, "undo")
    assert isinstance(done, Done)
    assert done.short == ""
    assert await executor.undo.read_back(body, 0) == Found(done.reference)


@every_kind
async def test_a_lost_answer_is_settled_by_reading(
    gateway: InMemoryGateway, given: AnyGrant, build: type[Any]
) -> None:
    executor = build(gateway)
    body = await body_of(executor, await delivered(executor, given))
    gateway.faults = ["lost_after"]
    assert isinstance(await executor.undo.carry_out(body, "undo"), Unknown)
    assert isinstance(await executor.undo.read_back(body, 0), Found)


@pytest.mark.parametrize(
    ("given", "build"),
    [(COUPON_OFF, CouponExecutor), (BETA, FeatureExecutor), (WEEK, FreeDaysExecutor)],
)
async def test_what_is_gone_by_itself_needs_no_call(
    gateway: InMemoryGateway, given: AnyGrant, build: type[Any]
) -> None:
    executor = build(gateway)
    granted = await delivered(executor, given)
    gateway.held["sub_1"] = replace(gateway.held["sub_1"], coupons=(), term_end=NOON)
    gateway.overrides.clear()
    assert isinstance(await executor.undo.prepare(granted, revoke()), Done)


@pytest.mark.parametrize(
    ("given", "build"), [(COUPON_OFF, CouponExecutor), (WEEK, FreeDaysExecutor)]
)
async def test_a_subscription_that_is_gone_leaves_nothing_to_take(
    gateway: InMemoryGateway, given: AnyGrant, build: type[Any]
) -> None:
    executor = build(gateway)
    granted = await delivered(executor, given)
    body = await body_of(executor, granted)
    gateway.held.clear()
    assert await executor.undo.prepare(granted, revoke()) == Refused("subscription sub_1 is gone")
    assert isinstance(await executor.undo.read_back(body, 0), Conflict)


async def test_of_a_credit_only_what_is_left_is_taken(gateway: InMemoryGateway) -> None:
    executor = PromotionalCreditExecutor(gateway)
    granted = await delivered(executor, FIVE_OFF)
    gateway.spent["USD"] = 200
    body = await body_of(executor, granted)
    done = await executor.undo.carry_out(body, "undo")
    assert done == Done("pd_1", short="2.00 USD of 5.00 USD were spent")
    assert await executor.undo.read_back(body, 0) == Found("pd_1", short=done.short)
    [(_, taken)] = gateway.deductions
    assert (taken.amount_minor, taken.reference) == (300, "acme:c1:five-off:1:revoked")


async def test_of_more_credit_than_was_given_only_that_much_is_taken(
    gateway: InMemoryGateway,
) -> None:
    executor = PromotionalCreditExecutor(gateway)
    granted = await delivered(executor, FIVE_OFF)
    other = grant(2)
    prepared = await executor.prepare(other)
    assert isinstance(prepared, Prepared)
    await executor.carry_out(prepared.body, "another")
    await executor.undo.carry_out(await body_of(executor, granted), "undo")
    assert await gateway.credit_balance("c1", "USD") == 500


async def test_a_spent_credit_cannot_be_taken_back(gateway: InMemoryGateway) -> None:
    executor = PromotionalCreditExecutor(gateway)
    granted = await delivered(executor, FIVE_OFF)
    gateway.spent["USD"] = 500
    assert await executor.undo.prepare(granted, revoke()) == Refused("the credit is spent")


async def test_an_invoice_that_comes_in_between_has_the_amount_decided_anew(
    gateway: InMemoryGateway,
) -> None:
    executor = PromotionalCreditExecutor(gateway)
    granted = await delivered(executor, FIVE_OFF)
    body = await body_of(executor, granted)
    gateway.spent["USD"] = 100
    outcome = await executor.undo.carry_out(body, "undo")
    assert isinstance(outcome, NotExecuted)
    assert outcome.anew
    assert (await body_of(executor, granted))["deduct"]["amount"] == 400


async def test_a_deduction_refused_for_another_reason_stays_refused(
    gateway: InMemoryGateway,
) -> None:
    executor = PromotionalCreditExecutor(gateway)
    body = await body_of(executor, await delivered(executor, FIVE_OFF))

    async def refuse(params: Any, key: str) -> Refused:
        return Refused("not on this plan")

    gateway.deduct_credit = refuse  # type: ignore[method-assign]
    assert await executor.undo.carry_out(body, "undo") == Refused("not on this plan")


async def test_a_credit_taken_twice_is_a_humans(gateway: InMemoryGateway) -> None:
    executor = PromotionalCreditExecutor(gateway)
    body = await body_of(executor, await delivered(executor, FIVE_OFF))
    gateway.deductions = [
        (0.0, replace(gateway.credits[0][1], reference="acme:c1:five-off:1:revoked"))
    ]
    gateway.deductions *= 2
    assert isinstance(await executor.undo.read_back(body, 0), Conflict)


async def test_a_coupon_that_an_invoice_used_stays_used(gateway: InMemoryGateway) -> None:
    executor = CouponExecutor(gateway)
    granted = await delivered(executor, COUPON_OFF)
    body = await body_of(executor, granted)
    [coupon] = gateway.held["sub_1"].coupons
    gateway.held["sub_1"] = replace(gateway.held["sub_1"], coupons=())
    gateway.invoiced["sub_1"] = {coupon}
    assert await executor.undo.prepare(granted, revoke()) == Refused(
        "an invoice has used the coupon"
    )
    assert await executor.undo.read_back(body, 0) == Absent()


async def test_of_a_coupon_over_periods_what_no_invoice_used_is_taken(
    gateway: InMemoryGateway,
) -> None:
    executor = CouponExecutor(gateway)
    over_periods = Discount(via="coupon", percent="10", periods=3)
    granted = await delivered(executor, over_periods)
    gateway.invoiced["sub_1"] = {*gateway.held["sub_1"].coupons}
    body = await body_of(executor, granted)
    done = await executor.undo.carry_out(body, "undo")
    assert isinstance(done, Done)
    assert done.short == "an invoice has used the coupon"
    assert await executor.undo.read_back(body, 0) == Found(done.reference, short=done.short)
    assert gateway.held["sub_1"].coupons == ()


async def test_a_feature_that_somebody_changed_is_left_to_them(gateway: InMemoryGateway) -> None:
    executor = FeatureExecutor(gateway)
    granted = await delivered(executor, BETA)
    gateway.overrides["sub_1"]["beta-access"] = "gold"
    refused = await executor.undo.prepare(granted, revoke())
    assert refused == Refused("beta-access was given another value since: gold")


async def test_free_days_go_back_to_where_the_term_ended(gateway: InMemoryGateway) -> None:
    executor = FreeDaysExecutor(gateway)
    granted = await delivered(executor, WEEK)
    assert gateway.held["sub_1"].term_end == LATER
    await executor.undo.carry_out(await body_of(executor, granted), "undo")
    assert gateway.held["sub_1"].term_end == NOON


async def test_a_term_that_was_moved_since_is_left_alone(gateway: InMemoryGateway) -> None:
    executor = FreeDaysExecutor(gateway)
    granted = await delivered(executor, WEEK)
    gateway.held["sub_1"] = replace(gateway.held["sub_1"], term_end=LATER + 1)
    refused = await executor.undo.prepare(granted, revoke())
    assert refused == Refused("the term's end has moved since")


async def test_an_addon_stays_for_its_cycles(gateway: InMemoryGateway) -> None:
    executor = FreeAddonExecutor(gateway)
    granted = await delivered(executor, SUPPORT)
    assert isinstance(await executor.undo.prepare(granted, revoke()), Refused)
