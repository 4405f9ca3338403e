"""Outcomes as facts: what became of a reward goes back to the account it came from.

Told first, marked as told afterwards: a crash between the two tells it again with the same bytes,
and the fold knows an outcome by its reward id.
"""

import asyncio
import contextlib
import time
from collections.abc import Collection, Sequence

import structlog
from prometheus_client import Counter

from connectors.publish import Publisher, PublishError, Record
from connectors.rewards.entries import Entry
from connectors.rewards.ledger import Ledger
from connectors.rewards.standing import GIVING_BACK_STATES, State
from schemas import ids
from schemas.codec import FACTS
from schemas.facts import AnyFact, RewardDelivered, RewardFailed
from schemas.topics import HEADER_TRACEPARENT

log = structlog.get_logger(__name__)

OUTCOMES = Counter("cactus_reward_outcomes_total", "Outcomes told as facts", ["state"])
BATCH_MAX = 500
GATHER_SECONDS = 0.2
"""What settles meanwhile is told together: a transaction for each would hold up the next steps."""
LEFT_SECONDS = 2.0
"""What is untold twice so far apart, nobody else is about to tell."""
SOURCE = "rewarder"


def outcome_fact(entry: Entry) -> AnyFact:
    """The fact a settled reward gives; the same one however often it is asked for."""
    standing, command = entry.standing, entry.command
    assert standing.settled_at is not None
    # An engine's clock that has not started yet must not put the outcome before its cause.
    occurred_at = max(standing.settled_at, command.occurred_at)
    if standing.state is State.DELIVERED:
        return RewardDelivered(
            id=ids.outcome(entry.reward_id),
            site=command.site,
            customer=command.customer,
            occurred_at=occurred_at,
            source=SOURCE,
            reward_id=entry.reward_id,
            reference=standing.reference,
        )
    # One that was cancelled was not given either: where its cost is still held, it comes back.
    assert standing.state in GIVING_BACK_STATES
    return RewardFailed(
        id=ids.outcome(entry.reward_id),
        site=command.site,
        customer=command.customer,
        occurred_at=occurred_at,
        source=SOURCE,
        reward_id=entry.reward_id,
        reason=standing.reason,
    )


def trace_of(entry: Entry) -> dict[str, str]:
    """The header under which an outcome goes on with its reward's trace."""
    traceparent = entry.way.traceparent
    return {HEADER_TRACEPARENT: traceparent} if traceparent else {}


async def run_reports(
    ledger: Ledger,
    publisher: Publisher,
    *,
    owner: str,
    settled: asyncio.Event,
    stopping: asyncio.Event,
    idle_seconds: float = 1.0,
    left_seconds: float = LEFT_SECONDS,
) -> None:
    """Tells outcomes to the facts topic as they settle, and once more when `stopping` is set.

    Each `owner` of leases tells what it settled itself, and what was settled by a human or a
    revocation. What others left, because they are gone, is told by whoever finds it twice.
    """
    left: set[str] = set()
    look_at = 0.0
    while True:
        settled.clear()
        last = stopping.is_set()
        try:
            while await report_settled(ledger, publisher, settled_by=owner):
                pass
            if time.monotonic() >= look_at:
                left = await report_left(ledger, publisher, left)
                look_at = time.monotonic() + left_seconds
        except PublishError as error:
            # Nothing is lost: what is not marked is told when the broker is back.
            log.warning("reward_outcomes_wait", error=str(error))
        if last:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(settled.wait(), idle_seconds)
            await asyncio.wait_for(stopping.wait(), GATHER_SECONDS)


async def report_settled(
    ledger: Ledger, publisher: Publisher, *, settled_by: str | None = None
) -> int:
    """Tells what is settled and not yet told, one batch; returns how many. If an owner of leases is
    named, only what no other one settled.
    """
    entries = await ledger.unreported(BATCH_MAX, settled_by=settled_by)
    await _tell(ledger, publisher, entries)
    return len(entries)


async def report_left(ledger: Ledger, publisher: Publisher, before: Collection[str]) -> set[str]:
    """Tells what is untold and was so `before`; returns what else is untold."""
    entries = await ledger.unreported(BATCH_MAX)
    await _tell(ledger, publisher, [entry for entry in entries if entry.reward_id in before])
    return {entry.reward_id for entry in entries} - set(before)


async def _tell(ledger: Ledger, publisher: Publisher, entries: Sequence[Entry]) -> None:
    if not entries:
        return
    await asyncio.gather(
        *(
            publisher.publish(
                Record(
                    key=ids.account_key(entry.command.site, entry.command.customer).encode(),
                    value=FACTS.encode(outcome_fact(entry)),
                    headers=trace_of(entry),
                )
            )
            for entry in entries
        )
    )
    await ledger.mark_reported([entry.reward_id for entry in entries])
    for entry in entries:
        OUTCOMES.labels(entry.standing.state).inc()
