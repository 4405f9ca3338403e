"""Works a site's rewards off: leases them, takes each one step further, stores what came of it.

The ledger decides who works on what, `states` decides which step is next; this is the loop between.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import assert_never

from connectors import fault_points
from connectors.rewards import notices, states
from connectors.rewards.entries import Entry, NewAttempt
from connectors.rewards.gateway import (
    Caller,
    Done,
    Executor,
    NotExecuted,
    Outcome,
    Prepared,
    ReadBack,
    Refused,
    Unknown,
    Unreadable,
)
from connectors.rewards.ledger import LeaseLostError, Ledger
from connectors.rewards.limits import Claim, Limits
from connectors.rewards.policy import Policy
from connectors.rewards.standing import GIVING_BACK_STATES, SETTLED_STATES, Instant, Standing, State
from connectors.rewards.states import Move
from connectors.rewards.telling import canonical_json, told
from connectors.rewards.usage import LimitReachedError
from schemas.rewards import GrantReward, RevokeReward

CEILING_WAIT_SECONDS = 60.0
WITHDRAWN = "withdrawn before it was given"
CALL_PART_OF_LEASE = 0.8
"""A call that takes longer than this part of its lease is abandoned as unknown."""


Traced = Callable[[Entry], AbstractContextManager[object]]
"""A span around one call, where the entry is traced."""
NOT_TRACED = nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How one process works. A reading back starts `skew_seconds` before the first attempt."""

    concurrency: int = 8
    lease_seconds: float = 120.0
    idle_seconds: float = 0.5
    skew_seconds: int = 24 * 3600


