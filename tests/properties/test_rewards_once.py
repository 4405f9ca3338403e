"""Whatever fails, whenever: the gateway holds each reward at most once, at the end exactly once;
and what is taken back is taken at most once, never more than was given and is left.
"""

import asyncio
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from connectors import fault_points
from connectors.publish import Record
from connectors.rewards.discount import PromotionalCreditExecutor
from connectors.rewards.dispatcher import Dispatcher
from connectors.rewards.entries import Entry
from connectors.rewards.outcomes import report_settled
from schemas import ids
from schemas.codec import FACTS
from schemas.facts import AnyFact, RewardDelivered, RewardFailed
from tests.support.gateway import Fault, InMemoryGateway
from tests.support.rewards import Clocks, give, grant, memory_ledger, revoke

STEPS = sorted(fault_points.POINTS)
FAULTS: tuple[Fault, ...] = ("none", "lost_before", "lost_after", "throttled", "unreadable")
REWARDS_MAX = 6
WORTH = 500
DAY = 24 * 3600


class Shift(NamedTuple):
    """One round of work: what fails at the gateway, where the process dies, how long it rests."""

    faults: list[Fault]
    crash: str
    nth: int
    rest: int


SHIFTS = st.lists(
    st.builds(
        Shift,
        faults=st.lists(st.sampled_from(FAULTS), max_size=3),
        crash=st.just("") | st.sampled_from(STEPS),
        nth=st.integers(1, 2),
        rest=st.sampled_from([0, 2, 61, 130, 26 * 60]),
    ),
    min_size=1,
    max_size=4,
)


class CrashError(Exception):
    """The process dies here."""


def die() -> None:
    raise CrashError


class Facts:
    """A publisher that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[AnyFact] = []

    async def publish(self, record: Record) -> None:
        self.told.append(FACTS.decode(record.value))


def reward_id(ordinal: int) -> str:
    return grant(ordinal).reward_id


class RewardsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clocks = Clocks()
        self.given = 0
        self.revoked: set[int] = set()
        self.lives = 0
        self.frozen: list[Entry] = []
        self.facts = Facts()

    @initialize(stale=st.sampled_from([0.0, 20.0, 45.0]), given=st.integers(1, 3))
    def start(self, stale: float, given: int) -> None:
        self.gateway = InMemoryGateway(self.clocks.engine, self.clocks.real, stale_seconds=stale)
        self.gateway.with_subscription()
        self.ledger = self.run(memory_ledger())
        self.restart()
        for _ in range(given):
            self.earn()
            self.deliver_one()

    def deliver_one(self) -> None:
        [entry] = self.run(self.dispatcher.lease(1))
        self.run(self.dispatcher.step(entry))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def survive(self, work: Any) -> Any:
        """Nothing, where the process died at it; then another one starts."""
        try:
            return self.run(work)
        except CrashError:
            self.restart()
            return None

    def restart(self) -> None:
        fault_points.arm("")
        self.lives += 1
        self.dispatcher = Dispatcher(
            self.ledger,
            {"promotional_credit": PromotionalCreditExecutor(self.gateway)},
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

    @rule(number=st.integers(0, REWARDS_MAX - 1))
    def redeliver(self, number: int) -> None:
        self.run(give(self.ledger, grant(1 + number % self.given)))

    @rule(number=st.integers(0, REWARDS_MAX - 1), dies=st.booleans())
    def take_back(self, number: int, *, dies: bool) -> None:
        """Also what is taken back already: a projector that crashed says it again."""
        which = 1 + number % self.given
        self.revoked.add(which)
        fault_points.arm("commands_unstored" if dies else "", die)
        self.survive(give(self.ledger, revoke(which)))
        fault_points.arm("")
        self.run(give(self.ledger, revoke(which)))

    @rule(part=st.sampled_from([1, 300, 500, 800]))
    def spend(self, part: int) -> None:
        """An invoice uses up some of what is there."""
        left = self.gateway._balance("c1", "USD")
        self.gateway.spent["USD"] = self.gateway.spent.get("USD", 0) + min(part, left)

    @rule(shifts=SHIFTS)
    def work(self, shifts: list[Shift]) -> None:
        for shift in shifts:
            self.work_once(shift)
            self.clocks.pass_seconds(shift.rest)

    def work_once(self, shift: Shift) -> None:
        self.gateway.faults = list(shift.faults)
        fault_points.arm(f"{shift.crash}:{shift.nth}" if shift.crash else "", die)
        for entry in self.survive(self.dispatcher.lease(5)) or ():
            lives = self.lives
            self.survive(self.dispatcher.step(entry))
            if self.lives != lives:
                break
        self.survive(report_settled(self.ledger, self.facts))
        fault_points.arm("")

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
            held = self.gateway.granted(reward_id(ordinal))
            assert len(held) <= 1, held
            taken = self.taken(ordinal)
            assert len(taken) <= len(held), taken
            assert sum(taken) <= WORTH
            assert not taken or ordinal in self.revoked

    def taken(self, ordinal: int) -> list[int]:
        reference = ids.revocation(reward_id(ordinal))
        return [
            entry.amount_minor
            for _, entry in self.gateway.deductions
            if entry.reference == reference
        ]

    def teardown(self) -> None:
        fault_points.arm("")
        try:
            if self.given:
                self.heal()
        finally:
            self.run(self.ledger.close())
            self.loop.close()

    def heal(self) -> None:
        self.gateway.faults = []
        for _ in range(16 * REWARDS_MAX):
            entries = self.run(self.dispatcher.lease(5))
            for entry in entries:
                self.run(self.dispatcher.step(entry))
            self.run(report_settled(self.ledger, self.facts))
            if not entries and not self.moving():
                break
            self.clocks.pass_seconds(0 if entries else 11 * 60)
        self.never_twice()
        for ordinal in range(1, self.given + 1):
            self.settled_honestly(ordinal)

    def moving(self) -> int:
        moving = ("due", "attempting", "unknown")
        counted = [self.run(self.ledger.count_states(revocations=each)) for each in (False, True)]
        return sum(states[state] for states in counted for state in moving)

    def settled_honestly(self, ordinal: int) -> None:
        shown = self.run(self.ledger.show_reward(reward_id(ordinal)))
        held = self.gateway.granted(reward_id(ordinal))
        told = [type(fact) for fact in self.facts.told if fact.id.endswith(reward_id(ordinal))]
        if shown["state"] == "stuck":
            # After a day of doubt it is a human's: never sent again, whether it is there or not.
            assert "not settled after 24 h" in shown["reason"]
            assert shown["revocation"] == ("stuck" if ordinal in self.revoked else "")
            assert not told
            return
        if shown["state"] == "cancelled":
            assert ordinal in self.revoked
            assert (held, shown["revocation"]) == ([], "not_needed")
            assert set(told) == {RewardFailed}
            return
        assert shown["state"] == "delivered"
        assert [credit.amount_minor for credit in held] == [WORTH]
        assert shown["reference"] == held[0].id
        assert set(told) == {RewardDelivered}
        self.taken_back_honestly(ordinal, shown)

    def taken_back_honestly(self, ordinal: int, shown: dict[str, Any]) -> None:
        taken = self.taken(ordinal)
        match shown["revocation"]:
            case "":
                assert ordinal not in self.revoked
            case "revoked":
                assert taken == [WORTH]
            case "partly":
                assert len(taken) == 1
                assert 0 < taken[0] < WORTH
            case "impossible":
                assert (taken, shown["revocation_reason"]) == ([], "the credit is spent")
            case other:
                assert other == "stuck"


RewardsMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestRewardsOnce = RewardsMachine.TestCase
