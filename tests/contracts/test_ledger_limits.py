"""Stock, budgets and ceilings are counted exactly, however many rewarders draw on them."""

import asyncio

import pytest

from connectors.rewards import states
from connectors.rewards.entries import Entry
from connectors.rewards.gateway import NotExecuted, Outcome, Refused
from connectors.rewards.ledger import Ledger
from connectors.rewards.usage import LimitReachedError
from tests.support.ledgers import (
    POLICY,
    at,
    begin_with,
    claim,
    lease,
    shown,
    used,
)
from tests.support.rewards import give, grant, revoke


async def test_a_limit_is_never_passed_however_many_draw_on_it(ledger: Ledger) -> None:
    await give(ledger, *(grant(1, customer=f"c{n}") for n in range(8)))
    entries = await lease(ledger)

    async def try_one(entry: Entry) -> bool:
        try:
            await begin_with(ledger, entry, claim("a"), claim("b", amount=2, limit=6))
        except LimitReachedError:
            return False
        return True

    assert sum(await asyncio.gather(*(try_one(entry) for entry in entries))) == 3
    assert await used(ledger) == {"a": 3, "b": 6}


async def test_what_is_over_one_limit_counts_for_none_and_stores_no_attempt(
    ledger: Ledger,
) -> None:
    await give(ledger, grant())
    [entry] = await lease(ledger)
    with pytest.raises(LimitReachedError, match="b is used up"):
        await begin_with(ledger, entry, claim("a"), claim("b", amount=7, limit=6))
    assert await used(ledger) == {}
    assert ((await shown(ledger))["attempts"], (await shown(ledger))["state"]) == ([], "due")


async def test_what_fails_or_is_cancelled_gives_back_what_it_counted_for(ledger: Ledger) -> None:
    await give(ledger, grant(1), grant(1, customer="c2"))
    outcomes: tuple[Outcome, ...] = (Refused("no"), NotExecuted("busy", 0))
    for entry, outcome in zip(await lease(ledger), outcomes, strict=True):
        begun = await begin_with(ledger, entry, claim(amount=1))
        after = states.after_call(begun.standing, outcome, POLICY, at(2))
        await ledger.end_attempt(begun, after, result="", detail="", wall=2)
    assert await used(ledger) == {"stock:tree": 1}
    await give(ledger, revoke(1, customer="c2"))
    assert await used(ledger) == {"stock:tree": 0}


async def test_what_is_prepared_again_counts_once_and_for_what_it_is_then(ledger: Ledger) -> None:
    await give(ledger, grant())
    [entry] = await lease(ledger)
    begun = await begin_with(ledger, entry, claim(), claim("usd", amount=3))
    after = states.after_call(begun.standing, NotExecuted("busy", 0), POLICY, at(2))
    await ledger.end_attempt(begun, after, result="", detail="", wall=2)
    [again] = await lease(ledger, wall=2)
    assert again.claimed == {"stock:tree": 1, "usd": 3}
    await begin_with(ledger, again, claim(), claim("eur", amount=2))
    assert await used(ledger) == {"stock:tree": 1, "usd": 0, "eur": 2}


async def test_limits_of_a_period_that_is_over_are_forgotten(ledger: Ledger) -> None:
    await give(ledger, grant())
    [entry] = await lease(ledger)
    await begin_with(ledger, entry, claim("hour", ends_wall=3600.0), claim("ever"))
    await ledger.forget_usage(3600.0)
    assert set(await used(ledger)) == {"hour", "ever"}
    await ledger.forget_usage(3600.1)
    assert set(await used(ledger)) == {"ever"}
