"""Whatever fails, whenever: the gateway holds each reward at most once, at the end exactly once."""

import asyncio
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from connectors.rewards.discount import PromotionalCreditExecutor
from connectors.rewards.dispatcher import Dispatcher
from connectors.rewards.gateway import NotExecuted, Outcome, Prepared, ReadBack, Refused
from connectors.rewards.ledger import Entry, Ledger, NewAttempt
from connectors.rewards.states import Standing
from schemas.rewards import GrantReward
from tests.support.gateway import Fault, InMemoryGateway
from tests.support.rewards import Clocks, give, grant, memory_ledger

STEPS = ("before_begin", "after_begin", "before_call", "after_call", "before_end", "after_end")
FAULTS: tuple[Fault, ...] = ("none", "lost_before", "lost_after", "throttled", "unreadable")
REWARDS_MAX = 6
DAY = 24 * 3600


class CrashError(Exception):
    """The process dies here."""


class CrashPoints:
    def __init__(self) -> None:
        self.armed = ""

    def reach(self, step: str) -> None:
        if self.armed == step:
            self.armed = ""
            raise CrashError(step)


class MortalExecutor:
    policy = None

    def __init__(self, executor: PromotionalCreditExecutor, points: CrashPoints) -> None:
        self._executor = executor
        self._points = points

    async def prepare(self, command: GrantReward) -> Prepared | Refused | NotExecuted:
        return await self._executor.prepare(command)

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        self._points.reach("before_call")
        outcome = await self._executor.carry_out(body, key)
        self._points.reach("after_call")
        return outcome

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        return await self._executor.read_back(body, since)


class MortalLedger(Ledger):
    points: CrashPoints

    async def begin_attempt(
        self, entry: Entry, standing: Standing, new: NewAttempt, *, wall: float, lease_until: float
    ) -> tuple[Entry, int]:
        self.points.reach("before_begin")
        begun = await super().begin_attempt(
            entry, standing, new, wall=wall, lease_until=lease_until
        )
        self.points.reach("after_begin")
        return begun

    async def end_attempt(self, entry: Entry, standing: Standing, **rest: Any) -> None:
        self.points.reach("before_end")
        await super().end_attempt(entry, standing, **rest)
        self.points.reach("after_end")


class RewardsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clocks = Clocks()
        self.points = CrashPoints()
        self.given = 0
        self.lives = 0
        self.frozen: list[Entry] = []

    @initialize(stale=st.sampled_from([0.0, 20.0, 45.0]))
    def start(self, stale: float) -> None:
        self.gateway = InMemoryGateway(self.clocks.engine, self.clocks.real, stale_seconds=stale)
        self.gateway.with_subscription()
        self.ledger = MortalLedger(self.run(memory_ledger()).engine)
        self.ledger.points = self.points
        self.restart()

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def restart(self) -> None:
        self.lives += 1
        executor = MortalExecutor(PromotionalCreditExecutor(self.gateway), self.points)
        self.dispatcher = Dispatcher(
            self.ledger,
            {"promotional_credit": executor},
            site="acme",
            owner=f"life {self.lives}",
            clock=self.clocks.engine,
            wall=self.clocks.real,
        )

    @rule()
    def earn(self) -> None:
        if self.given < REWARDS_MAX:
            self.given += 1
            self.run(give(self.ledger, grant(self.given)))

    @rule(again=st.integers(1, REWARDS_MAX))
    def redeliver(self, again: int) -> None:
        if again <= self.given:
            self.run(give(self.ledger, grant(again)))

    @rule(
        faults=st.lists(st.sampled_from(FAULTS), max_size=3),
        crash=st.sampled_from(["", "", *STEPS]),
    )
    def work(self, faults: list[Fault], crash: str) -> None:
        self.gateway.faults = list(faults)
        self.points.armed = crash
        for entry in self.run(self.dispatcher.lease(5)):
            try:
                self.run(self.dispatcher.step(entry))
            except CrashError:
                self.restart()
                break
        self.points.armed = ""

    @rule()
    def freeze(self) -> None:
        """A rewarder stops for long after it has leased."""
        self.frozen += self.run(self.dispatcher.lease(1))

    @rule()
    def thaw(self) -> None:
        for entry in self.frozen:
            self.run(self.dispatcher.step(entry))
        self.frozen.clear()

    @rule(seconds=st.sampled_from([1, 10, 61, 130, 20 * 60, 26 * 60, 31 * 60]))
    def wait(self, seconds: int) -> None:
        self.clocks.pass_seconds(seconds)

    @rule(seconds=st.sampled_from([60, 31 * 60, DAY]))
    def engine_leaps(self, seconds: int) -> None:
        """A time machine moves the engine and the gateway, and the wall stands still."""
        self.clocks.now += seconds

    @invariant()
    def never_twice(self) -> None:
        for ordinal in range(1, self.given + 1):
            held = self.gateway.granted(f"acme:c1:five-off:{ordinal}")
            assert len(held) <= 1, held

    def teardown(self) -> None:
        try:
            if self.given:
                self.heal()
        finally:
            self.run(self.ledger.close())
            self.loop.close()

    def heal(self) -> None:
        self.gateway.faults, self.points.armed = [], ""
        for _ in range(8 * REWARDS_MAX):
            entries = self.run(self.dispatcher.lease(5))
            for entry in entries:
                self.run(self.dispatcher.step(entry))
            counts = self.run(self.ledger.count_states())
            if counts["delivered"] + counts["stuck"] == self.given:
                break
            self.clocks.pass_seconds(0 if entries else 11 * 60)
        self.never_twice()
        for ordinal in range(1, self.given + 1):
            self.settled_honestly(f"acme:c1:five-off:{ordinal}")

    def settled_honestly(self, reward_id: str) -> None:
        shown = self.run(self.ledger.show_reward(reward_id))
        held = self.gateway.granted(reward_id)
        if shown["state"] == "stuck":
            # After a day of doubt it is a human's: never sent again, whether it is there or not.
            assert "not settled after 24 h" in shown["reason"]
            return
        assert shown["state"] == "delivered"
        assert [credit.amount_minor for credit in held] == [500]
        assert shown["reference"] == held[0].id


RewardsMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestRewardsOnce = RewardsMachine.TestCase
