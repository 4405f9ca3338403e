import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any

import pytest

from connectors.publish import BrokerUnavailableError, Record
from connectors.rewards.discount import CouponExecutor, PromotionalCreditExecutor
from connectors.rewards.dispatcher import Dispatcher, Pace
from connectors.rewards.entries import Entry, Way, new_reward
from connectors.rewards.gateway import NotExecuted
from connectors.rewards.ledger import Ledger
from connectors.rewards.limits import Limits
from connectors.rewards.outcomes import report_left, report_settled, run_reports
from schemas.codec import FACTS, REWARDS
from schemas.facts import AnyFact, RewardDelivered, RewardFailed
from schemas.rewards import Allowance, FreeDays
from tests.support.gateway import InMemoryGateway
from tests.support.rewards import NOON, Clocks, coupon, give, grant, memory_ledger, revoke
from tests.support.waiting import eventually


class Site:
    """A dispatcher at work on a gateway in memory, one step at a time."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clocks = Clocks()
        self.gateway = InMemoryGateway(self.clocks.engine, self.clocks.real).with_subscription()
        self.dispatcher = self.rewarder("one")

    def rewarder(self, owner: str, limits: Limits | None = None) -> Dispatcher:
        return Dispatcher(
            self.ledger,
            {
                "promotional_credit": PromotionalCreditExecutor(self.gateway),
                "coupon": CouponExecutor(self.gateway),
            },
            site="acme",
            owner=owner,
            clock=self.clocks.engine,
            wall=self.clocks.real,
            pace=Pace(idle_seconds=0.01),
            limits=limits,
        )

    async def work(self, *, seconds: float = 0) -> int:
        self.clocks.pass_seconds(seconds)
        entries = await self.dispatcher.lease(10)
        for entry in entries:
            await self.dispatcher.step(entry)
        return len(entries)

    async def shown(self, ordinal: int = 1) -> dict[str, Any]:
        shown = await self.ledger.show_reward(f"acme:c1:five-off:{ordinal}")
        assert shown is not None
        return shown


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    ledger = await memory_ledger()
    yield Site(ledger)
    await ledger.close()


class Spy:
    """A publisher that remembers, and fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.records: list[Record] = []

    async def publish(self, record: Record) -> None:
        self.records.append(record)
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailableError("the broker is gone")


async def test_a_reward_is_delivered_and_told_once(site: Site) -> None:
    await give(site.ledger, grant())
    await site.work()
    spy = Spy()
    assert await report_settled(site.ledger, spy) == 1
    assert await report_settled(site.ledger, spy) == 0
    [record] = spy.records
    assert record.key == b"acme:c1"
    assert FACTS.decode(record.value) == RewardDelivered(
        id="outcome:acme:c1:five-off:1",
        site="acme",
        customer="c1",
        occurred_at=NOON,
        source="rewarder",
        reward_id="acme:c1:five-off:1",
        reference="pc_1",
    )


async def test_an_outcome_told_before_a_crash_is_told_again_in_the_same_bytes(site: Site) -> None:
    await give(site.ledger, grant())
    await site.work()
    spy = Spy(failures=1)
    with pytest.raises(BrokerUnavailableError):
        await report_settled(site.ledger, spy)
    site.clocks.pass_seconds(9999)
    await report_settled(site.ledger, spy)
    assert len({record.value for record in spy.records}) == 1


async def test_the_attempt_is_stored_before_the_call(site: Site) -> None:
    await give(site.ledger, grant())
    stored: list[str] = []
    add = site.gateway.add_credit

    async def look_then_add(params: Any, key: str) -> Any:
        [attempt] = (await site.shown())["attempts"]
        stored.append(attempt["key"])
        assert (attempt["result"], '"reference":' in attempt["body"]) == ("open", True)
        assert stored == [key]
        return await add(params, key)

    site.gateway.add_credit = look_then_add  # type: ignore[method-assign]
    await site.work()
    assert len(stored) == 1


async def test_a_timeout_after_success_is_settled_by_the_same_key(site: Site) -> None:
    await give(site.ledger, grant())
    site.gateway.faults = ["lost_after"]
    await site.work()
    assert (await site.shown())["state"] == "unknown"
    await site.work(seconds=5)
    shown = await site.shown()
    assert (shown["state"], shown["epoch"], shown["reference"]) == ("delivered", 1, "pc_1")
    assert len({attempt["key"] for attempt in shown["attempts"]}) == 1


async def test_after_the_keys_life_it_is_read_back_and_not_sent(site: Site) -> None:
    await give(site.ledger, grant())
    site.gateway.faults = ["lost_after"]
    await site.work()
    await site.work(seconds=26 * 60)
    assert (await site.shown())["state"] == "delivered"
    assert site.gateway.calls == ["add_credit", "list_credits"]


