"""What the metrics show of the ledger."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY

from connectors.rewards.ledger import Ledger
from connectors.rewards.watch import run_watch, show_open, show_settled
from tests.support.ledgers import deliver, in_doubt, lease
from tests.support.rewards import give, grant, memory_ledger, revoke
from tests.support.waiting import eventually


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    made = await memory_ledger()
    yield made
    await made.close()


def shown(name: str = "cactus_rewards", **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_rewards_are_shown_by_state_and_their_taking_back_apart(ledger: Ledger) -> None:
    await give(ledger, grant(1), grant(2), grant(1, customer="c2"))
    for entry in await lease(ledger):
        await deliver(ledger, entry)
    await give(ledger, revoke(1))
    await show_open(ledger, lambda: 10)
    await show_settled(ledger)
    assert [shown(state=state) for state in ("due", "delivered", "stuck")] == [1, 2, 0]
    assert shown("cactus_reward_revocations", state="due") == 1


async def test_what_waits_for_a_human_is_shown_with_the_age_of_its_doubt(ledger: Ledger) -> None:
    await in_doubt(ledger, stuck="given twice")
    await show_open(ledger, lambda: 70)
    await show_settled(ledger)
    assert (shown(state="stuck"), shown(state="unknown")) == (1, 0)
    assert shown("cactus_reward_unknown_age_seconds") == 60


async def test_it_goes_on_until_told_to_stop(ledger: Ledger) -> None:
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        watching = run_watch(ledger, lambda: 0, stopping=stopping, every_seconds=0.01)
        tasks.create_task(watching)
        await give(ledger, *(grant(n) for n in range(1, 8)))
        await eventually(lambda: shown(state="due") == 7)
        stopping.set()
