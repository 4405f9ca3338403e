"""The faults of one run, drawn from its seed before anything starts. PURE.

Of calls: 30 % are throttled, 5 % do their work without a proper answer. Of processes: each is to
die at a named step, and some at any moment. Twice everybody else is away for longer than an
idempotency key lives.
"""

import random
from dataclasses import dataclass
from enum import StrEnum

from deploy.sandbox.faults import Fault as CallFault
from deploy.sandbox.terms import MINUTE
from tests.chaos_rewards.wishes import OUTAGES_AT

LEASE_SECONDS = 5.0
LOST_ANSWER_SECONDS = 2.5
"""Longer than any call waits."""
STALE_SECONDS = 0.5
ABSENT_APART_SECONDS = 1.5
"""Longer than a list is stale, as the sixty seconds of an installation are."""
AWAY_SECONDS = 40 * MINUTE
"""Of the engine's and the site's time: their idempotency keys live for thirty minutes."""
RETRY_AFTER_SECONDS = 0.005
"""A 429 holds up every call to the site, and here almost every third call is one."""
SITE_CALLS = ("/api/v2/promotional_credits", "/api/v2/subscriptions", "/api/v2/coupons")
SERVICE_CALLS = ("/tremendous/", "/hooks/")


class Kind(StrEnum):
    KILL = "kill -9 at any moment"
    FREEZE = "frozen beyond its lease, then resumed"
    OUTAGE = "all others away for longer than a key lives"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`at` is the share of the load that is said before it; `victim` in [0, 1) chooses among those
    at work.
    """

    kind: Kind
    at: float
    victim: float


def draw_faults(seed: int, *, kills: int, freezes: int) -> list[Fault]:
    """In the order of their instants, outages at a third and at two thirds."""
    rng = random.Random(f"reward faults {seed}")
    kinds = [Kind.KILL] * kills + [Kind.FREEZE] * freezes
    faults = [Fault(kind=kind, at=rng.uniform(0.05, 0.95), victim=rng.random()) for kind in kinds]
    faults += [Fault(kind=Kind.OUTAGE, at=at, victim=0) for at in OUTAGES_AT]
    return sorted(faults, key=lambda fault: fault.at)


def draw_steps(seed: int, steps: frozenset[str]) -> list[str]:
    """Every named step once, each to be passed a few times first, in any order."""
    rng = random.Random(f"reward steps {seed}")
    names = sorted(steps)
    rng.shuffle(names)
    rare = ("undo", "commands", "outcomes")
    # Reading back takes doubt that outlives a key: whoever waits for that must be there in time.
    for place, name in ((2, "grant_reading_stored"), (6, "undo_reading_stored")):
        names.remove(name)
        names.insert(place, name)
    return [
        f"{name}:{rng.randint(1, 3 if name.startswith(rare) or 'reading' in name else 150)}"
        for name in names
    ]


def call_faults() -> list[CallFault]:
    """The usual weather, over every call there is."""
    faults = [
        CallFault(kind="lock_timeout", path=path, method="POST", probability=0.02)
        for path in SITE_CALLS
    ]
    faults += [
        CallFault(kind="stale", path="/api/v2/promotional_credits", method="GET",
                  probability=0.5, seconds=STALE_SECONDS)
    ]  # fmt: skip
    for path in (*SITE_CALLS, *SERVICE_CALLS):
        faults += [
            CallFault(kind="rate_limited", path=path, probability=0.15,
                      retry_after=RETRY_AFTER_SECONDS),
            CallFault(kind="rate_limited_bare", path=path, probability=0.177),
            CallFault(kind="server_error", path=path, probability=0.02),
            CallFault(kind="lost_answer", path=path, method="POST", probability=0.05,
                      seconds=LOST_ANSWER_SECONDS),
            CallFault(kind="failed_after", path=path, method="POST", probability=0.025),
            CallFault(kind="garbage", path=path, method="POST", probability=0.02),
        ]  # fmt: skip
    return faults


def doubtful_faults() -> list[CallFault]:
    """Everything is done, and nobody hears of it."""
    return [
        CallFault(kind="lost_answer", path=path, method="POST", seconds=LOST_ANSWER_SECONDS)
        for path in (*SITE_CALLS, *SERVICE_CALLS)
    ]


def away_faults() -> list[CallFault]:
    return [CallFault(kind="outage")]