async def test_only_when_absent_twice_it_is_sent_with_a_new_key(site: Site) -> None:
    await give(site.ledger, grant())
    site.gateway.faults = ["lost_before"]
    await site.work()
    await site.work(seconds=26 * 60)
    assert await site.work(seconds=30) == 0  # a second look within a minute would prove nothing
    await site.work(seconds=31)
    await site.work()
    shown = await site.shown()
    assert (shown["state"], shown["epoch"]) == ("delivered", 2)
    results = [attempt["result"] for attempt in shown["attempts"]]
    assert results == ["unknown", "absent", "absent", "done"]
    assert len(site.gateway.credits) == 1


async def test_a_site_that_cannot_be_read_is_asked_again_before_anything_is_sent(
    site: Site,
) -> None:
    await give(site.ledger, coupon())
    site.gateway.faults = ["unreadable"]
    await site.work()
    shown = await site.shown()
    assert (shown["state"], shown["reason"], shown["attempts"]) == ("due", "no answer", [])
    assert await site.work() == 0
    await site.work(seconds=1)
    assert (await site.shown())["state"] == "delivered"


async def test_what_is_in_doubt_stays_so_while_the_site_cannot_be_read(site: Site) -> None:
    await give(site.ledger, grant())
    site.gateway.faults = ["lost_after", "unreadable"]
    await site.work()
    await site.work(seconds=26 * 60)
    shown = await site.shown()
    assert (shown["state"], shown["attempts"][-1]["result"]) == ("unknown", "unreadable")
    await site.work(seconds=1)
    assert (await site.shown())["state"] == "delivered"


async def test_nothing_is_taken_back_while_the_site_cannot_be_read(site: Site) -> None:
    await give(site.ledger, grant())
    await site.work()
    await give(site.ledger, revoke())
    site.gateway.faults = ["unreadable"]
    await site.work()
    shown = await site.shown()
    assert (shown["revocation"], site.gateway.deductions) == ("due", [])
    await site.work(seconds=1)
    assert (await site.shown())["revocation"] == "revoked"


async def test_a_refused_reward_fails_and_says_why(site: Site) -> None:
    await give(site.ledger, grant(customer="ghost"))
    await site.work()
    spy = Spy()
    await report_settled(site.ledger, spy)
    fact = FACTS.decode(spy.records[0].value)
    assert isinstance(fact, RewardFailed)
    assert fact.reason == "Customer ghost not found"


async def test_a_kind_of_reward_that_is_not_carried_out_fails_honestly(site: Site) -> None:
    await give(site.ledger, grant(grant=FreeDays(days=7)))
    await site.work()
    shown = await site.shown()
    assert (shown["state"], shown["attempts"]) == ("failed", [])
    assert shown["reason"] == "this release does not carry out rewards of kind free_days"


async def test_the_rewards_of_one_customer_are_worked_on_in_order(site: Site) -> None:
    site.gateway.with_subscription("sub_2", "c2")
    await give(site.ledger, grant(1), grant(2), grant(1, customer="c2"))
    site.gateway.faults = ["throttled"]
    entries = await site.dispatcher.lease(10)
    assert {entry.reward_id for entry in entries} == {"acme:c1:five-off:1", "acme:c2:five-off:1"}
    for entry in entries:
        await site.dispatcher.step(entry)
    assert [(await site.shown(n))["state"] for n in (1, 2)].count("due") == 2
    for _ in range(2):
        await site.work(seconds=2)
    assert (await site.shown(2))["state"] == "delivered"


async def test_a_dead_rewarders_work_is_taken_over_after_its_lease(site: Site) -> None:
    await give(site.ledger, grant())
    [abandoned] = await site.rewarder("dead").lease(1)
    assert await site.work() == 0
    assert await site.work(seconds=121) == 1
    assert (await site.shown())["state"] == "delivered"
    await site.dispatcher.step(abandoned)  # and it changes nothing when it wakes up
    assert len(site.gateway.credits) == 1


async def test_a_coupon_is_applied_once_over_a_lost_answer(site: Site) -> None:
    await give(site.ledger, coupon())
    site.gateway.faults = ["none", "lost_after"]
    await site.work()
    await site.work(seconds=26 * 60)
    assert (await site.shown())["state"] == "delivered"
    assert site.gateway.held["sub_1"].coupons == ("cactus-spikes-five-off-v3-USD-1",)


