"""Where one reward stands: its states, and the only edges between them. PURE.

Taking a reward back is a piece of work with the same life: delivered means taken back, failed that
it cannot be, cancelled that there was nothing to take back.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    DUE = "due"
    ATTEMPTING = "attempting"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


OPEN_STATES = (State.DUE, State.ATTEMPTING, State.UNKNOWN)
SETTLED_STATES = (State.DELIVERED, State.FAILED, State.CANCELLED)
GIVING_BACK_STATES = (State.FAILED, State.CANCELLED)
"""In these a reward was not given, and gives back what it took of limits."""

LEGAL_EDGES = frozenset(
    {
        (State.DUE, State.ATTEMPTING),
        (State.DUE, State.DUE),  # the call could not be prepared yet
        (State.DUE, State.FAILED),  # refused before anything was sent
        (State.DUE, State.DELIVERED),  # nothing is left to take back
        (State.DUE, State.CANCELLED),  # revoked before anything was sent
        (State.ATTEMPTING, State.DELIVERED),
        (State.ATTEMPTING, State.FAILED),
        (State.ATTEMPTING, State.DUE),  # certainly not executed, by no attempt
        (State.ATTEMPTING, State.UNKNOWN),
        (State.UNKNOWN, State.ATTEMPTING),  # the same key and body, while the key lives
        (State.UNKNOWN, State.DELIVERED),  # read back
        (State.UNKNOWN, State.UNKNOWN),
        (State.UNKNOWN, State.DUE),  # absent twice: a new key
        (State.UNKNOWN, State.FAILED),  # absent twice, and refused meanwhile
        (State.FAILED, State.DUE),  # by hand, and only what takes back: nobody was told
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """Engine time and real time, unix seconds."""

    now: int
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one reward stands. `epoch` counts its idempotency keys.

    `doubtful_since` (real time) is set from the first attempt that may have had its effect until
    that is settled. `stuck` says why nothing more is tried without a human.
    """

    state: State = State.DUE
    epoch: int = 0
    first_attempt_at: int | None = None
    key_sent_at: int | None = None
    key_sent_wall: float | None = None
    doubtful_since: float | None = None
    refusal: str = ""
    absent_at: float | None = None
    conflicts: int = 0
    tries: int = 0
    next_wall: float = 0.0
    settled_at: int | None = None
    reference: str = ""
    handed: str = ""
    reason: str = ""
    stuck: str = ""


def settle(
    standing: Standing,
    state: State,
    time: Instant,
    *,
    reference: str = "",
    handed: str = "",
    reason: str = "",
) -> Standing:
    """The end of the work, as the engine's clock tells it."""
    return move_to(
        standing,
        state,
        doubtful_since=None,
        settled_at=time.now,
        reference=reference,
        handed=handed,
        reason=reason,
        stuck="",
    )


def move_to(standing: Standing, state: State, **changes: object) -> Standing:
    """Along a legal edge only."""
    assert (standing.state, state) in LEGAL_EDGES, f"{standing.state} → {state} is no legal edge"
    return replace(standing, state=state, **changes)  # type: ignore[arg-type]
