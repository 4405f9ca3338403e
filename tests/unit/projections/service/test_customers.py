"""What the API tells of one customer."""

import pytest
from prometheus_client import REGISTRY

from tests.support.service import World
from tests.support.story import CUSTOMER, DAY, T0, adjusted, paid, time

PATH = f"/v1/customers/{CUSTOMER}"


async def lived(world: World) -> None:
    """Earned 14 days ago 993, adjusted by 50, and a payment that is pending."""
    world.time_is(T0 + 20 * DAY)
    await world.engine.send(paid("first", 9_930))
    await world.engine.send(adjusted("gift", 50, T0 + DAY))
    await world.engine.send(paid("late", 1_000, T0 + 19 * DAY))


async def test_a_customer_stands_where_the_fold_says_now(world: World) -> None:
    await lived(world)
    answer = await world.client.get(PATH)

    found = answer.json()
    assert answer.status_code == 200
    assert found["customer"] == CUSTOMER
    # The first payment became spendable, though nobody has told the fold of the time.
    assert found["balance"] == 993 + 150 + 50
    assert found["pending"] == 100
    assert found["tier"]["tier"] == "seedling"
    assert found["tier"]["next_tier"] == "saguaro"
    assert found["tier"]["missing"] == 2000 - found["tier"]["basis"]
    assert found["expiring"][0]["points"] > 0
    assert found["program"] == {"id": "spikes", "version": 1}
    assert found["at"] == T0 + 20 * DAY


async def test_a_future_instant_tells_what_will_have_expired(world: World) -> None:
    await lived(world)
    later = (await world.client.get(PATH, params={"at": T0 + 800 * DAY})).json()

    assert (later["balance"], later["pending"], later["expiring"]) == (0, 0, [])
    assert later["lifetime"] == 993 + 150 + 100  # what expires was earned all the same


async def test_a_past_instant_tells_what_had_happened_by_then(world: World) -> None:
    await lived(world)
    then = (await world.client.get(PATH, params={"at": T0 + 2 * DAY})).json()

    assert (then["balance"], then["pending"]) == (150 + 50, 993)
    assert then["at"] == T0 + 2 * DAY


async def test_what_was_known_then_leaves_out_what_was_recorded_later(world: World) -> None:
    world.time_is(T0 + 40 * DAY)
    world.engine.recorded_at_ms = (T0 + DAY) * 1_000
    await world.engine.send(adjusted("first", 10, T0))
    world.engine.recorded_at_ms = (T0 + 30 * DAY) * 1_000
    await world.engine.send(adjusted("late news", 5, T0 + 2 * DAY))

    shown = await world.client.get(PATH, params={"known_at": T0 + 10 * DAY})
    should = await world.client.get(PATH, params={"at": T0 + 10 * DAY})

    assert shown.json()["balance"] == 10
    assert shown.json()["at"] == shown.json()["known_at"] == T0 + 10 * DAY
    assert should.json()["balance"] == 15


async def test_before_anything_happened_there_is_nothing(world: World) -> None:
    await lived(world)
    then = (await world.client.get(PATH, params={"at": T0 - DAY})).json()
    assert (then["balance"], then["sequence"], then["tier"]) == (0, 0, then["tier"])


async def test_an_account_ahead_of_the_clock_is_told_as_it_is(world: World) -> None:
    await lived(world)
    world.time_is(T0)
    found = (await world.client.get(PATH)).json()
    assert found["at"] == T0 + 19 * DAY
    assert found["pending"] == 100


async def test_a_state_that_was_not_read_yet_is_waited_for_and_then_admitted(
    world: World,
) -> None:
    await lived(world)
    await world.engine.forget_states()
    answer = await world.client.get(PATH)
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