async def test_the_loop_works_what_arrives_and_stops_when_told(site: Site) -> None:
    stopping, settled = asyncio.Event(), asyncio.Event()
    spy = Spy()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(site.dispatcher.run(stopping))
        tasks.create_task(
            run_reports(
                site.ledger,
                spy,
                owner="one",
                settled=settled,
                stopping=stopping,
                idle_seconds=0.01,
            )
        )
        await give(site.ledger, *(grant(n) for n in range(1, 6)))
        site.dispatcher.wake()
        await eventually(lambda: len(spy.records) == 5)
        stopping.set()
    assert [credit.reference[-1] for _, credit in site.gateway.credits] == list("12345")


async def test_each_rewarder_tells_what_it_settled_itself(site: Site) -> None:
    await give(site.ledger, grant())
    await site.work()
    spy = Spy()
    assert await report_settled(site.ledger, spy, settled_by="another") == 0
    assert await report_settled(site.ledger, spy, settled_by="one") == 1


async def test_what_a_revocation_settled_any_rewarder_tells_at_once(site: Site) -> None:
    await give(site.ledger, grant())
    await site.rewarder("another").lease(1)
    await give(site.ledger, revoke())
    assert await report_settled(site.ledger, Spy(), settled_by="one") == 1


async def test_what_a_rewarder_left_untold_is_told_by_whoever_finds_it_twice(site: Site) -> None:
    await give(site.ledger, grant())
    await site.work()
    spy = Spy()
    found = await report_left(site.ledger, spy, set())
    assert (found, spy.records) == ({"acme:c1:five-off:1"}, [])
    assert await report_left(site.ledger, spy, found) == set()
    assert len(spy.records) == 1
    assert await report_left(site.ledger, spy, found) == set()
    assert len(spy.records) == 1


async def settled_facts(site: Site) -> list[type[AnyFact]]:
    spy = Spy()
    await report_settled(site.ledger, spy)
    return [type(FACTS.decode(record.value)) for record in spy.records]


async def test_a_delivered_reward_is_taken_back_once_and_nobody_is_told_again(site: Site) -> None:
    await give(site.ledger, grant())
    await site.work()
    assert await settled_facts(site) == [RewardDelivered]
    await give(site.ledger, revoke())
    await site.work()
    shown = await site.shown()
    assert (shown["state"], shown["revocation"]) == ("delivered", "revoked")
    assert await site.work() == 0
    assert await settled_facts(site) == []
    [(_, taken)] = site.gateway.deductions
    assert (taken.amount_minor, taken.reference) == (500, "acme:c1:five-off:1:revoked")


async def test_the_taking_back_is_stored_before_it_is_sent(site: Site) -> None:
    await give(site.ledger, grant())
    await site.work()
    await give(site.ledger, revoke())
    stored: list[Any] = []
    deduct = site.gateway.deduct_credit

    async def look_then_deduct(params: Any, key: str) -> Any:
        attempt = (await site.shown())["attempts"][-1]
        stored.append((attempt["of"], attempt["result"], attempt["key"]))
        assert stored == [("revocation", "open", key)]
        return await deduct(params, key)

    site.gateway.deduct_credit = look_then_deduct  # type: ignore[method-assign]
    await site.work()
    assert len(stored) == 1


async def test_a_reward_in_doubt_is_settled_first_and_then_taken_back(site: Site) -> None:
    await give(site.ledger, grant())
    site.gateway.faults = ["lost_after"]
    await site.work()
    await give(site.ledger, revoke())
    await site.work(seconds=5)
    assert ((await site.shown())["state"], len(site.gateway.deductions)) == ("delivered", 0)
    await site.work()
    assert ((await site.shown())["revocation"], len(site.gateway.deductions)) == ("revoked", 1)


async def test_a_doubt_about_the_taking_back_is_settled_by_the_same_key(site: Site) -> None:
    await give(site.ledger, grant())
    await site.work()
    await give(site.ledger, revoke())
    site.gateway.faults = ["none", "lost_after"]
    await site.work()
    assert (await site.shown())["revocation"] == "unknown"
    await site.work(seconds=5)
    assert ((await site.shown())["revocation"], len(site.gateway.deductions)) == ("revoked", 1)


async def test_a_reward_revoked_during_an_attempt_in_vain_is_not_attempted_again(
    site: Site,
) -> None:
    await give(site.ledger, grant())

    async def be_busy_meanwhile(params: Any, key: str) -> NotExecuted:
        await give(site.ledger, revoke())
        return NotExecuted("busy", 1)

    site.gateway.add_credit = be_busy_meanwhile  # type: ignore[method-assign]
    await site.work()
    assert (await site.shown())["state"] == "due"
    await site.work(seconds=2)
    await site.work()
    shown = await site.shown()
    assert (shown["state"], shown["revocation"]) == ("cancelled", "not_needed")
    assert len(shown["attempts"]) == 1
    assert await settled_facts(site) == [RewardFailed]


