"""What became of a reward in the world: it reached the customer, or it finally failed. PURE."""

from schemas import points
from schemas.facts import RewardDelivered, RewardFailed
from streams.account import rewards
from streams.account.evolve import find_open, ordinal_of
from streams.account.state import OpenReward
from streams.account.turn import BY_FACT, Turn


def delivered(turn: Turn, fact: RewardDelivered) -> None:
    waiting = waiting_for(turn, fact.reward_id)
    if waiting is not None:
        turn.emit(
            points.RewardDelivered(
                site=turn.site,
                customer=turn.customer,
                sequence=turn.sequence + 1,
                cause=turn.cause(BY_FACT),
                occurred_at=turn.now,
                balance=turn.balance,
                pending=turn.pending,
                lifetime=turn.lifetime,
                deficit=turn.deficit,
                reward=waiting.reward,
                reward_id=fact.reward_id,
                reference=fact.reference,
            )
        )


def failed(turn: Turn, fact: RewardFailed) -> None:
    """Its points come back, and its limit does not count it."""
    waiting = waiting_for(turn, fact.reward_id)
    if waiting is None:
        return
    turn.emit(
        points.RewardFailed(
            **turn.head(BY_FACT, turn.now),
            reward=waiting.reward,
            reward_id=fact.reward_id,
            reason=fact.reason,
        )
    )
    rewards.uncount(turn, waiting)
    rewards.give_back(turn, waiting, BY_FACT)


def waiting_for(turn: Turn, reward_id: str) -> OpenReward | None:
    """The open reward of an id, or a note that there is none."""
    prefix = f"{turn.fact.site}:{turn.fact.customer}:"
    rest = reward_id.removeprefix(prefix)
    reward, _, ordinal = rest.rpartition(":")
    found = None
    if rest != reward_id and ordinal.isdecimal():
        found = find_open(turn.ledger, reward, ordinal_of(reward_id))
    if found is None:
        turn.note("reward_not_open", "no reward under this id waits for an outcome")
    return found
