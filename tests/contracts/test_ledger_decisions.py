"""What people decide is kept with its effect, and is refused where it contradicts what is."""

import pytest
import sqlalchemy as sa

from connectors.rewards import states
from connectors.rewards.attempts import LeaseLostError
from connectors.rewards.desk import DecisionRefusedError, Scope
from connectors.rewards.gateway import Found, Refused, Unknown
from connectors.rewards.ledger import Ledger
from connectors.rewards.standing import State
from connectors.rewards.states import Move
from connectors.rewards.tables import decision
from tests.support.ledgers import (
    ANNA,
    POLICY,
    at,
    begin,
    deliver,
    in_doubt,
    lease,
    pass_over,
    shown,
    used,
)
from tests.support.rewards import coupon, give, grant, revoke


async def decisions(ledger: Ledger) -> list[tuple[str, ...]]:
    async with ledger.engine.begin() as connection:
        rows = await connection.execute(sa.select(decision).order_by(decision.c.number))
        return [(row.verb, row.subject, row.actor, row.reason, row.detail) for row in rows]


@pytest.mark.parametrize(
    ("scope", "stopped"),
    [
        (Scope(), {"credit", "coupon"}),
        (Scope(site="acme"), {"credit", "coupon"}),
        (Scope(site="other"), set()),
        (Scope(program="spikes"), {"credit", "coupon"}),
        (Scope(program="other"), set()),
        (Scope(site="acme", kind="coupon"), {"coupon"}),
        (Scope(site="other", kind="coupon"), set()),
    ],
)
async def test_what_is_paused_is_not_begun_until_it_is_resumed(
    ledger: Ledger, scope: Scope, stopped: set[str]
) -> None:
    await give(ledger, coupon(1, reward="coupon"), grant(1, reward="credit", customer="c2"))
    await ledger.pause(scope, ANNA, at(5))
    leased = await lease(ledger)
    assert {"credit", "coupon"} - {entry.command.reward for entry in leased} == stopped
    for entry in leased:
        await pass_over(ledger, entry)
    await ledger.resume(scope, ANNA, at(6))
    assert len(await lease(ledger)) == 2
    assert [verb for verb, *_ in await decisions(ledger)] == ["pause", "resume"]


async def test_nothing_waits_for_what_is_paused_and_what_is_in_doubt_is_settled(
    ledger: Ledger,
) -> None:
    await in_doubt(ledger)
    await give(ledger, coupon(2), grant(3))
    await ledger.pause(Scope(kind="coupon"), ANNA, at(5))
    await ledger.pause(Scope(kind="promotional_credit"), ANNA, at(5))
    [doubtful] = await lease(ledger, wall=20)
    assert doubtful.standing.state is State.UNKNOWN
    await ledger.resume(Scope(kind="promotional_credit"), ANNA, at(6))
    done = states.after_read_back(doubtful.standing, Found("pc_1"), POLICY, at(21))
    await ledger.record_reading(doubtful, done, result="found", detail="pc_1", wall=21)
    assert [entry.reward_id for entry in await lease(ledger, wall=22)] == [grant(3).reward_id]


async def test_a_pause_is_made_and_ended_once(ledger: Ledger) -> None:
    with pytest.raises(DecisionRefusedError, match="no pause of kind coupon"):
        await ledger.resume(Scope(kind="coupon"), ANNA, at(1))
    await ledger.pause(Scope(), ANNA, at(1))
    with pytest.raises(DecisionRefusedError, match="everything is paused already"):
        await ledger.pause(Scope(), ANNA, at(2))
    [only] = await ledger.pauses()
    assert (only["actor"], only["since_wall"]) == ("anna", 1)


async def test_doubt_is_resolved_by_what_a_human_found_and_the_account_is_told(
    ledger: Ledger,
) -> None:
    await in_doubt(ledger, stuck="given up")
    reward_id = grant().reward_id
    state = await ledger.resolve(reward_id, ANNA, at(30), as_="delivered", reference="pc_9")
    assert state is State.DELIVERED
    [untold] = await ledger.unreported(9)
    assert (untold.standing.reference, untold.standing.stuck) == ("pc_9", "")
    assert await used(ledger) == {"stock:tree": 1}
    assert await decisions(ledger) == [
        ("resolve", reward_id, "anna", "looked at the site", "unknown → delivered")
    ]
    assert (await shown(ledger))["decisions"][0]["actor"] == "anna"


async def test_what_is_resolved_as_failed_gives_back_its_points_and_its_place(
    ledger: Ledger,
) -> None:
    await in_doubt(ledger)
    await ledger.resolve(grant().reward_id, ANNA, at(30), as_="failed")
    [untold] = await ledger.unreported(9)
    assert untold.standing.reason == "looked at the site"
    assert await used(ledger) == {"stock:tree": 0}


