"""Of an erased account the ledger keeps what happened, and nothing that only the customer had."""

from connectors.rewards import states
from connectors.rewards.forgetting import Forgetting, Held
from connectors.rewards.gateway import Done, Unknown
from connectors.rewards.ledger import Ledger
from tests.support.ledgers import POLICY, at, begin, deliver, lease, shown
from tests.support.rewards import give, grant, revoke

MINE, OTHER = "acme:c1", "acme:c2"


async def hand_over(ledger: Ledger, code: str) -> None:
    """What is leased first is delivered with a code."""
    [entry, *_] = await lease(ledger, limit=1)
    begun = await begin(ledger, entry)
    done = states.after_call(begun.standing, Done("order_1", code), POLICY, at(2))
    await ledger.end_attempt(begun, done, result="done", detail="to Ann", wall=2)


async def test_codes_and_answers_go_and_figures_stay(ledger: Ledger) -> None:
    await give(ledger, grant(1), grant(1, customer="c2"))
    await hand_over(ledger, "CODE-1")
    await hand_over(ledger, "CODE-2")
    forgetting = Forgetting(ledger.engine)
    assert await forgetting.held_of(MINE) == Held(handed=1, told=1)
    before = await shown(ledger)
    await forgetting.forget(MINE)
    assert await forgetting.held_of(MINE) == Held()
    assert await forgetting.held_of(OTHER) == Held(handed=1, told=1)
    after = await shown(ledger)
    assert (after["handed"], after["attempts"][0]["detail"]) == ("", "")
    kept = ("state", "reference", "settled_at", "reason", "grant")
    assert [after[name] for name in kept] == [before[name] for name in kept]


async def test_what_is_to_come_is_told_apart_and_kept(ledger: Ledger) -> None:
    await give(ledger, grant(1), grant(2))
    [first] = await lease(ledger, limit=1)
    begun = await begin(ledger, first)
    doubt = states.after_call(begun.standing, Unknown("no answer"), POLICY, at(2))
    await ledger.end_attempt(begun, doubt, result="unknown", detail="?", wall=2)
    forgetting = Forgetting(ledger.engine)
    await forgetting.forget(MINE)
    held = await forgetting.held_of(MINE)
    assert (held.told, list(held.due), held.moving) == (1, [grant(2).reward_id], 1)


async def test_a_taking_back_is_carried_out_to_its_end(ledger: Ledger) -> None:
    await give(ledger, grant(1))
    [entry] = await lease(ledger)
    await deliver(ledger, entry)
    await give(ledger, revoke(1))
    held = await Forgetting(ledger.engine).held_of(MINE)
    assert (list(held.due), held.moving) == ([], 1)