class Dispatcher:
    """One site's rewards. `executors` holds one executor for each kind `kind_of` can name;
    `limits` are those of the settings and of each reward.
    """

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
        limits: Limits | None = None,
        settled: Callable[[], None] = lambda: None,
        delivered: notices.Delivered = notices.unheard,
        traced: Traced = lambda _entry: NOT_TRACED,
    ) -> None:
        self._ledger = ledger
        self._executors = executors
        self._site = site
        self._owner = owner
        self._clock = clock
        self._wall = wall
        self._policy = policy or Policy()
        self._pace = pace or Pace()
        self._limits = limits or Limits()
        self._settled = settled
        self._delivered = delivered
        self._traced = traced
        self._arrived = asyncio.Event()
        notices.show_conflicts()

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
        notices.lease_lost(entry)

    async def _step(self, entry: Entry) -> None:
        if entry.standing.state is State.ATTEMPTING:
            lost = states.take_over(entry.standing, self._time())
            entry = await self._ledger.put(entry, lost, wall=self._wall(), keep=True)
            notices.ATTEMPTS.labels("lost").inc()
        if entry.is_revoked and entry.standing.state is State.DUE:
            # It was being attempted when its revocation came, and that did nothing.
            await self._put(entry, states.cancel(entry.standing, WITHDRAWN, self._time()))
            return
        executor = self._executors.get(entry.kind)
        if isinstance(entry.command, RevokeReward) and (
            executor is None or entry.target is None or entry.target.state is not State.DELIVERED
        ):
            await self._put(entry, self._without_target(entry))
            return
        if executor is None:
            refused = Refused(f"this release does not carry out rewards of kind {entry.kind}")
            standing = states.refuse_before_sending(entry.standing, refused, self._time())
            await self._put(entry, standing)
            return
        caller: Caller = executor if isinstance(entry.command, GrantReward) else executor.undo
        match states.next_move(entry.standing, self._policy_of(caller), self._time()):
            case Move.PREPARE:
                await self._prepare(entry, executor, caller)
            case Move.RESEND:
                await self._attempt(entry, caller, Move.RESEND, entry.body, None)
            case Move.READ_BACK:
                await self._read_back(entry, caller)
            case Move.REST:
                raise AssertionError("a resting reward cannot be leased")
            case never:
                assert_never(never)

    def _without_target(self, entry: Entry) -> Standing:
        """What becomes of a taking back whose reward is not there to be taken."""
        target, standing, time = entry.target, entry.standing, self._time()
        if target is None:
            nothing = Refused("the ledger holds no such reward")
            return states.refuse_before_sending(standing, nothing, time)
        if target.state is State.DELIVERED:
            unknown = Refused(f"this release does not take back rewards of kind {entry.kind}")
            return states.refuse_before_sending(standing, unknown, time)
        if target.state in GIVING_BACK_STATES:
            return states.cancel(standing, "the reward was never given", time)
        # Its reward came before it, so that only a stuck one can still be open.
        return states.hold(standing, "its reward waits for a human: resolve that one first")

    async def _prepare(self, entry: Entry, executor: Executor, caller: Caller) -> None:
        prepared: Prepared | Done | Refused | NotExecuted
        try:
            async with asyncio.timeout(self._call_seconds(entry)):
                prepared = await self._prepared(entry, executor)
        except TimeoutError:
            prepared = NotExecuted("preparing took too long", self._pace.idle_seconds)
        fault_points.reach(f"{entry.step_prefix}prepared")
        match prepared:
            case Prepared(body):
                claims = self._claims(entry, prepared)
                await self._attempt(entry, caller, Move.PREPARE, canonical_json(body), claims)
            case Done():
                await self._put(entry, states.nothing_left(entry.standing, prepared, self._time()))
            case Refused():
                standing = states.refuse_before_sending(entry.standing, prepared, self._time())
                await self._put(entry, standing)
            case NotExecuted():
                await self._put(entry, states.postpone(entry.standing, prepared, self._time()))
            case never:
                assert_never(never)

    async def _prepared(
        self, entry: Entry, executor: Executor
    ) -> Prepared | Done | Refused | NotExecuted:
        if isinstance(entry.command, GrantReward):
            return await executor.prepare(entry.command)
        assert entry.target is not None
        return await executor.undo.prepare(entry.target.granted, entry.command)

    def _claims(self, entry: Entry, prepared: Prepared) -> list[Claim]:
        if isinstance(entry.command, RevokeReward):
            return []
        return self._limits.claims(entry.command, prepared, self._wall())

    async def _attempt(
        self, entry: Entry, caller: Caller, move: Move, body: str, claims: list[Claim] | None
    ) -> None:
        standing = states.begin(entry.standing, move, self._time())
        key = states.idempotency_key(entry.reward_id, standing.epoch)
        wall = self._wall()
        try:
            begun, number = await self._ledger.begin_attempt(
                entry,
                standing,
                NewAttempt(move=move, key=key, body=body),
                wall=wall,
                lease_until=wall + self._pace.lease_seconds,
                claims=claims,
            )
        except LimitReachedError as reached:
            await self._put(entry, self._over_limit(entry, reached.claim))
            return
        outcome = await self._call(begun, caller, key)
        after = states.after_call(begun.standing, outcome, self._policy_of(caller), self._time())
        result, detail = told(outcome)
        notices.ATTEMPTS.labels(result).inc()
        await self._ledger.end_attempt(
            begun, after, number=number, result=result, detail=detail, wall=self._wall()
        )
        self._notice(entry, after)

    def _over_limit(self, entry: Entry, claim: Claim) -> Standing:
        """A program's own limit ends the reward; a ceiling of the settings only holds it up."""
        if not claim.ceiling:
            return states.refuse_before_sending(entry.standing, Refused(claim.reason), self._time())
        notices.ceiling_reached(entry, claim)
        later = NotExecuted(claim.reason, CEILING_WAIT_SECONDS)
        return states.postpone(entry.standing, later, self._time())

    async def _call(self, begun: Entry, caller: Caller, key: str) -> Outcome:
        seconds = self._call_seconds(begun)
        if seconds <= 0:
            raise LeaseLostError(begun.reward_id)
        fault_points.reach(f"{begun.step_prefix}before_call")
        outcome: Outcome
        try:
            async with asyncio.timeout(seconds):
                with self._traced(begun):
                    outcome = await caller.carry_out(json.loads(begun.body), key)
        except TimeoutError:
            outcome = Unknown("the call took longer than its lease allows")
        fault_points.reach(f"{begun.step_prefix}after_call")
        return outcome

    async def _read_back(self, entry: Entry, caller: Caller) -> None:
        reading: ReadBack
        try:
            async with asyncio.timeout(self._call_seconds(entry)):
                reading = await caller.read_back(json.loads(entry.body), self._since(entry))
        except TimeoutError:
            reading = Unreadable("reading back took too long", self._pace.idle_seconds)
        policy = self._policy_of(caller)
        after = states.after_read_back(entry.standing, reading, policy, self._time())
        result, detail = told(reading)
        notices.READ_BACKS.labels(result).inc()
        await self._ledger.record_reading(
            entry, after, result=result, detail=detail, wall=self._wall()
        )
        self._notice(entry, after)

    async def _put(self, entry: Entry, standing: Standing) -> None:
        await self._ledger.put(entry, standing, wall=self._wall(), keep=False)
        self._notice(entry, standing)

    def _notice(self, entry: Entry, standing: Standing) -> None:
        notices.notice(entry, standing, self._delivered)
        if standing.state in SETTLED_STATES:
            self._settled()

    def _policy_of(self, caller: Caller) -> Policy:
        return caller.policy or self._policy

    def _since(self, entry: Entry) -> int:
        # The cause precedes every attempt on any clock, also where clocks disagree.
        first = entry.standing.first_attempt_at
        earliest = entry.command.occurred_at if first is None else first
        return max(0, min(earliest, entry.command.occurred_at) - self._pace.skew_seconds)

    def _call_seconds(self, entry: Entry) -> float:
        return (entry.lease_until - self._wall()) * CALL_PART_OF_LEASE

    def _time(self) -> Instant:
        return Instant(now=self._clock(), wall=self._wall())
