"""Rewards by signed message: what each answer of a service means, and that ids never change."""

import base64
import json
import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook as Verifier

from connectors.outgoing.client import Guard, OutgoingClient
from connectors.rewards import states
from connectors.rewards.gateway import (
    Conflict,
    Done,
    Found,
    NotExecuted,
    Outcome,
    Prepared,
    ReadBack,
    Refused,
    Unknown,
    Unreadable,
)
from connectors.rewards.standing import SETTLED_STATES, Instant, Standing, State
from connectors.rewards.states import Move
from connectors.rewards.webhook import SCHEDULE, Endpoint, WebhookExecutor
from schemas.rewards import GrantReward, Webhook
from tests.support.rewards import grant
from tests.support.serving import serving

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
TREE = Webhook(purpose="charity", endpoint="trees", payload={"trees": 1})
POLICY = WebhookExecutor.policy


def tree(ordinal: int = 1) -> GrantReward:
    return grant(ordinal, reward="tree", grant=TREE)


class Service:
    """A service that answers as it is told, and remembers what it was told."""

    def __init__(self, status: int = 200, text: str = "", headers: Mapping[str, str] = {}) -> None:
        self.status, self.text, self.headers = status, text, headers
        self.messages: list[dict[str, Any]] = []
        self.ids: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.messages.append(Verifier(SECRET).verify(body, dict(request.headers)))
        self.ids.append(request.headers["webhook-id"])
        return web.Response(status=self.status, text=self.text, headers=self.headers)


def endpoint(url: str) -> dict[str, Endpoint]:
    return {"trees": Endpoint(name="trees", url=url, secrets=(SECRET,))}


async def told(service: Service, *, read_back: bool = False) -> Outcome | ReadBack:
    async with serving(service.answer) as url, OutgoingClient(Guard(allow_loopback=True)) as client:
        executor = WebhookExecutor(client, endpoint(url), time.time)
        prepared = await executor.prepare(tree())
        assert isinstance(prepared, Prepared)
        if read_back:
            return await executor.read_back(prepared.body, 0)
        return await executor.carry_out(prepared.body, "key")


async def test_the_message_says_what_for_and_nothing_personal() -> None:
    service = Service()
    assert await told(service) == Done("acme:c1:tree:1")
    [message] = service.messages
    assert message["type"] == "reward.granted"
    assert message["data"] == {
        "reward_id": "acme:c1:tree:1", "site": "acme", "customer": "c1", "program": "spikes",
        "program_version": 3, "reward": "tree", "purpose": "charity", "payload": {"trees": 1},
    }  # fmt: skip
    assert service.ids == ["acme:c1:tree:1"]


async def test_a_code_and_a_link_are_for_the_customer_and_the_reference_for_us() -> None:
    answer = json.dumps({"id": "o_7", "code": "TREE-1", "link": "https://trees.example/1"})
    assert await told(Service(text=answer)) == Done("o_7", "TREE-1 https://trees.example/1")


@pytest.mark.parametrize("text", ["", "thanks", "[1]", "null", '{"code": null}'])
async def test_an_answer_without_either_is_as_good(text: str) -> None:
    assert await told(Service(text=text)) == Done("acme:c1:tree:1")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused), (404, Refused), (302, Refused), (410, Refused),
        (408, NotExecuted), (409, NotExecuted), (425, NotExecuted), (429, NotExecuted),
        (503, NotExecuted), (500, Unknown), (502, Unknown), (504, Unknown), (507, Unknown),
    ],
)  # fmt: skip
async def test_each_answer_has_its_meaning(status: int, kind: type) -> None:
    assert isinstance(await told(Service(status)), kind)


@pytest.mark.parametrize(("said", "waits"), [("7", 7.0), ("soon", 0.0), ("999999999", 86_400.0)])
async def test_a_busy_service_says_when_to_come_again(said: str, waits: float) -> None:
    outcome = await told(Service(429, headers={"Retry-After": said}))
    assert isinstance(outcome, NotExecuted)
    assert outcome.retry_after == waits


async def test_an_endpoint_that_is_gone_is_not_called_again() -> None:
    service = Service(410)
    async with serving(service.answer) as url, OutgoingClient(Guard(allow_loopback=True)) as client:
        executor = WebhookExecutor(client, endpoint(url), time.time)
        first = await executor.prepare(tree(1))
        assert isinstance(first, Prepared)
        await executor.carry_out(first.body, "key")
        assert isinstance(await executor.prepare(tree(2)), Refused)
    assert service.ids == ["acme:c1:tree:1"]


async def test_an_endpoint_that_nobody_set_up_is_refused_with_those_that_are() -> None:
    async with OutgoingClient(Guard()) as client:
        refused = await WebhookExecutor(client, endpoint(""), time.time).prepare(
            grant(grant=Webhook(purpose="custom", endpoint="shop"))
        )
    assert refused == Refused("the settings have no endpoint shop; known are trees")


async def test_an_address_inside_our_network_is_refused_for_good() -> None:
    async with OutgoingClient(Guard()) as client:
        executor = WebhookExecutor(client, endpoint("https://10.0.0.1/hook"), time.time)
        prepared = await executor.prepare(tree())
        assert isinstance(prepared, Prepared)
        outcome = await executor.carry_out(prepared.body, "key")
    assert outcome == Refused("10.0.0.1 is private", "address_refused")


@pytest.mark.parametrize(
    ("status", "reading"), [(200, Found), (400, Conflict), (429, Unreadable), (500, Unreadable)]
)
async def test_what_is_in_doubt_is_read_by_asking_again_under_the_same_id(
    status: int, reading: type
) -> None:
    service = Service(status)
    assert isinstance(await told(service, read_back=True), reading)
    assert service.ids == ["acme:c1:tree:1"]


def at(seconds: float) -> Instant:
    return Instant(now=int(seconds), wall=seconds)


def tried_until_rest(outcome: Outcome) -> tuple[Standing, list[float]]:
    """The standing when nothing more is tried, and when each try was made."""
    assert POLICY is not None
    standing, tries = Standing(), []
    while standing.state not in SETTLED_STATES and not standing.stuck:
        time = at(standing.next_wall)
        tries.append(time.wall)
        move = Move.PREPARE if standing.epoch == 0 else states.next_move(standing, POLICY, time)
        assert move in {Move.PREPARE, Move.RESEND}
        standing = states.after_call(states.begin(standing, move, time), outcome, POLICY, time)
    return standing, tries


def test_a_busy_service_is_tried_by_the_schedule_and_then_it_has_failed() -> None:
    standing, tries = tried_until_rest(NotExecuted("busy", 0.0))
    assert (standing.state, len(tries)) == (State.FAILED, len(SCHEDULE) + 1)
    assert tuple(later - earlier for earlier, later in pairwise(tries)) == SCHEDULE


def test_a_silent_service_is_tried_by_the_schedule_and_then_left_to_a_human() -> None:
    standing, tries = tried_until_rest(Unknown("no answer"))
    assert (standing.state, len(tries)) == (State.UNKNOWN, len(SCHEDULE) + 1)
    assert standing.stuck == "given up after 10 tries: no answer"
