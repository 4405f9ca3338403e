"""What is said aloud of each step, in metrics and in the log."""

from collections.abc import Callable, Sequence

import structlog
from prometheus_client import Counter, Histogram

from connectors.rewards.entries import Entry
from connectors.rewards.limits import Claim
from connectors.rewards.standing import SETTLED_STATES, Standing, State
from schemas.rewards import GrantReward, RevokeReward

log = structlog.get_logger(__name__)

ATTEMPTS = Counter("cactus_reward_attempts_total", "Reward calls by their result", ["result"])
READ_BACKS = Counter("cactus_reward_read_backs_total", "Readings back by their result", ["result"])
LEASES_LOST = Counter(
    "cactus_reward_leases_lost_total", "Rewards another rewarder took over during our step"
)
SETTLE_SECONDS = Histogram(
    "cactus_reward_settle_seconds",
    "From the first attempt of a reward to its outcome, in the engine's time",
    buckets=(1, 2, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400),
)

REVOCATIONS = Counter(
    "cactus_reward_revocations_settled_total",
    "Rewards to take back by what became of it",
    ["result"],
)
CEILING_REACHED = Counter(
    "cactus_reward_ceiling_reached_total",
    "Rewards that wait because a money ceiling of the settings is reached",
    ["ceiling", "site"],
)


Delivered = Callable[[Sequence[int]], None]
"""Is told when what led to a delivered reward arrived, in real ms."""


def unheard(_what: object) -> None:
    """Nobody listens."""


def show_conflicts() -> None:
    """Before there is one: a count that comes out of nowhere is no increase."""
    READ_BACKS.labels("conflict")


def notice(entry: Entry, standing: Standing, delivered: Delivered = unheard) -> None:
    """Where a step has led."""
    if standing.state in SETTLED_STATES:
        _notice_settled(entry, standing)
        is_given = standing.state is State.DELIVERED and isinstance(entry.command, GrantReward)
        if is_given and entry.way.arrived_ms is not None:
            delivered([entry.way.arrived_ms])
    elif standing.stuck:
        log.error("reward_needs_a_human", reward_id=entry.reward_id, reason=standing.stuck)
    elif standing.state is State.UNKNOWN:
        log.warning("reward_outcome_unknown", reward_id=entry.reward_id, reason=standing.reason)


def _notice_settled(entry: Entry, standing: Standing) -> None:
    log.info("reward_settled", reward_id=entry.reward_id, state=standing.state)
    if isinstance(entry.command, RevokeReward):
        REVOCATIONS.labels(standing.state).inc()
    elif standing.first_attempt_at is not None and standing.settled_at is not None:
        SETTLE_SECONDS.observe(max(0, standing.settled_at - standing.first_attempt_at))


def ceiling_reached(entry: Entry, claim: Claim) -> None:
    CEILING_REACHED.labels(claim.ceiling, entry.command.site).inc()
    log.error("reward_ceiling_reached", reward_id=entry.reward_id, reason=claim.reason)


def lease_lost(entry: Entry) -> None:
    LEASES_LOST.inc()
    log.warning("reward_lease_lost", reward_id=entry.reward_id)