async def test_entries_come_newest_first_in_pages(world: World) -> None:
    await lived(world)
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await world.client.get(f"{PATH}/entries", params=params)).json()
        seen += [each["sequence"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert seen == list(range(max(seen), 0, -1))


async def test_entries_can_be_chosen_by_type_rule_and_time(world: World) -> None:
    await lived(world)

    async def chosen(**params: str | int) -> list[dict[str, object]]:
        answer = await world.client.get(f"{PATH}/entries", params=params)
        items: list[dict[str, object]] = answer.json()["items"]
        return items

    assert {each["type"] for each in await chosen(type="PointsAdjusted")} == {"PointsAdjusted"}
    assert [each["points"] for each in await chosen(rule="pay")] == [100, 993]
    late = await chosen(**{"from": T0 + 2 * DAY})
    assert late
    assert all(each["occurred_at"] >= T0 + 2 * DAY for each in late)  # type: ignore[operator]
    assert await chosen(**{"from": T0, "to": T0}) == []


async def test_one_entry_is_told_with_its_event(world: World) -> None:
    await lived(world)
    entry = (await world.client.get(f"{PATH}/entries/1")).json()
    assert entry["event"]["sequence"] == 1
    assert entry["cause"]["fact"] == "payment:first:inv_first"
    assert (await world.client.get(f"{PATH}/entries/99")).status_code == 404
    assert (await world.client.get(f"{PATH}/entries/1/explanation")).json()["sentences"]
    assert (await world.client.get(f"{PATH}/entries/9/explanation")).status_code == 404


async def test_lots_are_told_as_they_stand_now(world: World) -> None:
    await lived(world)
    lots = (await world.client.get(f"{PATH}/lots")).json()
    states_of = {each["rule"]: each["state"] for each in lots["items"] if each["rule"]}
    assert states_of == {"first": "available", "pay": "pending"}
    assert sum(each["remaining"] for each in lots["items"]) == 993 + 150 + 50 + 100
    gone = (await world.client.get(f"{PATH}/lots", params={"at": T0 + 800 * DAY})).json()
    assert gone["items"] == []


async def test_rewards_are_told_newest_first(world: World) -> None:
    world.time_is(T0 + 3 * DAY)
    await world.engine.send(adjusted("much", 4_500, T0))
    page = (await world.client.get(f"{PATH}/rewards", params={"limit": 1})).json()
    rest = (await world.client.get(f"{PATH}/rewards", params={"cursor": page["next"]})).json()
    assert page["items"][0]["grant"]["amounts_minor"]["USD"] == 500
    assert page["items"][0]["sequence"] > rest["items"][0]["sequence"]
    assert rest["next"] is None


@pytest.mark.parametrize("what", ["", "/entries", "/lots", "/rewards", "/export"])
async def test_nobody_knows_a_customer_who_never_was(world: World, what: str) -> None:
    answer = await world.client.get(f"/v1/customers/nobody{what}")
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("not-found")


@pytest.mark.parametrize(
    ("path", "where"),
    [
        (f"{PATH}/entries?limit=0", "query.limit"),
        (f"{PATH}/entries?cursor=nonsense", "query.cursor"),
        (f"{PATH}/rewards?cursor=WyJlbnRyaWVzIiw3XQ", "query.cursor"),
        (f"{PATH}/entries?form=7", "query.form"),
        (f"{PATH}/entries?type=Points", "query.type"),
        (f"{PATH}?at=1764547200000", "query.at"),
        (f"{PATH}/entries/zero", "path.sequence"),
        ("/v1/search?q=x", "query.q"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_its_place(
    world: World, path: str, where: str
) -> None:
    answer = await world.client.get(path)
    assert answer.status_code == 422
    assert [each["path"] for each in answer.json()["errors"]] == [where]


async def test_who_has_the_answer_already_is_sent_nothing(world: World) -> None:
    await lived(world)
    for path in (PATH, f"{PATH}/entries", f"{PATH}/lots", "/v1/liability", "/v1/programs"):
        first = await world.client.get(path)
        tag = first.headers["etag"]
        world.time_is(world.watch.now + 1)
        again = await world.client.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
        assert (again.status_code, again.content) == (304, b""), path
    await world.engine.send(adjusted("more", 7, T0 + 20 * DAY))
    changed = await world.client.get(PATH, headers={"If-None-Match": tag})
    assert changed.status_code == 200


async def test_time_that_was_told_and_time_that_was_not_give_one_answer(world: World) -> None:
    await lived(world)
    world.time_is(T0 + 500 * DAY)
    before = (await world.client.get(PATH)).json()
    await world.engine.send(time(T0 + 500 * DAY))
    after = (await world.client.get(PATH)).json()
    for name in ("balance", "pending", "lifetime", "deficit", "tier", "expiring"):
        assert before[name] == after[name], name


async def test_a_request_is_measured_under_the_whole_template(world: World) -> None:
    def counted() -> float:
        labels = {"route": "/v1/customers/{customer}/lots", "method": "GET", "status": "404"}
        return REGISTRY.get_sample_value("cactus_api_requests_total", labels) or 0.0

    before = counted()
    await world.client.get("/v1/customers/nobody/lots")
    assert counted() == before + 1
