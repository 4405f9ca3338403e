"""The sandbox's other service does for one message id one thing, whatever goes wrong on the way."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.outgoing.client import Guard, OutgoingClient
from connectors.rewards.gateway import Done, NotExecuted, Outcome, Prepared, Refused, Unknown
from connectors.rewards.webhook import Endpoint, WebhookExecutor
from deploy.sandbox.faults import Fault
from deploy.sandbox.hooks import SECRET
from deploy.sandbox.life import LifeSettings
from deploy.sandbox.sandbox import SandboxSettings
from deploy.sandbox.server import RunningSandbox, running
from schemas.rewards import Webhook
from tests.support.rewards import grant

OTHER = "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldC1vdGhlciE="


@pytest.fixture(scope="module")
def service() -> Iterator[RunningSandbox]:
    with running(SandboxSettings(life=LifeSettings(seed=1, customers=1, days=1))) as sandbox:
        yield sandbox


async def sent(service: RunningSandbox, ordinal: int, *, secret: str = SECRET) -> Outcome:
    tree = grant(ordinal, reward="tree", grant=Webhook(purpose="charity", endpoint="trees"))
    endpoints = {
        "trees": Endpoint(name="trees", url=f"{service.url}/hooks/trees", secrets=(secret,))
    }
    async with OutgoingClient(Guard(allow_loopback=True), total_seconds=1) as client:
        executor = WebhookExecutor(client, endpoints, time.time)
        prepared = await executor.prepare(tree)
        assert isinstance(prepared, Prepared)
        return await executor.carry_out(prepared.body, "")


def given(service: RunningSandbox, ordinal: int) -> int:
    wanted = f"acme:c1:tree:{ordinal}"
    return sum(each.data["reward_id"] == wanted for each in service.sandbox.hooks.given)


async def test_a_message_gives_a_code_and_a_repeat_gives_the_same(service: RunningSandbox) -> None:
    first = await sent(service, 1)
    assert isinstance(first, Done)
    assert first.handed.startswith("TREES-")
    assert await sent(service, 1) == first
    assert given(service, 1) == 1


async def test_a_message_under_another_secret_is_refused(service: RunningSandbox) -> None:
    assert isinstance(await sent(service, 2, secret=OTHER), Refused)
    assert given(service, 2) == 0


@pytest.mark.parametrize(
    ("kind", "means", "done"),
    [
        ("server_error", Unknown, 0),
        ("failed_after", Unknown, 1),
        ("lost_answer", Unknown, 1),
        ("rate_limited", NotExecuted, 0),
        ("rate_limited_bare", NotExecuted, 0),
        ("gone", Refused, 0),
    ],
)
async def test_trouble_never_gives_twice(
    service: RunningSandbox, kind: Any, means: type, done: int
) -> None:
    ordinal = 10 + sum(kind.encode())
    service.sandbox.faults.add(Fault(kind=kind, path="/hooks/", times=1, seconds=3))
    assert isinstance(await sent(service, ordinal), means)
    assert given(service, ordinal) == done
    assert isinstance(await sent(service, ordinal), Done)
    assert given(service, ordinal) == 1
