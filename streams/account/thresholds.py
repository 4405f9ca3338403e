"""Rewards: fired by threshold, tier or action, in program order; their cost comes last. PURE.

Conditions on the balance see it before the costs of this turn, so that two rewards at the same
balance both fire; what they cost together never exceeds it.
"""

from schemas import facts, ids, points
from schemas.points import LotChange, PointsRedeemed, PointsRestored
from streams.account import limits, lots, payments
from streams.account.compiled import CompiledReward
from streams.account.earning import holds
from streams.account.evolve import find_open, ordinal_of
from streams.account.state import OpenReward
from streams.account.turn import BY_FACT, BY_THRESHOLD, BY_TIER, Turn

MAX_FIRINGS = 100
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
    rewards = _candidates(turn)
    if not rewards:
        return
    thresholds = turn.credited or turn.memory.unfired
    firing = _Firing(turn.balance)
    turn.fired, turn.memory.unfired = True, False
    for reward in rewards:
        if reward.threshold is not None:
            # No firing asks for less than the threshold: mostly there is nothing more to look at.
            figure = turn.lifetime if reward.by_lifetime else turn.balance
            if thresholds and figure >= reward.threshold:
                _fire_threshold(turn, reward, firing, figure)
        elif reward.tier is not None:
            if turn.entered:
                _fire_tier(turn, reward, firing)
        elif reward.trigger in turn.pulled and reward.event == event:
            _fire_action(turn, reward, firing)
    turn.entered.clear()
    turn.pulled.clear()
    for reward, reward_id in firing.costs:
        _redeem(turn, reward, reward_id)


def _candidates(turn: Turn) -> list[CompiledReward]:
    """The rewards that something of this turn may fire, in program order."""
    program = turn.program
    assert program is not None
    if turn.entered or not program.acts_on.isdisjoint(turn.pulled):
        return program.rewards
    return program.threshold_rewards if turn.credited or turn.memory.unfired else []


def outcome(turn: Turn, fact: facts.RewardDelivered | facts.RewardFailed) -> None:
    """A reward reached the customer, or finally failed and gives its points back."""
    waiting = waiting_for(turn, fact.reward_id)
    if waiting is None:
        turn.note("reward_not_open", "no reward under this id waits for an outcome")
        return
    if isinstance(fact, facts.RewardDelivered):
        turn.emit(
            points.RewardDelivered(
                **turn.head(BY_FACT, turn.now),
                reward=waiting.reward,
                reward_id=fact.reward_id,
                reference=fact.reference,
            )
        )
        return
    turn.emit(
        points.RewardFailed(
            **turn.head(BY_FACT, turn.now),
            reward=waiting.reward,
            reward_id=fact.reward_id,
            reason=fact.reason,
        )
    )
    if waiting.taken:
        _restore(turn, waiting, fact.reward_id)


def _fire_threshold(turn: Turn, reward: CompiledReward, firing: _Firing, figure: int) -> None:
    """`figure` is the balance or the lifetime points, as the reward is about."""
    threshold = reward.threshold
    assert threshold is not None
    uses_up = not reward.by_lifetime and reward.every and reward.cost > 0
    while firing.pays_for(reward):
        standing = turn.ledger.standing(reward.id)
        if standing and not reward.every:
            return
        # Without a cost the n-th firing stands at n times the threshold.
        needed = threshold if uses_up else threshold * (standing + 1)
        if figure < needed:
            return
        if firing.left <= 0:
            turn.memory.unfired = True
            return
        _earn_reward(turn, reward, firing, BY_THRESHOLD)
        if uses_up:
            figure -= reward.cost


def _fire_tier(turn: Turn, reward: CompiledReward, firing: _Firing) -> None:
    """Entering fires once. Going down into a tier gives only what lasts while in it."""
    if not any(tier == reward.tier and (up or reward.held) for tier, up in turn.entered):
        return
    if turn.ledger.tier == reward.tier and _affordable(turn, reward, firing):
        _earn_reward(turn, reward, firing, BY_TIER)


