"""Rewards that are revoked, in the ledger: cancelled in time, or taken back in their turn."""

import pytest

from connectors.rewards import states
from connectors.rewards.attempts import LeaseLostError
from connectors.rewards.gateway import Done, NotExecuted
from connectors.rewards.ledger import Ledger
from connectors.rewards.standing import State
from tests.support.ledgers import (
    POLICY,
    at,
    begin,
    deliver,
    lease,
    shown,
)
from tests.support.rewards import NOON, give, grant, revoke


async def test_what_is_revoked_while_it_is_due_is_cancelled_and_its_account_told(
    ledger: Ledger,
) -> None:
    await give(ledger, grant())
    for _ in range(2):
        result = await give(ledger, revoke())
    assert (result.revocations, result.cancelled) == (0, 0)
    found = await shown(ledger)
    assert (found["state"], found["reason"]) == (
        "cancelled",
        "withdrawn before it was given: refunded",
    )
    [untold] = await ledger.unreported(9)
    assert (untold.standing.state, untold.standing.settled_at) == (State.CANCELLED, NOON)
    [entry] = await lease(ledger)
    assert entry.reward_id == "acme:c1:five-off:1:revoked"
    assert entry.target is not None
    assert entry.target.state is State.CANCELLED


async def test_one_who_prepares_a_reward_that_is_cancelled_meanwhile_sends_nothing(
    ledger: Ledger,
) -> None:
    await give(ledger, grant())
    [preparing] = await lease(ledger)
    await give(ledger, revoke())
    with pytest.raises(LeaseLostError):
        await begin(ledger, preparing)
    assert (await shown(ledger))["attempts"] == []


async def test_a_reward_that_arrives_after_its_revocation_is_never_given(ledger: Ledger) -> None:
    await give(ledger, revoke())
    await give(ledger, grant())
    assert (await shown(ledger))["state"] == "cancelled"


async def test_a_revocation_waits_until_its_reward_is_settled(ledger: Ledger) -> None:
    await give(ledger, grant(1), grant(2))
    [entry] = await lease(ledger)
    begun = await begin(ledger, entry)
    result = await give(ledger, revoke(1))
    assert (result.revocations, result.cancelled) == (1, 0)
    assert await lease(ledger) == []
    done = states.after_call(begun.standing, Done("pc_1"), POLICY, at(2))
    await ledger.end_attempt(begun, done, result="done", detail="pc_1", wall=2)
    [second] = await lease(ledger)
    assert second.reward_id == grant(2).reward_id
    await deliver(ledger, second)
    [taking_back] = await lease(ledger)
    assert taking_back.command == revoke(1)
    assert taking_back.target is not None
    assert taking_back.target.granted.command == grant(1)
    assert taking_back.target.granted.body == {"amount": 500}
    assert taking_back.target.granted.reference == "pc_1"


async def test_a_taking_back_that_is_postponed_is_not_overtaken(ledger: Ledger) -> None:
    await give(ledger, grant(1))
    await deliver(ledger, (await lease(ledger))[0])
    await give(ledger, revoke(1))
    await give(ledger, grant(2))
    [taking_back] = await lease(ledger)
    busy = states.postpone(taking_back.standing, NotExecuted("busy", 3600), at(3))
    await ledger.put(taking_back, busy, wall=3, keep=False)
    assert await lease(ledger) == []


async def test_a_reward_that_waits_long_is_overtaken_and_never_worked_on_beside_another(
    ledger: Ledger,
) -> None:
    await give(ledger, grant(1), grant(2))
    [first] = await lease(ledger)
    waits = states.postpone(first.standing, NotExecuted("none yet", 3600), at(3))
    await ledger.put(first, waits, wall=3, keep=False)
    [second] = await lease(ledger)
    assert second.reward_id == grant(2).reward_id
    assert await lease(ledger) == []


async def test_what_was_done_to_take_a_reward_back_is_shown_with_it(ledger: Ledger) -> None:
    await give(ledger, grant())
    await deliver(ledger, (await lease(ledger))[0])
    await give(ledger, revoke())
    begun = await begin(ledger, (await lease(ledger))[0])
    partly = states.after_call(begun.standing, Done("pd_1", short="2 of 5"), POLICY, at(3))
    await ledger.end_attempt(begun, partly, result="done", detail="pd_1", wall=3)
    found = await shown(ledger)
    assert (found["state"], found["revocation"]) == ("delivered", "partly")
    assert found["revocation_reason"] == "2 of 5"
    assert [(each["of"], each["detail"]) for each in found["attempts"]] == [
        ("reward", "pc_1"),
        ("revocation", "pd_1"),
    ]
    assert (await ledger.count_states())["delivered"] == 1
    assert (await ledger.count_states(revocations=True))["delivered"] == 1
