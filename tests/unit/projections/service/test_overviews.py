"""What is owed, which programs there are, and how things are found."""

import pytest

from projections.liability import Flow
from projections.service.api.liability import liabilities, worth_of
from schemas.program.load import load_program
from tests.support.engine import sample_program
from tests.support.service import World
from tests.support.story import CUSTOMER, DAY, T0, adjusted, paid, refunded, time
from tests.support.year import SITE


async def test_what_is_owed_is_what_lots_hold(world: World) -> None:
    world.time_is(T0 + 20 * DAY)
    await world.engine.send(paid("first", 9_930))
    await world.engine.send(paid("late", 1_000, T0 + 19 * DAY))
    await world.engine.send(adjusted("gift", 50, T0 + 19 * DAY))
    found = (await world.client.get("/v1/liability")).json()

    assert found["outstanding"] == 993 + 150 + 100 + 50
    assert found["pending"] == 100
    assert found["deficit"] == 0
    by_name = {each["program"]: each for each in found["programs"]}
    assert by_name[""]["outstanding"] == 50
    spikes = by_name["spikes"]
    assert spikes["issued"] == spikes["outstanding"] == 1243
    assert spikes["months"] == [{"month": "2025-12", "flows": {"earned": 1243}}]
    [dollars] = [each for each in spikes["worth"] if each["currency"] == "USD"]
    assert dollars == {
        "currency": "USD",
        "amount_minor": 1243 * 500 // 2000,
        "reward": "five-off",
        "cost": 2000,
        "gives_minor": 500,
    }


async def test_what_expired_is_breakage_and_what_came_back_was_not_redeemed(world: World) -> None:
    await world.engine.send(paid("first", 9_930))
    await world.engine.send(adjusted("much", 2_000, T0 + DAY))  # fires five-off, which costs 2,000
    world.time_is(T0 + 800 * DAY)
    await world.engine.send(time(T0 + 800 * DAY))
    found = (await world.client.get("/v1/liability")).json()

    by_name = {each["program"]: each for each in found["programs"]}
    redeemed = sum(each["redeemed"] for each in found["programs"])
    expired = sum(each["expired"] for each in found["programs"])
    issued = sum(each["issued"] for each in found["programs"])
    assert redeemed == 2_000
    assert issued == redeemed + expired + found["outstanding"]
    spikes = by_name["spikes"]
    assert spikes["expired_share"] == round(spikes["expired"] / spikes["issued"], 4) > 0


async def test_what_accounts_owe_is_told_apart(world: World) -> None:
    await world.engine.send(paid("first", 9_930))
    await world.engine.send(adjusted("taken", -150, T0 + 20 * DAY))
    await world.engine.send(refunded("back", "first", 9_930, T0 + 21 * DAY))
    entries = await world.client.get(f"/v1/customers/{CUSTOMER}/entries", params={"limit": 1})
    found = (await world.client.get("/v1/liability")).json()
    assert found["deficit"] == entries.json()["items"][0]["deficit"]


def _costs(name: str, points: int, grant: str) -> str:
    return f"  - {{id: {name}, when: {{balance: {points}}}, cost: {points}, {grant}}}\n"


def test_the_dearest_discount_is_what_points_are_worth() -> None:
    program = load_program(
        f"program: p\nsite: {SITE}\nearn: [{{id: e, on: first_payment, points: 1}}]\nrewards:\n"
        + _costs("a", 100, 'discount: {via: coupon, amount: {USD: "1.00"}}')
        + _costs("b", 500, 'discount: {via: coupon, periods: 2, amount: {USD: "4", EUR: "1"}}')
        + _costs("c", 900, "free_days: 3")
    )
    worth = {each.currency: (each.reward, each.amount_minor) for each in worth_of(program, 1_000)}
    assert worth == {"USD": ("b", 1_600), "EUR": ("b", 400)}


def test_shares_are_of_what_was_issued_and_nothing_is_divided_by_nothing() -> None:
    nothing = liabilities([Flow("p", "2026-01", "expired", 0, 1)], {}, [], T0)
    assert nothing[0].expired_share == 0.0
    some = liabilities(
        [
            Flow("p", "2026-01", "earned", 300, 3),
            Flow("p", "2026-02", "expired", -100, 1),
            Flow("p", "2026-02", "redeemed", -50, 1),
            Flow("p", "2026-03", "restored", 20, 1),
        ],
        {"p": 40},
        [],
        T0,
    )
    [found] = some
    assert (found.outstanding, found.pending, found.issued) == (170, 40, 300)
    assert (found.expired, found.redeemed) == (100, 30)
    assert (found.expired_share, found.redeemed_share) == (0.3333, 0.1)


async def test_programs_are_told_by_version_and_in_words(world: World) -> None:
    await world.engine.publish(
        sample_program(SITE).replace("2025-01-01T00:00", "2030-01-01T00:00"), version=2
    )
    listed = (await world.client.get("/v1/programs")).json()
    assert [each["version"] for each in listed["items"]] == [1, 2]
    assert listed["in_force"] == {"id": "spikes", "version": 1}

    one = (await world.client.get("/v1/programs/spikes/versions/2")).json()
    assert any("200 spikes" in each for each in one["words"])
    assert one["document"]["program"] == "spikes"
    assert (await world.client.get("/v1/programs/spikes/versions/3")).status_code == 404


@pytest.mark.parametrize(
    ("q", "entries"),
    [
        ("payment:first:inv_first", True),
        ("first", True),
        ("ev_7", True),
        ("adjustment:gift", True),
        ("gift", True),
        ("firs", False),
        ("fir%", False),
    ],
)
async def test_entries_are_found_by_any_id_in_hand(world: World, q: str, entries: bool) -> None:
    fact = paid("first", 9_930)
    await world.engine.send(
        type(fact)(**{f: getattr(fact, f) for f in fact.__struct_fields__} | {"source": "ev_7"})
    )
    await world.engine.send(adjusted("gift", 50, T0))
    found = (await world.client.get("/v1/search", params={"q": q})).json()
    assert bool(found["entries"]) is entries
    assert found["customers"] == []


async def test_customers_are_found_by_how_their_id_begins(world: World) -> None:
    await world.engine.send(adjusted("gift", 50, T0))
    found = (await world.client.get("/v1/search", params={"q": CUSTOMER[:2]})).json()
    assert [each["customer"] for each in found["customers"]] == [CUSTOMER]
    assert found["customers"][0]["balance"] == 50
    assert (await world.client.get("/v1/search", params={"q": "zz"})).json()["customers"] == []