async def test_a_revocation_that_waits_for_a_human_goes_on_when_the_reward_is_resolved(
    ledger: Ledger,
) -> None:
    await in_doubt(ledger, stuck="given up")
    await give(ledger, revoke())
    [waiting] = await lease(ledger, wall=20)
    held = states.hold(waiting.standing, "its reward waits for a human")
    await ledger.put(waiting, held, wall=20, keep=False)
    assert await lease(ledger, wall=999) == []
    assert (await shown(ledger))["revocation"] == "stuck"
    await ledger.resolve(grant().reward_id, ANNA, at(30), as_="delivered")
    [again] = await lease(ledger, wall=999)
    assert again.command == revoke()


async def test_a_retry_looks_again_and_never_sends_blindly(ledger: Ledger) -> None:
    await in_doubt(ledger, stuck="not settled after 24 h")
    long_after = at(100_000)
    await ledger.retry(grant().reward_id, ANNA, long_after)
    [entry] = await lease(ledger, wall=100_000)
    assert states.next_move(entry.standing, POLICY, long_after) is Move.READ_BACK
    assert entry.standing.doubtful_since == 100_000


async def test_a_cancelled_reward_fails_and_whoever_prepared_it_loses_it(ledger: Ledger) -> None:
    await give(ledger, grant())
    [preparing] = await lease(ledger)
    await ledger.cancel(grant().reward_id, ANNA, at(3))
    with pytest.raises(LeaseLostError):
        await begin(ledger, preparing)
    [untold] = await ledger.unreported(9)
    assert (untold.standing.state, untold.standing.reason) == (
        State.FAILED,
        "cancelled: looked at the site",
    )


async def test_a_taking_back_is_decided_on_by_its_own_id(ledger: Ledger) -> None:
    await give(ledger, grant())
    await deliver(ledger, (await lease(ledger))[0])
    await give(ledger, revoke())
    [entry] = await lease(ledger)
    refused = states.refuse_before_sending(entry.standing, Refused("spent"), at(3))
    await ledger.put(entry, refused, wall=3, keep=False)
    assert (await shown(ledger))["revocation"] == "impossible"
    await ledger.retry(entry.reward_id, ANNA, at(4))
    assert (await shown(ledger))["revocation"] == "due"
    await ledger.cancel(entry.reward_id, ANNA, at(5))
    found = await shown(ledger)
    assert (found["state"], found["revocation"]) == ("delivered", "not_needed")
    assert [each["verb"] for each in found["decisions"]] == ["retry", "cancel"]


async def test_decisions_that_contradict_what_is_are_refused_and_leave_no_trace(
    ledger: Ledger,
) -> None:
    reward_id = grant().reward_id
    with pytest.raises(DecisionRefusedError, match="holds no reward"):
        await ledger.retry("nothing", ANNA, at(1))
    await give(ledger, grant())
    with pytest.raises(DecisionRefusedError, match="only what is in doubt can be resolved"):
        await ledger.resolve(reward_id, ANNA, at(1), as_="failed")
    begun = await begin(ledger, (await lease(ledger))[0])
    for decide in (ledger.retry, ledger.cancel):
        with pytest.raises(DecisionRefusedError, match="this very moment"):
            await decide(reward_id, ANNA, at(2))
    doubted = states.after_call(begun.standing, Unknown("timed out"), POLICY, at(10))
    await ledger.end_attempt(begun, doubted, result="unknown", detail="", wall=10)
    with pytest.raises(DecisionRefusedError, match="may have been given"):
        await ledger.cancel(reward_id, ANNA, at(11))
    await ledger.resolve(reward_id, ANNA, at(12), as_="failed")
    with pytest.raises(DecisionRefusedError, match="its points are back"):
        await ledger.retry(reward_id, ANNA, at(13))
    with pytest.raises(DecisionRefusedError, match="nothing to cancel"):
        await ledger.cancel(reward_id, ANNA, at(13))
    assert [verb for verb, *_ in await decisions(ledger)] == ["resolve"]


async def test_an_attempt_whose_rewarder_died_can_be_resolved(ledger: Ledger) -> None:
    await give(ledger, grant())
    await begin(ledger, (await lease(ledger))[0])
    await ledger.resolve(grant().reward_id, ANNA, at(102), as_="delivered", reference="pc_1")
    found = await shown(ledger)
    assert (found["state"], found["attempts"][0]["result"]) == ("delivered", "lost")
