"""Features, free days and free add-ons: where they land, what is sent, and how it is read back."""

from dataclasses import replace

import pytest

from connectors.rewards.benefits import FeatureExecutor, FreeAddonExecutor, FreeDaysExecutor
from connectors.rewards.gateway import (
    Absent,
    Conflict,
    Done,
    Executor,
    Found,
    Prepared,
    Refused,
)
from schemas.rewards import AnyGrant, Feature, FreeAddon, FreeDays
from tests.support.gateway import InMemoryGateway
from tests.support.rewards import NOON, Clocks, grant

BETA = Feature(id="beta-access")
WEEK = FreeDays(days=7)
SUPPORT = FreeAddon(price="support-USD-monthly", cycles=3)
KINDS: list[tuple[AnyGrant, type[FeatureExecutor | FreeDaysExecutor | FreeAddonExecutor]]] = [
    (BETA, FeatureExecutor),
    (WEEK, FreeDaysExecutor),
    (SUPPORT, FreeAddonExecutor),
]
every_kind = pytest.mark.parametrize(("given", "build"), KINDS)


@pytest.fixture
def gateway() -> InMemoryGateway:
    clocks = Clocks()
    return InMemoryGateway(clocks.engine, clocks.real).with_subscription(term_end=NOON)


async def prepared(executor: Executor, given: AnyGrant) -> Prepared:
    result = await executor.prepare(grant(grant=given))
    assert isinstance(result, Prepared), result
    return result


@every_kind
async def test_what_is_given_can_be_read_back(
    gateway: InMemoryGateway, given: AnyGrant, build: type[FeatureExecutor]
) -> None:
    executor = build(gateway)
    body = (await prepared(executor, given)).body
    assert await executor.read_back(body, 0) == Absent()
    done = await executor.carry_out(body, "key")
    assert isinstance(done, Done)
    assert await executor.read_back(body, 0) == Found(done.reference)


@every_kind
async def test_without_a_subscription_it_is_refused(
    gateway: InMemoryGateway, given: AnyGrant, build: type[FeatureExecutor]
) -> None:
    gateway.held.clear()
    assert isinstance(await build(gateway).prepare(grant(grant=given)), Refused)


@every_kind
async def test_a_cancelled_subscription_gives_way_to_another(
    gateway: InMemoryGateway, given: AnyGrant, build: type[FeatureExecutor]
) -> None:
    gateway.held["sub_1"] = replace(gateway.held["sub_1"], status="cancelled")
    gateway.with_subscription("sub_2", term_end=NOON)
    assert (await prepared(build(gateway), given)).body["subscription"] == "sub_2"


async def test_a_feature_ends_when_its_grant_says(gateway: InMemoryGateway) -> None:
    until = Feature(id="beta-access", value="9", until=NOON)
    body = (await prepared(FeatureExecutor(gateway), until)).body
    assert body["override"] == {"feature_id": "beta-access", "value": "9", "expires_at": NOON}


async def test_a_feature_of_another_value_is_not_there_yet(gateway: InMemoryGateway) -> None:
    executor = FeatureExecutor(gateway)
    body = (await prepared(executor, BETA)).body
    gateway.overrides["sub_1"] = {"beta-access": "false"}
    assert await executor.read_back(body, 0) == Absent()


async def test_free_days_are_counted_once_from_the_end_of_the_term(
    gateway: InMemoryGateway,
) -> None:
    executor = FreeDaysExecutor(gateway)
    body = (await prepared(executor, WEEK)).body
    assert body == {"subscription": "sub_1", "from": NOON, "until": NOON + 7 * 86_400}
    for key in ("key 1", "key 2"):
        await executor.carry_out(body, key)
    assert gateway.held["sub_1"].term_end == NOON + 7 * 86_400


async def test_a_term_that_somebody_else_moved_is_left_to_a_human(
    gateway: InMemoryGateway,
) -> None:
    executor = FreeDaysExecutor(gateway)
    body = (await prepared(executor, WEEK)).body
    gateway.held["sub_1"] = replace(gateway.held["sub_1"], term_end=NOON + 1)
    assert isinstance(await executor.read_back(body, 0), Conflict)


async def test_a_subscription_outside_a_term_has_none_to_prolong(gateway: InMemoryGateway) -> None:
    gateway.held["sub_1"] = replace(gateway.held["sub_1"], term_end=None)
    assert isinstance(await FreeDaysExecutor(gateway).prepare(grant(grant=WEEK)), Refused)


async def test_a_free_addon_costs_nothing_for_its_cycles(gateway: InMemoryGateway) -> None:
    assert (await prepared(FreeAddonExecutor(gateway), SUPPORT)).body["item"] == {
        "item_price_id": "support-USD-monthly",
        "quantity": 1,
        "unit_price": 0,
        "billing_cycles": 3,
    }


async def test_an_addon_that_the_customer_pays_for_is_not_given_again(
    gateway: InMemoryGateway,
) -> None:
    gateway.held["sub_1"] = replace(gateway.held["sub_1"], addons=("support-USD-monthly",))
    refused = await FreeAddonExecutor(gateway).prepare(grant(grant=SUPPORT))
    assert refused == Refused("subscription sub_1 has the add-on support-USD-monthly already")
