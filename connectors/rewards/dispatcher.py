"""Works a site's rewards off: leases them, takes each one step further, stores what came of it.

The ledger decides who works on what, `states` decides which step is next; this is the loop between.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import structlog
from prometheus_client import Counter, Histogram

from connectors.rewards import states
from connectors.rewards.gateway import (
    Absent,
    Conflict,
    Done,
    Executor,
    Found,
    NotExecuted,
    Outcome,
    Prepared,
    ReadBack,
    Refused,
    Unknown,
    Unreadable,
)
from connectors.rewards.ledger import Entry, LeaseLostError, Ledger, NewAttempt
from connectors.rewards.policy import Policy
from connectors.rewards.states import Instant, Move, Standing, State
from schemas.rewards import AnyGrant, Discount

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

CALL_PART_OF_LEASE = 0.8
"""A call that takes longer than this part of its lease is abandoned as unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How one process works. A reading back starts `skew_seconds` before the first attempt."""

    concurrency: int = 8
    lease_seconds: float = 120.0
    idle_seconds: float = 0.5
    skew_seconds: int = 24 * 3600


class Dispatcher:
    """One site's rewards. `executors` holds one executor for each kind `kind_of` can name."""

    def __init__(
        self,
        ledger: Ledger,
        executors: Mapping[str, Executor],
        *,
        site: str,
        owner: str,
        clock: Callable[[], int],
        wall: Callable[[], float],
        policy: Policy | None = None,
        pace: Pace | None = None,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger = ledger
        self._executors = executors
        self._site = site
        self._owner = owner
        self._clock = clock
        self._wall = wall
        self._policy = policy or Policy()
        self._pace = pace or Pace()
        self._settled = settled
        self._arrived = asyncio.Event()

    def wake(self) -> None:
        """New rewards have arrived: look at once."""
        self._arrived.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Works until `stopping` is set, then finishes the steps in hand."""
        async with asyncio.TaskGroup() as steps:
            running: set[asyncio.Task[None]] = set()
            while not stopping.is_set():
                free = self._pace.concurrency - len(running)
                entries = await self.lease(free) if free else []
                for entry in entries:
                    task = steps.create_task(self.step(entry))
                    running.add(task)
                    task.add_done_callback(running.discard)
                    task.add_done_callback(lambda _: self._arrived.set())
                if not entries:
                    await self._wait(stopping)

    async def _wait(self, stopping: asyncio.Event) -> None:
        # Jitter, so that several rewarders do not ask the database in step.
        pause = self._pace.idle_seconds * (0.5 + random.random())  # noqa: S311
        waits = [asyncio.create_task(event.wait()) for event in (self._arrived, stopping)]
        await asyncio.wait(waits, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._arrived.clear()

    async def lease(self, limit: int) -> list[Entry]:
        return await self._ledger.lease(
            self._site,
            owner=self._owner,
            wall=self._wall(),
            seconds=self._pace.lease_seconds,
            limit=limit,
        )

    async def step(self, entry: Entry) -> None:
        """One step of one leased reward."""
        with contextlib.suppress(LeaseLostError):
            await self._step(entry)
            return
        LEASES_LOST.inc()
        log.warning("reward_lease_lost", reward_id=entry.reward_id)

    async def _step(self, entry: Entry) -> None:
        if entry.standing.state is State.ATTEMPTING:
            lost = states.take_over(entry.standing, self._time())
            entry = await self._ledger.put(entry, lost, wall=self._wall(), keep=True)
            ATTEMPTS.labels("lost").inc()
        kind = kind_of(entry.command.grant)
        executor = self._executors.get(kind)
        if executor is None:
            refused = Refused(f"this release does not carry out rewards of kind {kind}")
            standing = states.refuse_before_sending(entry.standing, refused, self._time())
            await self._put(entry, standing)
            return
        policy = executor.policy or self._policy
        match states.next_move(entry.standing, policy, self._time()):
            case Move.PREPARE:
                await self._prepare(entry, executor)
            case Move.RESEND:
                await self._attempt(entry, executor, Move.RESEND, entry.body)
            case Move.READ_BACK:
                await self._read_back(entry, executor)
            case Move.REST:
                raise AssertionError("a resting reward cannot be leased")
            case never:
                assert_never(never)

    async def _prepare(self, entry: Entry, executor: Executor) -> None:
        prepared: Prepared | Refused | NotExecuted
        try:
            async with asyncio.timeout(self._call_seconds(entry)):
                prepared = await executor.prepare(entry.command)
        except TimeoutError:
            prepared = NotExecuted("preparing took too long", self._pace.idle_seconds)
        match prepared:
            case Prepared(body):
                await self._attempt(entry, executor, Move.PREPARE, canonical_json(body))
            case Refused():
                standing = states.refuse_before_sending(entry.standing, prepared, self._time())
                await self._put(entry, standing)
            case NotExecuted():
                await self._put(entry, states.postpone(entry.standing, prepared, self._time()))
            case never:
                assert_never(never)

    async def _attempt(self, entry: Entry, executor: Executor, move: Move, body: str) -> None:
        standing = states.begin(entry.standing, move, self._time())
        key = states.idempotency_key(entry.reward_id, standing.epoch)
        wall = self._wall()
        begun, number = await self._ledger.begin_attempt(
            entry,
            standing,
            NewAttempt(move=move, key=key, body=body),
            wall=wall,
            lease_until=wall + self._pace.lease_seconds,
        )
        outcome = await self._call(begun, executor, key)
        policy = executor.policy or self._policy
        after = states.after_call(begun.standing, outcome, policy, self._time())
        result, detail = _told(outcome)
        ATTEMPTS.labels(result).inc()
        await self._ledger.end_attempt(
            begun, after, number=number, result=result, detail=detail, wall=self._wall()
        )
        self._notice(entry.reward_id, after)

    async def _call(self, begun: Entry, executor: Executor, key: str) -> Outcome:
        seconds = self._call_seconds(begun)
        if seconds <= 0:
            raise LeaseLostError(begun.reward_id)
        try:
            async with asyncio.timeout(seconds):
                return await executor.carry_out(json.loads(begun.body), key)
        except TimeoutError:
            return Unknown("the call took longer than its lease allows")

    async def _read_back(self, entry: Entry, executor: Executor) -> None:
        reading: ReadBack
        try:
            async with asyncio.timeout(self._call_seconds(entry)):
                reading = await executor.read_back(json.loads(entry.body), self._since(entry))
        except TimeoutError:
            reading = Unreadable("reading back took too long", self._pace.idle_seconds)
        policy = executor.policy or self._policy
        after = states.after_read_back(entry.standing, reading, policy, self._time())
        result, detail = _told(reading)
        READ_BACKS.labels(result).inc()
        await self._ledger.record_reading(
            entry, after, result=result, detail=detail, wall=self._wall()
        )
        self._notice(entry.reward_id, after)

    async def _put(self, entry: Entry, standing: Standing) -> None:
        await self._ledger.put(entry, standing, wall=self._wall(), keep=False)
        self._notice(entry.reward_id, standing)

    def _notice(self, reward_id: str, standing: Standing) -> None:
        if standing.state in states.SETTLED_STATES:
            log.info("reward_settled", reward_id=reward_id, state=standing.state)
            if standing.first_attempt_at is not None and standing.settled_at is not None:
                SETTLE_SECONDS.observe(max(0, standing.settled_at - standing.first_attempt_at))
            self._settled()
        elif standing.stuck:
            log.error("reward_needs_a_human", reward_id=reward_id, reason=standing.stuck)
        elif standing.state is State.UNKNOWN:
            log.warning("reward_outcome_unknown", reward_id=reward_id, reason=standing.reason)

    def _since(self, entry: Entry) -> int:
        # The cause precedes every attempt on any clock, also where clocks disagree.
        first = entry.standing.first_attempt_at
        earliest = entry.command.occurred_at if first is None else first
        return max(0, min(earliest, entry.command.occurred_at) - self._pace.skew_seconds)

    def _call_seconds(self, entry: Entry) -> float:
        return (entry.lease_until - self._wall()) * CALL_PART_OF_LEASE

    def _time(self) -> Instant:
        return Instant(now=self._clock(), wall=self._wall())


def kind_of(grant: AnyGrant) -> str:
    """The kind of grant an executor is registered for: a discount by the way it is given."""
    if isinstance(grant, Discount):
        return grant.via
    return str(grant.__struct_config__.tag)


def canonical_json(document: Mapping[str, Any]) -> str:
    """One spelling per document, so that what is sent again is what was stored."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _told(answer: Outcome | ReadBack) -> tuple[str, str]:
    """`(result, detail)` as attempts are stored and counted."""
    match answer:
        case Done(reference):
            return "done", reference
        case Found(reference):
            return "found", reference
        case Absent():
            return "absent", ""
        case Refused(reason):
            return "refused", reason
        case NotExecuted(reason):
            return "not_executed", reason
        case Unknown(reason):
            return "unknown", reason
        case Conflict(reason):
            return "conflict", reason
        case Unreadable(reason):
            return "unreadable", reason
        case never:
            assert_never(never)
