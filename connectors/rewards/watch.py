"""Shows the ledger as metrics: rewards by state, and how long the oldest doubt has lasted."""

import asyncio
import contextlib
from collections.abc import Callable

from prometheus_client import Gauge

from connectors.rewards.ledger import Ledger

REWARDS = Gauge("cactus_rewards", "Rewards by state; stuck ones wait for a human", ["state"])
REVOCATIONS = Gauge(
    "cactus_reward_revocations", "Rewards to take back by how far that is", ["state"]
)
PAUSES = Gauge("cactus_reward_pauses", "Pauses that people have made and not ended")
UNKNOWN_AGE = Gauge(
    "cactus_reward_unknown_age_seconds", "Since when the oldest unsettled outcome has been unknown"
)

FORGET_EVERY_SECONDS = 3600.0


async def show_ledger(ledger: Ledger, wall: Callable[[], float]) -> None:
    for state, rewards in (await ledger.count_states()).items():
        REWARDS.labels(state).set(rewards)
    for state, revocations in (await ledger.count_states(revocations=True)).items():
        REVOCATIONS.labels(state).set(revocations)
    PAUSES.set(len(await ledger.pauses()))
    oldest = await ledger.oldest_doubt()
    UNKNOWN_AGE.set(0 if oldest is None else max(0.0, wall() - oldest))


async def run_watch(
    ledger: Ledger,
    wall: Callable[[], float],
    *,
    stopping: asyncio.Event,
    every_seconds: float = 1.0,
) -> None:
    forget_at = 0.0
    while not stopping.is_set():
        if wall() >= forget_at:
            await ledger.forget_usage(wall())
            forget_at = wall() + FORGET_EVERY_SECONDS
        await show_ledger(ledger, wall)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), every_seconds)
