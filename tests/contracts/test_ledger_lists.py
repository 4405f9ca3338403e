"""What pages ask of the reward ledger: lists by state, counts with an end, decisions."""

import pytest
import sqlalchemy as sa

from connectors.rewards.desk import Scope
from connectors.rewards.ledger import Ledger
from connectors.rewards.tables import is_free_reward, reward
from deploy.service.rewards import LedgerRewardBook
from projections.service.ports import DecisionRefused
from tests.support.ledgers import ANNA, at, deliver, in_doubt, lease
from tests.support.rewards import NOON, give, grant


def book(ledger: Ledger) -> LedgerRewardBook:
    return LedgerRewardBook(ledger, ledger, url="sqlite://", clock=lambda: NOON, wall=lambda: 100)


async def test_a_list_goes_on_after_the_last_one_seen(ledger: Ledger) -> None:
    await give(ledger, *(grant(number) for number in range(1, 6)))
    first = await book(ledger).page(None, None, 2, None)
    second = await book(ledger).page(None, None, 2, first[-1].cursor)
    last = await book(ledger).page(None, None, 2, second[-1].cursor)
    names = [each.reward_id.rsplit(":", 1)[1] for each in (*first, *second, *last)]
    assert names == ["5", "4", "3", "2", "1"]
    assert await book(ledger).page(None, "another", 9, None) == []


async def test_what_is_stuck_is_of_that_state_and_of_no_other(ledger: Ledger) -> None:
    await in_doubt(ledger, stuck="nobody knows")
    [stuck] = await book(ledger).page("stuck", None, 9, None)
    assert stuck.state == "stuck"
    assert stuck.reason == "nobody knows"
    assert await book(ledger).page("unknown", None, 9, None) == []
    counts = await book(ledger).counts()
    assert (counts["stuck"], counts["unknown"]) == (1, 0)


async def test_counts_end_where_they_are_told_to(ledger: Ledger) -> None:
    await give(ledger, *(grant(number) for number in range(1, 6)))
    assert (await ledger.count_up_to(3))["due"] == 3
    assert (await ledger.count_up_to(9))["due"] == 5


async def test_a_reward_is_shown_with_its_calls_and_decisions_in_their_order(
    ledger: Ledger,
) -> None:
    await in_doubt(ledger)
    reward_id = grant().reward_id
    assert await book(ledger).doubt_seconds() == 90.0
    state = await book(ledger).resolve(
        reward_id, "anna", "looked", as_="delivered", reference="pc_7"
    )
    assert state == "delivered"
    case = await book(ledger).show(reward_id)
    assert case is not None
    assert (case.state, case.reference, case.earned_at) == ("delivered", "pc_7", NOON - 60)
    assert [each["what"] for each in case.history] == ["attempt", "decision"]
    assert await book(ledger).doubt_seconds() is None
    assert await book(ledger).show("none") is None


async def test_a_refusal_and_its_decision_reach_the_page(ledger: Ledger) -> None:
    await give(ledger, grant())
    await deliver(ledger, (await lease(ledger))[0])
    with pytest.raises(DecisionRefused, match="nothing to cancel"):
        await book(ledger).cancel(grant().reward_id, "anna", "why not")
    with pytest.raises(DecisionRefused, match="only then"):
        await book(ledger).resolve(grant().reward_id, "anna", "x", as_="delivered")


async def test_decisions_are_paged_newest_first(ledger: Ledger) -> None:
    await ledger.pause(Scope(kind="coupon"), ANNA, at(5))
    await ledger.resume(Scope(kind="coupon"), ANNA, at(6))
    [newest] = await book(ledger).decisions(1, None)
    [older] = await book(ledger).decisions(1, newest["id"])
    assert (newest["verb"], older["verb"]) == ("resume", "pause")
    assert await book(ledger).decisions(1, older["id"]) == []


async def test_pauses_name_their_scope_and_who_made_them(ledger: Ledger) -> None:
    await book(ledger).pause({"site": "acme"}, "anna", "a mistake")
    [pause] = await book(ledger).pauses()
    assert (pause["site"], pause["kind"], pause["by"]) == ("acme", "", "anna")
    await book(ledger).resume({"site": "acme"}, "anna", "put right")
    assert await book(ledger).pauses() == []


async def test_lists_and_counts_use_their_index(ledger: Ledger) -> None:
    if ledger.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by statistics, which an empty table has not")
    of_state = sa.select(reward.c.number).where(reward.c.state == "due", is_free_reward)
    listed = of_state.order_by(reward.c.number.desc())
    async with ledger.reading.begin() as connection:
        for query in (listed, of_state):
            plan = await connection.execute(
                sa.text(f"EXPLAIN QUERY PLAN {_literal(query.limit(5))}")
            )
            steps = str(plan.all())
            assert "reward_states" in steps
            assert "TEMP B-TREE" not in steps


def _literal(query: sa.Select[tuple[int]]) -> str:
    return str(query.compile(compile_kwargs={"literal_binds": True}))
