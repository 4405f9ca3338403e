"""The catalogue: a reward asked for by request, and a request taken back. PURE.

Somebody waits for the answer, so a refusal is told whatever else happens in the same turn.
"""

from schemas.facts import RedemptionCancelled, RedemptionRequested
from streams.account import rewards, subscriptions
from streams.account.compiled import CompiledReward
from streams.account.evolve import CANCELLED
from streams.account.turn import BY_FACT, BY_REQUEST, Turn


def requested(turn: Turn, fact: RedemptionRequested) -> None:
    """Grant a reward of the catalogue for its cost, or say why not."""
    program = turn.program
    if program is None:
        return
    reward = program.reward_by_id.get(fact.reward)
    if reward is None:
        turn.note("unknown_reward", f"the program has no reward {fact.reward}", loud=True)
        return
    turn.subscription = subscriptions.newest(turn.memory)
    if turn.granted is False:
        return
    refused = None if turn.granted else _refusal(turn, reward)
    if refused is not None:
        reason, detail = refused
        turn.note(reason, f"{reward.id}: {detail}", loud=True)
        return
    rewards.count(turn, reward, turn.now)
    reward_id = rewards.earn(turn, reward, BY_REQUEST, at=turn.now, request=fact.request)
    if reward.cost:
        rewards.pay(turn, reward, reward_id)


def cancelled(turn: Turn, fact: RedemptionCancelled) -> None:
    """Take back a granted request that has no outcome yet: points, dates and limit as before."""
    for waiting in turn.ledger.open_rewards:
        if waiting.request and waiting.request == fact.request:
            rewards.revoke(turn, waiting, CANCELLED, BY_FACT)
            return
    turn.note("reward_not_open", f"no reward of request {fact.request} can be cancelled", loud=True)


def _refusal(turn: Turn, reward: CompiledReward) -> tuple[str, str] | None:
    """Reason and detail of what stands against it first, or None."""
    assert turn.program is not None
    if turn.program.retired:
        return "program_retired", "the program has ended"
    if not reward.on_request:
        return "not_redeemable", "it is earned, not asked for"
    condition = reward.condition
    if condition is not None:
        result = condition.holds(turn.given(BY_REQUEST))
        if result is not True:
            return "condition_not_met", condition.text if result is False else result.detail
    refused = rewards.limit_refusal(turn, reward, turn.now)
    if refused is not None:
        return "limit_reached", refused
    if reward.cost > max(0, turn.balance):
        return "not_enough_points", f"costs {reward.cost} points, and the balance is {turn.balance}"
    return None
