"""The law of order: however late or often facts come within four days, the account ends the same.

Canonical order is written here anew, so that the engine's own is held to it.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.audit.sums import Conservation
from deploy.audit.tally import Tally
from projections.balances import net_change
from schemas import facts, ids
from schemas.facts import AnyFact
from schemas.points import (
    AnyPointsEvent,
    PointsEarned,
    RewardDelivered,
    RewardEarned,
    RewardRevoked,
    TierChanged,
)
from streams.account.correction import correct
from streams.account.ordering import fold
from streams.account.past import Remembered
from streams.account.programs import Programs
from streams.account.refold import Refold
from streams.account.state import Account
from streams.account.steps import DecidedAnew
from streams.account.storing import decode_account, encode_account
from streams.account.trace import Trace
from streams.account.turn import Turn
from tests.support.story import (
    DAY,
    HOUR,
    T0,
    Story,
    activated,
    adjusted,
    cancelled,
    changed,
    created,
    delivered,
    failed,
    happened,
    of,
    paid,
    program_text,
    reactivated,
    refunded,
    renewed,
    subscription,
    time,
)
from tests.support.year import program_of

RANKS = (
    facts.SubscriptionCreated,
    facts.SubscriptionActivated,
    facts.SubscriptionChanged,
    facts.SubscriptionRenewed,
    facts.SubscriptionReactivated,
    facts.PaymentSucceeded,
    facts.PaymentRefunded,
    facts.CustomEventReceived,
    facts.SubscriptionCancelled,
)
PAY = (
    '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}, award: 3}, '
    "activate_after: P1D, cap: {points: 90, per: week}}"
)
WAITING = (
    '- {id: wait, on: payment_succeeded, points: {per: {USD: "1.00"}, award: 3}, '
    "activate_on: {on: custom, event: visit, within: P2D}}"
)
RULES = (
    "- {id: hello, on: subscription_created, points: 20, trial: wait}",
    PAY,
    "- {id: first, on: first_payment, points: 11, limit: {count: 1}}",
    "- {id: visit, on: custom, event: visit, points: 13, limit: {count: 2, per: day}}",
    "- {id: rest, on: custom, event: visit, points: 7, limit: {cooldown: P1D}}",
    "- {id: climb, on: plan_upgraded, points: 17}",
    "- {id: fall, on: plan_downgraded, points: 3}",
    "- {id: again, on: subscription_renewed, points: 'account.balance / 10 + 5'}",
    "- {id: year, on: annual_renewal, points: 19}",
    "- {id: bye, on: subscription_cancelled, points: 2, when: account.tier == 'mid'}",
    "- {id: back, on: subscription_reactivated, points: 9}",
    "- {id: jubilee, on: subscription_anniversary, points: 23}",
)
REWARDS = """
  - {id: every, when: {balance: 40, repeat: every}, cost: 30, free_days: 1}
  - {id: once, when: {balance: 60}, cost: 10, on_refund: revoke, free_days: 1}
  - {id: life, when: {lifetime: 70, repeat: every}, on_refund: revoke, free_days: 1}
  - {id: beta, when: {tier: high}, feature: {id: beta, while_in_tier: true}}
  - {id: badge, when: {tier: mid}, on_refund: revoke, free_days: 2}
  - id: thanks
    when: {on: custom, event: visit, limit: {count: 1, per: day}}
    cost: 5
    free_days: 1"""


def program(negative: str, window: str, downgrade: str, expiry: str) -> Programs:
    return program_of(
        program_text(
            *RULES,
            timezone="Europe/Berlin",
            points="{carry_remainder: true}",
            expiry=f"{{after: {expiry}}}",
            refunds=f"{{negative: {negative}}}",
            multipliers="[{id: now, factor: '1.5', to: 2025-12-05T00:00}]",
            tiers=f"{{window: {window}, downgrade: {downgrade}, levels: [{{id: low}}, "
            "{id: mid, at: 40, multiplier: '1.25'}, {id: high, at: 90, multiplier: '2'}]}",
            rewards=REWARDS,
        )
    )


def program_of_deeds(window: str) -> Programs:
    """What waits for a deed, is extended by one, counted, and taken back when it does not last."""
    return program_of(
        program_text(
            "- {id: hello, on: subscription_created, points: 20, priority: promotional}",
            WAITING,
            "- {id: nth, on: payment_succeeded, points: 30, nth: 2}",
            "- {id: every, on: payment_succeeded, points: 12, every: 2}",
            "- {id: run, on: on_time_payment, points: 25, streak: 2}",
            "- {id: visit, on: custom, event: visit, points: 13, limit: {count: 2, per: day}}",
            "- {id: climb, on: plan_upgraded, points: 40, clawback_within: P3D}",
            "- {id: fall, on: plan_downgraded, points: 3}",
            timezone="Europe/Berlin",
            expiry="{after: P4D, extended_by: {on: [payment_succeeded], events: [other]}, "
            "remind: P1D}",
            tiers=f"{{window: {window}, grace: P1D, minimum_stay: P1D, levels: [{{id: low}}, "
            "{id: mid, at: 40, multiplier: '1.25'}, {id: high, at: 90, multiplier: '2'}]}",
            rewards=REWARDS,
        )
    )


PROGRAMS = [
    program("allow", "lifetime", "to_basis", "P3D"),
    program("pending_first", "P2D", "one_down", "P1M"),
    program("clamp", "calendar_year", "to_basis", "P2D"),
    program_of_deeds("P3D"),
    program_of_deeds("membership_year"),
]
by_program = pytest.mark.parametrize(
    "programs", PROGRAMS, ids=["life", "days", "year", "deeds", "membership"]
)

hours = st.integers(0, 4 * 24).map(lambda hour: hour * HOUR)
instants = hours.map(lambda after: T0 + after)
long_instants = st.integers(0, 30 * 24).map(lambda hour: T0 + hour * HOUR)
delays = st.sampled_from([0, 0, 1, HOUR, DAY, 3 * DAY, 4 * DAY])
amounts = st.integers(0, 5_000)
payments = st.sampled_from(["t1", "t2", "t3", "t4", "t5"])
names = st.integers(0, 9).map(str)


def happenings(at: st.SearchStrategy[int]) -> st.SearchStrategy[AnyFact]:
    seen = st.builds(
        subscription,
        st.integers(1, 6),
        name=st.sampled_from(["sub_1", "sub_2"]),
        amount_minor=amounts,
        period_unit=st.sampled_from(["month", "year"]),
        status=st.sampled_from(["active", "in_trial", "cancelled"]),
        started_at=st.sampled_from([T0, T0 - 364 * DAY]),
        term_start=at,
    )
    return st.one_of(
        st.builds(paid, payments, amounts, at, subscription=st.none() | seen),
        st.builds(paid, payments, amounts, at),
        st.builds(
            refunded,
            names,
            payments,
            st.integers(1, 5_000),
            at,
            reason=st.sampled_from(["refund", "refund", "chargeback"]),
        ),
        st.builds(happened, st.sampled_from(["visit", "visit", "other"]), at),
        st.builds(created, seen, at),
        st.builds(activated, seen, at),
        st.builds(changed, seen, at),
        st.builds(renewed, seen, at),
        st.builds(cancelled, seen, at),
        st.builds(reactivated, seen, at),
    )


@dataclass(frozen=True)
class Delivery:
    """A fact, how long it was on its way each time, and whether the clock ticks before."""

    fact: AnyFact
    delays: list[int]
    ticks: bool


reward_ids = st.builds(
    ids.reward_id,
    st.just("acme-test"),
    st.just("ann"),
    st.sampled_from(["every", "once", "life", "beta", "badge", "thanks"]),
    st.integers(1, 4),
)
requests: st.SearchStrategy[AnyFact] = st.one_of(
    st.builds(adjusted, names, st.integers(-100, 100).filter(bool), long_instants),
    st.builds(failed, reward_ids, long_instants),
    st.builds(delivered, reward_ids, long_instants),
    st.builds(time, long_instants),
)


def deliveries(at: st.SearchStrategy[int], most: int) -> st.SearchStrategy[list[Delivery]]:
    each = st.builds(
        Delivery, happenings(at), st.lists(delays, min_size=1, max_size=3), st.booleans()
    )
    return st.lists(each, max_size=most, unique_by=lambda delivery: delivery.fact.id)


def in_order(history: Sequence[Delivery]) -> list[AnyFact]:
    told = [each.fact for each in history]
    return sorted(told, key=lambda fact: (fact.occurred_at, RANKS.index(type(fact)), fact.id))


def as_delivered(history: Sequence[Delivery]) -> list[tuple[int, bool, AnyFact]]:
    """(instant, whether the clock has ticked up to it, fact) of every delivery, as they arrive."""
    arrivals = [
        (each.fact.occurred_at + delay, each.ticks, each.fact)
        for each in history
        for delay in each.delays
    ]
    return sorted(arrivals, key=lambda arrival: arrival[0])


def end_of(account: Account) -> dict[str, Any]:
    """All that an account is, but how its events and the firings of its rewards are numbered."""
    ledger, memory = account.ledger, account.memory
    return {
        "lots": ledger.lots,
        "figures": (ledger.deficit, ledger.lifetime, ledger.tier, ledger.tier_since),
        "standing": {
            reward: standing for reward in ledger.fired if (standing := ledger.standing(reward))
        },
        "held": sorted((each.reward, each.tier) for each in ledger.held),
        "paid": Counter(
            (each.reward, tuple((piece.id, piece.points) for piece in each.taken))
            for each in ledger.open_rewards
            if each.taken
        ),
        "memory": msgspec.structs.replace(memory, digests=b""),
        "due_at": account.due_at,
    }


def told_in_order(programs: Programs, history: Sequence[Delivery], end: int) -> Story:
    story = Story(programs)
    for fact in in_order(history):
        story.tell(fact)
    story.time(end)
    return story


def told_as_delivered(programs: Programs, history: Sequence[Delivery], end: int) -> Story:
    story = Story(programs)
    known: set[str] = set()
    for now, ticks, fact in as_delivered(history):
        if ticks:
            story.lives_until(now)
        told = story.tell(fact)
        assert bool(told) == (fact.id not in known), "each fact is told of once"
        known.add(fact.id)
    story.time(end)
    return story


def given_anew(events: Sequence[AnyPointsEvent]) -> set[str]:
    """Rewards that one fact took away by correction, only to give them again."""
    by_fact: dict[int, list[AnyPointsEvent]] = defaultdict(list)
    for event in events:
        by_fact[event.cause.offset].append(event)
    found = set()
    for told in by_fact.values():
        corrected = {each.reward for each in of(told, RewardRevoked) if each.reason == "corrected"}
        found |= corrected & {each.reward for each in of(told, RewardEarned)}
    return found


@by_program
@settings(max_examples=60)
@given(deliveries(instants, 14))
def test_any_order_and_repetition_within_four_days_ends_in_the_same_account(
    programs: Programs, history: list[Delivery]
) -> None:
    end = T0 + 9 * DAY
    expected = told_in_order(programs, history, end)
    story = told_as_delivered(programs, history, end)
    assert end_of(story.account) == end_of(expected.account)
    lost = {each.reward for each in of(expected.events, RewardRevoked)}
    assert given_anew(story.events) <= lost, "rewards come and go only where they do in order"


@by_program
@settings(max_examples=40)
@given(deliveries(long_instants, 20))
def test_a_month_in_which_neighbours_come_late_ends_in_the_same_account(
    programs: Programs, history: list[Delivery]
) -> None:
    end = T0 + 40 * DAY
    expected = told_in_order(programs, history, end)
    story = told_as_delivered(programs, history, end)
    assert end_of(story.account) == end_of(expected.account)


@by_program
@settings(max_examples=40)
@given(deliveries(long_instants, 20), st.lists(st.tuples(st.integers(0, 30), requests), max_size=8))
def test_corrections_keep_the_books_whatever_is_asked_for_meanwhile(
    programs: Programs, history: list[Delivery], asked: list[tuple[int, AnyFact]]
) -> None:
    """The story itself holds that events alone build the ledger, and that no lot is negative."""
    told: list[AnyFact] = [fact for _, _, fact in as_delivered(history)]
    for position, request in asked:
        told.insert(position, request)
    story = Story(programs)
    known: set[str] = set()
    for fact in told:
        assert bool(story.tell(fact)) == (fact.id not in known)
        known.add(fact.id)
    sequences = [event.sequence for event in story.events]
    assert sequences == list(range(1, len(story.events) + 1))
    sums = accumulate(net_change(event) for event in story.events)
    assert list(sums) == [event.balance + event.pending for event in story.events]
    tally = Tally("sums", "")
    conservation = Conservation(tally)
    for event in story.events:
        conservation.take(event)
    assert tally.check().examples == ()


@by_program
@settings(max_examples=30)
@given(deliveries(instants, 12), st.data())
def test_rewards_that_were_delivered_meanwhile_stay_delivered(
    programs: Programs, history: list[Delivery], data: st.DataObject
) -> None:
    """Every order and every outcome leaves as many rewards standing, and none that waits again."""
    expected = told_in_order(programs, history, T0 + 9 * DAY)
    story = Story(programs)
    for _, _, fact in as_delivered(history):
        story.tell(fact)
        for waiting in story.account.ledger.open_rewards:
            if data.draw(st.booleans(), label=f"{waiting.reward} is delivered"):
                reward_id = ids.reward_id(fact.site, fact.customer, waiting.reward, waiting.ordinal)
                story.tell(delivered(reward_id, fact.occurred_at))
    settled = {each.reward_id for each in story.events if isinstance(each, RewardDelivered)}
    still = {
        ids.reward_id("acme-test", "ann", each.reward, each.ordinal)
        for each in story.account.ledger.open_rewards
    }
    story.time(T0 + 9 * DAY)
    assert not settled & still
    assert end_of(story.account)["standing"] == end_of(expected.account)["standing"]
    assert story.account.ledger.lots == expected.account.ledger.lots


@by_program
@settings(max_examples=30)
@given(deliveries(long_instants, 14))
def test_time_in_one_step_does_what_time_in_many_steps_does(
    programs: Programs, history: list[Delivery]
) -> None:
    stepwise = [Delivery(each.fact, each.delays, ticks=True) for each in history]
    at_once = [Delivery(each.fact, each.delays, ticks=False) for each in history]
    many = told_as_delivered(programs, stepwise, T0 + 40 * DAY)
    one = told_as_delivered(programs, at_once, T0 + 40 * DAY)
    assert end_of(many.account) == end_of(one.account)


BURST = T0 + 3 * DAY
"""Later than what became known of the customer; then billing tells several things at once."""


def bursts() -> st.SearchStrategy[list[AnyFact]]:
    """A customer, maybe known, then payments of one instant and, late, what they were for."""
    first = subscription(1, started_at=T0 - 364 * DAY, term_start=T0)
    seen = st.builds(
        subscription,
        st.integers(1, 3),
        name=st.sampled_from(["sub_1", "sub_1", "sub_1", "sub_2"]),
        amount_minor=st.sampled_from([first.amount_minor, first.amount_minor + 100]),
        started_at=st.just(T0 - 364 * DAY),
        term_start=st.just(BURST),
    )
    at = st.just(BURST)
    paid_for = st.none() | st.just(first) | seen
    bills = st.builds(paid, payments, st.integers(0, 900), at, subscription=paid_for)
    told = st.one_of(
        st.builds(created, seen, at),
        st.builds(renewed, seen, at),
        st.builds(renewed, seen, at),
        st.builds(changed, seen, at),
        st.builds(activated, seen, at),
        st.builds(reactivated, seen, at),
    )

    def burst(of: st.SearchStrategy[AnyFact]) -> st.SearchStrategy[list[AnyFact]]:
        return st.lists(of, min_size=1, max_size=2, unique_by=lambda fact: fact.id)

    def told_before(cents: int) -> list[AnyFact]:
        return [created(first, T0), paid("t0", cents, T0 + HOUR, subscription=first)]

    known = st.just(list[AnyFact]()) | st.integers(700, 3_000).map(told_before)
    return st.tuples(known, burst(bills), burst(told)).map(lambda parts: [*chain(*parts)])


def program_of_little(negative: str, expiry: str, *more: str) -> Programs:
    """Facts about subscriptions earn little beside payments, so that many commute."""
    return program_of(
        program_text(
            "- {id: pay, on: payment_succeeded, points: {per: {USD: '1.00'}, award: 3}}",
            "- {id: hello, on: subscription_created, points: 2, trial: wait}",
            "- {id: again, on: subscription_renewed, points: 3, cap: {points: 5, per: day}}",
            "- {id: year, on: annual_renewal, points: 4, limit: {count: 1, per: day}}",
            "- {id: climb, on: plan_upgraded, points: {per_quantity: 1}}",
            "- {id: back, on: subscription_reactivated, points: 1}",
            "- {id: visit, on: custom, event: visit, points: 6}",
            *more,
            timezone="Europe/Berlin",
            points="{carry_remainder: true}",
            expiry=f"{{after: {expiry}, remind: P1D}}",
            refunds=f"{{negative: {negative}}}",
            multipliers="[{id: now, factor: '1.5', to: 2025-12-02T00:00}]",
            tiers="{window: P3D, levels: [{id: low}, {id: mid, at: 30, multiplier: '1.25'}]}",
            rewards=REWARDS.replace("high", "mid"),
        )
    )


LITTLE = [
    program_of_little("allow", "P5D"),
    program_of_little("clamp", "P1M", WAITING, "- {id: plus, on: payment_succeeded, points: 9}"),
    program_of_little("allow", "P1M", "- {id: more, on: plan_upgraded, points: account.balance}"),
    *PROGRAMS[2:4],
]


def by_refold(
    account: Account, fact: AnyFact, offset: int, programs: Programs
) -> list[AnyPointsEvent]:
    """As the engine decides a late fact of which it is not known that it commutes."""
    digest = ids.digest(fact.id)
    account.memory.digests += digest
    turn = Turn(account, fact, digest, offset, programs)
    rank = RANKS.index(type(fact))
    late = Remembered(fact.occurred_at, rank, offset, programs.count, 0, fact)
    return correct(turn, Refold(turn, late, len(account.past) - 1))


def resting(account: Account) -> list[tuple[str, str, int]]:
    """What a later refund takes back with the rewards that stand."""
    ledger = account.ledger
    return sorted((each.reward, each.rests_on, each.at) for each in ledger.open_rewards)


def given_by(events: list[AnyPointsEvent]) -> list[tuple[object, ...]]:
    """What a fact gave; a re-fold tells consequences last."""
    lots = [("lot", each.lot, each.points, each.expires_at) for each in of(events, PointsEarned)]
    rewards = [("reward", each.reward, each.grant) for each in of(events, RewardEarned)]
    tiers = [("tier", each.to_tier, each.occurred_at) for each in of(events, TierChanged)]
    return [*lots, *rewards, *tiers]


@pytest.mark.parametrize("programs", LITTLE, ids=["little", "waiting", "more", "year", "deeds"])
@settings(max_examples=100)
@given(bursts(), st.data())
def test_a_fact_that_commutes_does_what_deciding_the_days_anew_does(
    programs: Programs, history: list[AnyFact], data: st.DataObject
) -> None:
    account, offset = Account(), 0
    for fact in history:
        known = encode_account(account)
        trace = Trace()
        account = decode_account(known)
        events = fold(account, fact, offset, programs, trace=trace)
        kept = [each.offset for past in account.past for each in past.facts]
        is_anew = any(isinstance(step, DecidedAnew) for step in trace.steps)
        if events and not is_anew and offset in kept and kept[-1] != offset:
            other = decode_account(known)
            assert given_by(by_refold(other, fact, offset, programs)) == given_by(events)
            assert end_of(other) == end_of(account)
            assert resting(other) == resting(account)
        offset += 1
        for waiting in account.ledger.open_rewards.copy():
            if data.draw(st.booleans(), label=f"{waiting.reward} is delivered"):
                reward_id = ids.reward_id(fact.site, fact.customer, waiting.reward, waiting.ordinal)
                fold(account, delivered(reward_id, fact.occurred_at + 60), offset, programs)
                offset += 1