def _fire_action(turn: Turn, reward: CompiledReward, firing: _Firing) -> None:
    program, trigger = turn.program, reward.trigger
    assert program is not None
    assert trigger is not None
    if reward.condition is not None and not holds(turn, reward.id, reward.condition, trigger):
        return
    at = turn.fact.occurred_at
    if reward.limit:
        # The mark keeps a reward's counter apart from that of a rule with the same id.
        counter = turn.counter(f"!{reward.id}")
        refused = limits.refusal(reward.limit, counter, at, program)
        if refused is not None:
            turn.note("limit_reached", f"{reward.id}: {refused}")
            return
    if not _affordable(turn, reward, firing):
        return
    if reward.limit:
        limits.count(reward.limit, turn.counter(f"!{reward.id}"), at, program)
    _earn_reward(turn, reward, firing, trigger)


def _affordable(turn: Turn, reward: CompiledReward, firing: _Firing) -> bool:
    if firing.pays_for(reward):
        return True
    turn.note("cost_not_covered", f"{reward.id}: costs {reward.cost} points", loud=True)
    return False


def _earn_reward(turn: Turn, reward: CompiledReward, firing: _Firing, trigger: str) -> None:
    program = turn.program
    assert program is not None
    reward_id = turn.reward_id(reward.id, turn.next_ordinal(reward.id))
    subscription, currency = landing(turn)
    turn.emit(
        points.RewardEarned(
            **turn.head(trigger, turn.now),
            program=program.id,
            program_version=program.version,
            reward=reward.id,
            reward_id=reward_id,
            grant=reward.grant,
            cost=reward.cost,
            subscription=subscription,
            currency=currency,
        )
    )
    firing.left -= 1
    if reward.cost:
        firing.spendable -= reward.cost
        firing.costs.append((reward, reward_id))


def landing(turn: Turn) -> tuple[str, str]:
    """The subscription where a reward lands: the fact's, or the newest that is not cancelled."""
    if turn.subscription is not None and turn.subscription.status != "cancelled":
        return turn.subscription.id, turn.subscription.currency
    for known in reversed(turn.memory.subscriptions):
        if known.status != "cancelled":
            return known.id, known.currency
    return "", turn.payment.currency if turn.payment is not None else ""


def _redeem(turn: Turn, reward: CompiledReward, reward_id: str) -> None:
    taken: dict[int, int] = {}
    missing = lots.plan(turn.ledger.lots, reward.cost, taken, active=True)
    assert missing == 0, "a reward never costs more than the balance"
    turn.balance -= reward.cost
    turn.emit(
        PointsRedeemed(
            **turn.head(BY_FACT, turn.now),
            points=reward.cost,
            reward=reward.id,
            reward_id=reward_id,
            lots=lots.changes_of(taken),
        )
    )


def waiting_for(turn: Turn, reward_id: str) -> OpenReward | None:
    prefix = f"{turn.fact.site}:{turn.fact.customer}:"
    rest = reward_id.removeprefix(prefix)
    reward, _, ordinal = rest.rpartition(":")
    if rest == reward_id or not ordinal.isdecimal():
        return None
    return find_open(turn.ledger, reward, ordinal_of(reward_id))


def _restore(turn: Turn, waiting: OpenReward, reward_id: str) -> None:
    """Back to the same lots with the same dates: the deficit first, and expired stays expired."""
    changes: list[LotChange] = []
    expired: dict[int, int] = {}
    absorbed = 0
    for piece in waiting.taken:
        if piece.expires_at and piece.expires_at <= turn.now:
            expired[piece.id] = expired.get(piece.id, 0) + piece.points
            continue
        fills = min(piece.points, turn.deficit - absorbed)
        absorbed += fills
        if piece.points > fills:
            changes.append(LotChange(lot=ids.lot_text(piece.id), points=piece.points - fills))
    total = sum(piece.points for piece in waiting.taken)
    gone = sum(expired.values())
    if expired:
        payments.note_expired(turn.memory, expired)
    turn.balance += total - gone
    turn.deficit -= absorbed
    turn.emit(
        PointsRestored(
            **turn.head(BY_FACT, turn.now),
            points=total,
            reward=waiting.reward,
            reward_id=reward_id,
            lots=tuple(changes),
            expired=gone,
            absorbed=absorbed,
        )
    )