async def test_what_was_partly_spent_is_partly_taken_back(site: Site) -> None:
    await give(site.ledger, grant())
    await site.work()
    site.gateway.spent["USD"] = 200
    await give(site.ledger, revoke())
    await site.work()
    shown = await site.shown()
    assert (shown["revocation"], shown["revocation_reason"]) == (
        "partly",
        "2.00 USD of 5.00 USD were spent",
    )


async def test_a_reward_that_failed_needs_no_taking_back(site: Site) -> None:
    await give(site.ledger, grant(customer="ghost"))
    await site.work()
    await give(site.ledger, revoke(customer="ghost"))
    await site.work()
    shown = await site.ledger.show_reward("acme:ghost:five-off:1")
    assert shown is not None
    assert (shown["state"], shown["revocation"]) == ("failed", "not_needed")


async def test_the_taking_back_of_a_stuck_reward_waits_for_the_human_too(site: Site) -> None:
    await give(site.ledger, grant())
    site.gateway.faults = ["lost_before"]
    await site.work()
    await give(site.ledger, revoke())
    site.gateway.faults = ["unreadable"]
    await site.work(seconds=25 * 3600)
    await site.work(seconds=60)
    shown = await site.shown()
    assert (shown["state"], shown["revocation"]) == ("stuck", "stuck")
    assert shown["revocation_reason"] == "its reward waits for a human: resolve that one first"


async def test_a_reward_nobody_knows_cannot_be_taken_back(site: Site) -> None:
    await give(site.ledger, revoke())
    assert await site.work() == 1
    assert (await site.ledger.count_states(revocations=True))["failed"] == 1


async def test_what_is_out_of_stock_fails_and_says_so(site: Site) -> None:
    allowance = Allowance(stock=1)
    site.gateway.with_subscription("sub_2", "c2")
    await give(site.ledger, grant(allowance=allowance), grant(customer="c2", allowance=allowance))
    await site.work()
    states = [each["state"] for each in await site.ledger.list_rewards(state=None, limit=9)]
    assert states == ["failed", "delivered"]
    failed, _ = await site.ledger.list_rewards(state=None, limit=9)
    assert failed["reason"] == "out of stock: all 1 were given"
    assert len(site.gateway.credits) == 1


async def test_a_ceiling_holds_rewards_up_until_its_time_is_over(site: Site) -> None:
    site.dispatcher = site.rewarder("one", Limits(site_per_hour={"USD": 900}))
    await give(site.ledger, grant(1), grant(2))
    for _ in range(3):
        await site.work()
    shown = await site.shown(2)
    assert (shown["state"], shown["reason"], shown["attempts"]) == (
        "due",
        "paused: site_per_hour of 9.00 USD is reached",
        [],
    )
    assert await site.work(seconds=59) == 0
    await site.work(seconds=3600)
    assert (await site.shown(2))["state"] == "delivered"


async def test_what_is_refused_leaves_its_place_to_others(site: Site) -> None:
    allowance = Allowance(stock=1)
    await give(site.ledger, grant(customer="ghost", allowance=allowance))
    await site.work()
    await give(site.ledger, grant(allowance=allowance))
    await site.work()
    assert (await site.shown())["state"] == "delivered"


async def test_what_led_to_a_reward_is_told_when_it_is_delivered_and_its_trace_goes_on(
    site: Site,
) -> None:
    way = Way(arrived_ms=1_800_000_000_123, traceparent="00-1-2-01")
    command = grant()
    new = new_reward(command, REWARDS.encode(command), way)
    await site.ledger.receive([new], [], topic="loyalty.rewards.v1", partition=0, next_offset=1)
    arrived: list[int] = []
    calls: list[str] = []

    def traced(entry: Entry) -> nullcontext[None]:
        calls.append(entry.way.traceparent)
        return nullcontext()

    site.dispatcher = Dispatcher(
        site.ledger,
        {"promotional_credit": PromotionalCreditExecutor(site.gateway)},
        site="acme",
        owner="one",
        clock=site.clocks.engine,
        wall=site.clocks.real,
        delivered=arrived.extend,
        traced=traced,
    )
    await site.work()
    spy = Spy()
    await report_settled(site.ledger, spy)
    assert (arrived, calls) == ([way.arrived_ms], [way.traceparent])
    assert spy.records[0].headers == {"traceparent": way.traceparent}
