"""What callers ask to happen: once per id, and only acknowledged when it is on Kafka."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from projections.service.api.intake import wants_to_wait
from schemas.facts import (
    AdjustmentRequested,
    CustomEventReceived,
    RedemptionCancelled,
    RedemptionRequested,
)
from tests.support.service import World, small_world
from tests.support.story import CUSTOMER, T0, adjusted

PATH = f"/v1/customers/{CUSTOMER}"
GIFT = {"id": "gift-1", "points": 100, "actor": "ann", "reason": "goodwill"}
WAIT = {"Prefer": "wait"}


async def test_an_adjustment_becomes_a_fact_and_is_accepted(world: World) -> None:
    answer = await world.client.post(f"{PATH}/adjustments", json=GIFT)

    assert answer.status_code == 202
    assert answer.json() == {"fact": "adjustment:gift-1", "entries": None}
    [fact] = world.engine.sent
    assert isinstance(fact, AdjustmentRequested)
    assert (fact.customer, fact.points, fact.actor, fact.reason) == (
        CUSTOMER, 100, "ann", "goodwill",
    )  # fmt: skip
    assert fact.source.startswith("key:")
    assert fact.occurred_at == world.watch.now


async def test_who_waits_is_told_what_came_of_it_and_then_sees_it(world: World) -> None:
    answer = await world.client.post(f"{PATH}/adjustments", json=GIFT, headers=WAIT)

    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait"
    assert answer.json()["entries"][0]["type"] == "PointsAdjusted"
    assert (await world.client.get(PATH)).json()["balance"] == 100


async def test_who_waits_in_vain_is_told_that_it_was_accepted(tmp_path: Path) -> None:
    async with small_world(tmp_path, wait_seconds_max=0.1) as world:
        world.engine.folding = False
        answer = await world.client.post(f"{PATH}/adjustments", json=GIFT, headers=WAIT)
        assert (answer.status_code, answer.json()["entries"]) == (202, None)
        assert "preference-applied" not in answer.headers


async def test_the_same_request_again_is_the_same_thing(world: World) -> None:
    for _ in range(3):
        shuffled = dict(reversed(GIFT.items()))
        answer = await world.client.post(f"{PATH}/adjustments", json=shuffled, headers=WAIT)
        assert answer.status_code == 200
        assert len(answer.json()["entries"]) == 1
    assert (await world.client.get(PATH)).json()["balance"] == 100


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{PATH}/adjustments", GIFT | {"points": 101}),
        (f"{PATH}/adjustments", GIFT | {"reason": "other"}),
        ("/v1/customers/another/adjustments", GIFT),
    ],
)
async def test_the_same_id_for_something_else_is_a_conflict(
    world: World, path: str, body: dict[str, Any]
) -> None:
    await world.client.post(f"{PATH}/adjustments", json=GIFT)
    answer = await world.client.post(path, json=body)
    assert answer.status_code == 409
    assert len(world.engine.sent) == 1


async def test_of_two_different_ones_at_once_one_is_a_conflict(world: World) -> None:
    answers = await asyncio.gather(
        *(
            world.client.post(f"{PATH}/adjustments", json=GIFT | {"points": points})
            for points in range(1, 9)
        )
    )
    assert sorted(each.status_code for each in answers) == [202] + [409] * 7
    assert len(world.engine.sent) == 1


async def test_what_kafka_did_not_take_is_not_accepted_and_can_be_asked_again(
    world: World,
) -> None:
    world.engine.kafka = False
    refused = await world.client.post(f"{PATH}/adjustments", json=GIFT)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "7")
    assert refused.json()["type"].endswith("unavailable")

    world.engine.kafka = True
    again = await world.client.post(f"{PATH}/adjustments", json=GIFT)
    assert again.status_code == 202


async def test_an_event_of_another_system_earns_by_its_rule(world: World) -> None:
    body = {
        "id": "review-1",
        "customer": CUSTOMER,
        "name": "review_submitted",
        "occurred_at": T0,
        "properties": {"stars": 5},
    }
    answer = await world.client.post("/v1/events", json=body, headers=WAIT)
    entry, tier = answer.json()["entries"]
    assert tier["type"] == "TierChanged"
    assert (entry["rule"], entry["points"], entry["occurred_at"]) == ("review", 250, T0)
    [fact] = world.engine.sent
    assert isinstance(fact, CustomEventReceived)


async def test_a_redemption_is_granted_and_can_be_cancelled(world: World) -> None:
    await world.engine.send(adjusted("much", 100, T0))
    asked = await world.client.post(f"{PATH}/redemptions", json={"id": "o-9", "reward": "none"})
    back = await world.client.post(
        f"{PATH}/redemptions/o-9/cancellation", json={"actor": "ann", "reason": "mistake"}
    )
    assert (asked.status_code, back.status_code) == (202, 202)
    _, request, cancelled = world.engine.sent
    assert isinstance(request, RedemptionRequested)
    assert isinstance(cancelled, RedemptionCancelled)
    assert (request.request, cancelled.request) == ("o-9", "o-9")


async def test_an_erasure_says_who_asked_why_and_what_is_left(world: World) -> None:
    answer = await world.client.post(
        f"{PATH}/erasure", json={"actor": "ann", "reason": "asked by letter"}
    )
    assert answer.json()["found"] == {"views": 3}
    [(site, customer, by, reason)] = world.privacy.asked
    assert (site, customer, reason) == ("acme-test", CUSTOMER, "asked by letter")
    assert by.startswith("ann (key:")


ABSENT = object()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reason", ABSENT),
        ("points", 0),
        ("points", "100"),
        ("points", 1.5),
        ("points", 10**13),
        ("id", "with space"),
        ("actor", ""),
        ("pionts", 1),
        ("reason", "a\nb"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_its_place(
    world: World, name: str, value: object
) -> None:
    body = {key: each for key, each in {**GIFT, name: value}.items() if each is not ABSENT}
    answer = await world.client.post(f"{PATH}/adjustments", json=body)
    assert answer.status_code == 422
    assert f"body.{name}" in [each["path"] for each in answer.json()["errors"]]
    assert world.engine.sent == []


@pytest.mark.parametrize("content", [b"{", b"", b"[]", b"\xff\xfe", b"null"])
async def test_a_body_that_is_no_object_is_refused(world: World, content: bytes) -> None:
    answer = await world.client.post(
        f"{PATH}/adjustments", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_milliseconds_are_told_from_seconds(world: World) -> None:
    body = {"id": "e", "customer": "c", "name": "n", "occurred_at": 1_764_547_200_000}
    answer = await world.client.post("/v1/events", json=body)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("prefer", "waits"),
    [
        (None, False),
        ("", False),
        ("wait", True),
        ("Wait=10", True),
        ("respond-async, wait=5; q=1", True),
        ("respond-async", False),
        ("waiting", False),
    ],
)
def test_waiting_is_asked_for_as_the_standard_writes_it(prefer: str | None, waits: bool) -> None:
    assert wants_to_wait(prefer) is waits


async def test_ids_of_different_kinds_are_different_things(world: World) -> None:
    one = await world.client.post(f"{PATH}/adjustments", json=GIFT)
    two = await world.client.post(f"{PATH}/redemptions", json={"id": "gift-1", "reward": "x"})
    assert (one.status_code, two.status_code) == (202, 202)
