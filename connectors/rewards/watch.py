"""Shows the ledger as metrics: rewards by state, and how long the oldest doubt has lasted."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from prometheus_client import Gauge

from connectors.rewards.ledger import Ledger
from connectors.rewards.overview import STUCK
from connectors.rewards.standing import OPEN_STATES, SETTLED_STATES, State

REWARDS = Gauge("cactus_rewards", "Rewards by state; stuck ones wait for a human", ["state"])
REVOCATIONS = Gauge(
    "cactus_reward_revocations", "Rewards to take back by how far that is", ["state"]
)
PAUSES = Gauge("cactus_reward_pauses", "Pauses that people have made and not ended")
UNKNOWN_AGE = Gauge(
    "cactus_reward_unknown_age_seconds", "Since when the oldest unsettled outcome has been unknown"
)

FORGET_EVERY_SECONDS = 3600.0
SETTLED_EVERY_SECONDS = 10.0
"""They grow for ever: counting them takes longer each year, counting what is open does not."""


async def show_open(ledger: Ledger, wall: Callable[[], float]) -> None:
    await _show(ledger, OPEN_STATES, STUCK)
    PAUSES.set(len(await ledger.pauses()))
    oldest = await ledger.oldest_doubt()
    UNKNOWN_AGE.set(0 if oldest is None else max(0.0, wall() - oldest))


async def show_settled(ledger: Ledger) -> None:
    await _show(ledger, SETTLED_STATES)


async def _show(ledger: Ledger, states: Sequence[State], *labels: str) -> None:
    for gauge, revocations in ((REWARDS, False), (REVOCATIONS, True)):
        counts = await ledger.count_states(states, revocations=revocations)
        for label in (*states, *labels):
            gauge.labels(label).set(counts[label])


async def run_watch(
    ledger: Ledger,
    wall: Callable[[], float],
    *,
    stopping: asyncio.Event,
    every_seconds: float = 1.0,
) -> None:
    forget_at = settled_at = 0.0
    while not stopping.is_set():
        if wall() >= forget_at:
            await ledger.forget_usage(wall())
            forget_at = wall() + FORGET_EVERY_SECONDS
        if wall() >= settled_at:
            await show_settled(ledger)
            settled_at = wall() + SETTLED_EVERY_SECONDS
        await show_open(ledger, wall)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), every_seconds)
