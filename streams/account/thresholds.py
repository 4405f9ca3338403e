"""Rewards: fired by threshold, tier or action, in program order; their cost comes last. PURE.

Conditions on the balance see it before the costs of this turn, so that two rewards at the same
balance both fire; what they cost together never exceeds it.
"""

from typing import Final

from streams.account import rewards
from streams.account.compiled import CompiledReward
from streams.account.earning import holds
from streams.account.turn import BY_THRESHOLD, BY_TIER, Turn

MAX_FIRINGS: Final = 100
"""Rewards that one fact may fire. What is left over fires with the account's next fact."""


class _Firing:
    """What this turn's rewards have used up so far."""

    __slots__ = ("costs", "left", "spendable")

    def __init__(self, spendable: int) -> None:
        self.spendable = spendable
        self.left = MAX_FIRINGS
        self.costs: list[tuple[CompiledReward, str]] = []

    def pays_for(self, reward: CompiledReward) -> bool:
        """What costs nothing is earned by those too who owe points."""
        return reward.cost == 0 or self.spendable >= reward.cost


def fire(turn: Turn, *, event: str | None = None) -> None:
    """Fire what this turn earned, in program order, then take the costs from the lots."""
    candidates = _candidates(turn)
    if not candidates:
        return
    thresholds = turn.credited or turn.memory.unfired
    firing: _Firing | None = None
    turn.fired, turn.memory.unfired = True, False
    for reward in candidates:
        if reward.threshold is not None:
            # No firing asks for less than the threshold: mostly there is nothing more to look at.
            figure = turn.lifetime if reward.by_lifetime else turn.balance
            if thresholds and figure >= reward.threshold:
                firing = firing or _Firing(turn.balance)
                _fire_threshold(turn, reward, firing, figure)
            elif turn.trace is not None and figure < reward.threshold:
                turn.trace.reward(reward, "below", figure, reward.threshold)
        elif reward.tier is not None:
            if turn.entered:
                firing = firing or _Firing(turn.balance)
                _fire_tier(turn, reward, firing)
        elif reward.trigger in turn.pulled and reward.event == event:
            firing = firing or _Firing(turn.balance)
            _fire_action(turn, reward, firing)
    turn.entered.clear()
    turn.pulled.clear()
    for reward, reward_id in firing.costs if firing is not None else ():
        rewards.pay(turn, reward, reward_id)


def _candidates(turn: Turn) -> list[CompiledReward]:
    """The rewards that something of this turn may fire, in program order."""
    program = turn.program
    assert program is not None
    if turn.entered or not program.acts_on.isdisjoint(turn.pulled):
        return program.rewards
    return program.threshold_rewards if turn.credited or turn.memory.unfired else []


def _fire_threshold(turn: Turn, reward: CompiledReward, firing: _Firing, figure: int) -> None:
    """`figure` is the balance or the lifetime points, as the reward is about."""
    threshold = reward.threshold
    assert threshold is not None
    uses_up = not reward.by_lifetime and reward.every and reward.cost > 0
    while firing.pays_for(reward):
        standing = turn.ledger.standing(reward.id)
        if standing and not reward.every:
            if turn.trace is not None:
                turn.trace.reward(reward, "fired_before")
            return
        # Without a cost the n-th firing stands at n times the threshold.
        needed = threshold if uses_up else threshold * (standing + 1)
        if figure < needed:
            if turn.trace is not None:
                turn.trace.reward(reward, "below", figure, needed)
            return
        if firing.left <= 0:
            turn.memory.unfired = True
            if turn.trace is not None:
                turn.trace.reward(reward, "left_for_next")
            return
        turn.fires_at(needed, by_lifetime=reward.by_lifetime)
        _fire(turn, reward, firing, BY_THRESHOLD)
        if uses_up:
            figure -= reward.cost
    if turn.trace is not None:
        turn.trace.reward(reward, "not_affordable", firing.spendable, reward.cost)


def _fire_tier(turn: Turn, reward: CompiledReward, firing: _Firing) -> None:
    """Entering fires once while the reward stands. What lasts while in the tier comes at every
    entering, also from above.
    """
    entered = any(tier == reward.tier and (up or reward.held) for tier, up in turn.entered)
    if not entered or turn.ledger.tier != reward.tier:
        if turn.trace is not None:
            turn.trace.reward(reward, "not_in_tier")
        return
    if not reward.held and turn.ledger.standing(reward.id):
        if turn.trace is not None:
            turn.trace.reward(reward, "fired_before")
        return
    if _affordable(turn, reward, firing):
        _fire(turn, reward, firing, BY_TIER)


def _fire_action(turn: Turn, reward: CompiledReward, firing: _Firing) -> None:
    trigger = reward.trigger
    assert trigger is not None
    if reward.condition is not None and not holds(turn, reward.id, reward.condition, trigger):
        return
    at = turn.fact.occurred_at
    refused = rewards.limit_refusal(turn, reward, at)
    if refused is not None:
        turn.note("limit_reached", f"{reward.id}: {refused}")
        return
    if _affordable(turn, reward, firing):
        rewards.count(turn, reward, at)
        _fire(turn, reward, firing, trigger, at=at)


def _affordable(turn: Turn, reward: CompiledReward, firing: _Firing) -> bool:
    if firing.pays_for(reward):
        return True
    if turn.trace is not None:
        turn.trace.reward(reward, "not_affordable", firing.spendable, reward.cost)
    turn.note("cost_not_covered", f"{reward.id}: costs {reward.cost} points", loud=True)
    return False


def _fire(
    turn: Turn, reward: CompiledReward, firing: _Firing, trigger: str, *, at: int | None = None
) -> None:
    reward_id = rewards.earn(turn, reward, trigger, at=at)
    firing.left -= 1
    if reward.cost:
        firing.spendable -= reward.cost
        firing.costs.append((reward, reward_id))
