"""Rewards with `on_refund: revoke` when a refund undoes what they rest on. PURE.

What they rest on is on record (`RewardEarned.rests_on`), so a later version of the program takes
nothing away by itself.
"""

from streams.account import rewards
from streams.account.compiled import CompiledTiers
from streams.account.evolve import ON_LIFETIME, ON_TIER, REFUNDED
from streams.account.state import OpenReward
from streams.account.turn import BY_REFUND, Turn


def payment_undone(turn: Turn, payment: str) -> None:
    """A payment (its natural key) was given back whole: what it fired goes."""
    for reward in _newest_first(turn):
        if reward.rests_on == payment:
            rewards.revoke(turn, reward, REFUNDED, BY_REFUND)


def lifetime_falls(turn: Turn, lifetime: int, trigger: str) -> None:
    """Lifetime points fall to this: each firing that they carry no more goes, newest first."""
    for reward in _newest_first(turn):
        if reward.rests_on.startswith(ON_LIFETIME):
            threshold = int(reward.rests_on.removeprefix(ON_LIFETIME))
            if lifetime < threshold * turn.ledger.standing(reward.reward):
                rewards.revoke(turn, reward, REFUNDED, trigger)


def tier_lost(turn: Turn, tiers: CompiledTiers, target: int, trigger: str) -> None:
    """What was undone took the account down to a level: what the levels above it fired goes."""
    for reward in _newest_first(turn):
        if reward.rests_on.startswith(ON_TIER):
            level = tiers.index.get(reward.rests_on.removeprefix(ON_TIER), 0)
            if level > target:
                rewards.revoke(turn, reward, REFUNDED, trigger)


def _newest_first(turn: Turn) -> list[OpenReward]:
    """The rewards that stand and can be taken back. Of one instant the later number is newer."""
    ledger = turn.ledger
    revocable = [each for each in ledger.open_rewards if each.rests_on]
    revocable.extend(ledger.settled)
    revocable.sort(key=_age, reverse=True)
    return revocable


def _age(reward: OpenReward) -> tuple[int, int]:
    return reward.at, reward.ordinal
