"""Outcomes as facts: what became of a reward goes back to the account it came from.

Told first, marked as told afterwards: a crash between the two tells it again with the same bytes,
and the fold knows an outcome by its reward id.
"""

import asyncio
import contextlib

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
BATCH_MAX = 200
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
    settled: asyncio.Event,
    stopping: asyncio.Event,
    idle_seconds: float = 1.0,
) -> None:
    """Tells outcomes to the facts topic as they settle, and once more when `stopping` is set."""
    while True:
        settled.clear()
        last = stopping.is_set()
        try:
            while await report_settled(ledger, publisher):
                pass
        except PublishError as error:
            # Nothing is lost: what is not marked is told when the broker is back.
            log.warning("reward_outcomes_wait", error=str(error))
        if last:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(settled.wait(), idle_seconds)


async def report_settled(ledger: Ledger, publisher: Publisher) -> int:
    """Tells what is settled and not yet told, one batch; returns how many."""
    entries = await ledger.unreported(BATCH_MAX)
    if not entries:
        return 0
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
    return len(entries)
