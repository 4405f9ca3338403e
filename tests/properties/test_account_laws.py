"""Laws of the account fold over random small histories: late, repeated and contradicting facts."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from projections.balances import net_change
from schemas import ids
from schemas.codec import POINTS
from schemas.facts import AnyFact, PaymentSucceeded
from schemas.points import (
    AnyPointsEvent,
    CorrectionApplied,
    FactIgnored,
    PointsEarned,
    PointsRedeemed,
    PointsRestored,
    PointsReversed,
    RewardEarned,
    RewardFailed,
    RewardRevoked,
)
from schemas.program.parts import PAYMENT_TRIGGERS
from streams.account.payments import recall
from streams.account.programs import Programs
from tests.support.story import (
    DAY,
    T0,
    Story,
    activated,
    adjusted,
    assigned,
    cancelled,
    changed,
    created,
    deleted,
    delivered,
    failed,
    happened,
    paid,
    program_text,
    refunded,
    renewed,
    request_cancelled,
    requested,
    story,
    subscription,
    time,
)
from tests.support.year import program_of

PAY = (
    '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}, award: 3}, '
    "activate_after: P7D, cap: {points: 90, per: month}}"
)
RULES = (
    "- {id: hello, on: subscription_created, points: 20, trial: wait}",
    PAY,
    "- {id: first, on: first_payment, points: 11, limit: {count: 1}}",
    "- {id: visit, on: custom, event: visit, points: 13, limit: {count: 2, per: week}}",
    "- {id: climb, on: plan_upgraded, points: 17, clawback_within: P90D}",
    "- {id: second, on: payment_succeeded, points: 29, every: 2}",
    "- {id: punctual, on: on_time_payment, points: 31, streak: 2}",
    "- {id: year, on: annual_renewal, points: 19}",
    "- {id: jubilee, on: subscription_anniversary, points: 23}",
)
REWARDS = """
  - {id: every, when: {balance: 40, repeat: every}, cost: 30, free_days: 1}
  - {id: life, when: {lifetime: 70, repeat: every}, free_days: 1}
  - {id: beta, when: {tier: high}, feature: {id: beta, while_in_tier: true}}
  - {id: thanks, when: {on: custom, event: visit}, cost: 5, free_days: 1}
  - {id: gift, when: {on: payment_succeeded, limit: {count: 2, per: month}}, cost: 3,
     on_refund: revoke, free_days: 1}
  - {id: first, when: {balance: 60}, cost: 10, on_refund: revoke, free_days: 1}
  - {id: deep, when: {lifetime: 50, repeat: every}, cost: 4, on_refund: revoke, free_days: 1}
  - {id: crown, when: {tier: mid}, cost: 6, on_refund: revoke, free_days: 1}
  - {id: mug, when: {request: true, limit: {count: 2}}, cost: 20, free_days: 1}"""
REWARD_NAMES = ("every", "life", "beta", "thanks", "gift", "first", "deep", "crown", "mug")


SLIDING = (
    "{after: P1M, round_up_to: month, remind: P7D, "
    "extended_by: {on: [payment_succeeded, subscription_anniversary], events: [other]}}"
)
KEPT = (
    "- {id: kept, on: payment_succeeded, points: 6, activate_on: "
    "{on: custom, event: other, within: P20D}}"
)
LENT = (
    "- {id: lent, on: custom, event: visit, points: 7, priority: promotional, activate_on: "
    "{on: payment_succeeded, within: P40D}}"
)


def program(
    negative: str,
    window: str,
    downgrade: str,
    *more: str,
    expiry: str = "{after: P1M}",
    tiers: str = "",
) -> Programs:
    return program_of(
        program_text(
            *RULES,
            *more,
            timezone="Europe/Berlin",
            points="{carry_remainder: true}",
            expiry=expiry,
            refunds=f"{{negative: {negative}}}",
            multipliers="[{id: now, factor: '1.5', to: 2025-12-20T00:00}]",
            tiers=f"{{window: {window}, downgrade: {downgrade}, {tiers}levels: [{{id: low}}, "
            "{id: mid, at: 40, multiplier: '1.25'}, {id: high, at: 90, multiplier: '2'}]}",
            rewards=REWARDS,
        )
    )


PROGRAMS = [
    program("allow", "lifetime", "to_basis"),
    program("pending_first", "P60D", "one_down"),
    program("clamp", "calendar_year", "to_basis"),
    program("pending_first", "P60D", "to_basis", KEPT, LENT, expiry=SLIDING),
    program("pending_first", "P10D", "never", tiers="minimum_stay: P20D, "),
    program("allow", "membership_year", "one_down", tiers="grace: P1M, minimum_stay: P45D, "),
    program("allow", "P30D", "to_basis", tiers="grace: P7D, "),
]

instants = st.integers(0, 400).map(lambda hours: T0 + hours * DAY // 4) | st.integers(
    T0, T0 + 400 * DAY
)
one_season = st.integers(T0, T0 + 89 * DAY)
"""No longer than a refund waits for its payment."""
payments = st.sampled_from(["t1", "t2", "t3", "t4"])
amounts = st.integers(0, 5_000)
versions = st.integers(1, 6)
reward_ids = st.tuples(st.sampled_from(REWARD_NAMES), st.integers(1, 4)).map(
    lambda pair: ids.reward_id("acme-test", "ann", *pair)
)
names = st.integers(0, 9).map(str)
seen = st.builds(
    subscription,
    versions,
    name=st.sampled_from(["sub_1", "sub_2"]),
    amount_minor=amounts,
    period_unit=st.sampled_from(["month", "year"]),
    status=st.sampled_from(["active", "in_trial", "cancelled"]),
    term_start=instants,
)
payment_facts = st.builds(
    paid, payments, amounts, instants, on_time=st.booleans(), subscription=st.none() | seen
)
refund_facts = st.builds(
    refunded,
    names,
    payments,
    st.integers(1, 5_000),
    instants,
    reason=st.sampled_from(["refund", "refund", "chargeback", "late_failure"]),
)
facts: st.SearchStrategy[AnyFact] = st.one_of(
    payment_facts,
    payment_facts,
    refund_facts,
    refund_facts,
    st.builds(adjusted, names, st.integers(-100, 100).filter(bool), instants),
    st.builds(happened, st.sampled_from(["visit", "other"]), instants),
    st.builds(
        assigned,
        names,
        st.sampled_from(["low", "mid", "high", "gone"]),
        instants,
        until=st.none() | instants,
    ),
    st.builds(created, seen, instants),
    st.builds(activated, seen, instants),
    st.builds(changed, seen, instants),
    st.builds(renewed, seen, instants),
    st.builds(cancelled, seen, instants),
    st.builds(time, instants),
    st.builds(failed, reward_ids, instants),
    st.builds(delivered, reward_ids, instants),
    st.builds(requested, names, st.just("mug"), instants),
    st.builds(request_cancelled, names, instants),
)
histories = st.lists(facts, max_size=20)
without_repeats = st.lists(facts, max_size=20, unique_by=lambda fact: fact.id)
few = settings(max_examples=settings().max_examples * 2 // 5)
by_program = pytest.mark.parametrize(
    "programs", PROGRAMS, ids=["life", "window", "year", "sliding", "never", "member", "grace"]
)


@by_program
@few
@given(histories, st.integers(0, 40))
def test_points_are_conserved_and_every_fact_has_an_outcome(
    programs: Programs, history: list[AnyFact], erased_after: int
) -> None:
    """The story itself holds that events alone build the ledger, and that no lot is negative."""
    told = Story(programs)
    history.insert(erased_after, deleted(T0 + 50 * DAY))
    known: set[str] = set()
    for fact in history:
        assert bool(told.tell(fact)) == (fact.id not in known)
        known.add(fact.id)
    assert [event.sequence for event in told.events] == list(range(1, len(told.events) + 1))
    sums = accumulate(net_change(event) for event in told.events)
    assert list(sums) == [event.balance + event.pending for event in told.events]
    assert all(
        event.balance >= 0 or (event.balance == -event.deficit and event.deficit > 0)
        for event in told.events
    )


@by_program
@few
@given(histories)
def test_refunds_undo_their_share_of_what_the_payment_earned_and_never_more(
    programs: Programs, history: list[AnyFact]
) -> None:
    told = Story(programs)
    for fact in history:
        told.tell(fact)
    earned: dict[str, int] = defaultdict(int)
    undone: dict[str, int] = defaultdict(int)
    for event in told.events:
        if isinstance(event, PointsEarned) and event.cause.trigger in PAYMENT_TRIGGERS:
            earned[event.cause.fact] += event.points
        elif isinstance(event, PointsReversed):
            undone[event.earned_by] += event.points
            parts = sum(each.points for each in event.lots)
            assert event.points == parts + event.overdrawn + event.forgiven + event.expired
    is_corrected = any(isinstance(event, CorrectionApplied) for event in told.events)
    for _, payment in recall(told.account.memory):
        key = ids.payment(payment.transaction, payment.invoice)
        assert payment.refunded_minor <= payment.amount_minor
        total = sum(each.points for each in payment.earnings)
        share = 0
        if payment.refunded_minor:
            exact = total * payment.refunded_minor * 2 // payment.amount_minor
            share = (exact + 1) // 2
        assert sum(each.reversed for each in payment.earnings) == share <= total
        if not is_corrected:  # else events of their own have told of the difference
            assert (earned[key], undone[key]) == (total, share)


@by_program
@few
@given(histories)
@example(
    [
        adjusted("0", 1, at=T0),
        paid("t3", 1, at=T0),  # earns a reward in its place before the adjustment
        paid("t1", 0, at=T0 + 4 * DAY + 1),
        refunded("0", "t3", 1, at=T0),
    ]
)
def test_a_reward_is_earned_once_and_what_is_taken_back_gives_its_cost_back_once(
    programs: Programs, history: list[AnyFact]
) -> None:
    told = Story(programs)
    for fact in history:
        told.tell(fact)
    earned = [each.reward_id for each in told.events if isinstance(each, RewardEarned)]
    revoked = [each.reward_id for each in told.events if isinstance(each, RewardRevoked)]
    assert len(set(earned)) == len(earned)
    assert len(set(revoked)) == len(revoked)
    assert set(revoked) <= set(earned)
    owed: dict[str, int] = {}
    costs: dict[str, int] = {}
    for event in told.events:
        match event:
            case RewardEarned():
                # Where a late fact earned it, the correction of the lots holds its cost.
                costs[event.reward_id] = event.cost
            case PointsRedeemed():
                assert event.points == costs[event.reward_id]
            case RewardFailed():
                owed[event.reward_id] = costs.pop(event.reward_id, 0)
            case RewardRevoked() if event.reason == "corrected":
                costs.pop(event.reward_id, 0)  # it never stood: the lots are corrected instead
            case RewardRevoked() if event.reason != "tier_left":
                owed[event.reward_id] = costs.pop(event.reward_id, 0)
            case PointsRestored():
                assert event.points == owed.pop(event.reward_id)
            case _:
                pass
    assert not any(owed.values())
    for reward in REWARD_NAMES:
        stands = [each for each in earned if f":{reward}:" in each and each not in revoked]
        assert told.account.ledger.standing(reward) == len(stands)


@by_program
@few
@given(without_repeats)
def test_time_in_one_step_does_what_time_in_many_steps_does(
    programs: Programs, history: list[AnyFact]
) -> None:
    one, many = Story(programs), Story(programs)
    for fact in [*history, time(T0 + 800 * DAY)]:
        one.tell(fact)
        many.lives_until(fact.occurred_at)
        many.tell(fact)
    assert _told(one.events) == _told(many.events)


@by_program
@few
@given(histories, st.data())
def test_replays_are_byte_identical_whatever_is_repeated(
    programs: Programs, history: list[AnyFact], data: st.DataObject
) -> None:
    first, second = Story(programs), Story(programs)
    for position, fact in enumerate(history):
        first.tell(fact)
        second.offset = first.offset - 1
        second.tell(fact)
        again = data.draw(st.sampled_from(history[: position + 1]))
        assert second.tell(again) == []
    assert _bytes(first.events) == _bytes(second.events)


@given(
    st.lists(st.builds(paid, payments, amounts, one_season), unique_by=lambda fact: fact.id),
    st.lists(
        st.builds(refunded, names, payments, st.integers(1, 5_000), one_season),
        unique_by=lambda fact: fact.id,
    ),
    st.data(),
)
def test_payments_and_refunds_in_any_order_leave_the_same_points(
    payments: list[PaymentSucceeded], refunds: list[AnyFact], data: st.DataObject
) -> None:
    told = [story(), story()]
    order = data.draw(st.permutations([*payments, *refunds]))
    for fact in (*payments, *refunds):
        told[0].tell(fact)
    for fact in order:
        told[1].tell(fact)
    assert told[0].balance == told[1].balance == told[0].lifetime == told[1].lifetime


def _told(events: Sequence[AnyPointsEvent]) -> list[tuple[object, ...]]:
    """What happened, but for who told the account of it and what moved nothing."""
    return [
        (type(each), each.occurred_at, each.balance, each.pending, each.lifetime, each.deficit)
        for each in events
        if not isinstance(each, FactIgnored)
    ]


def _bytes(events: Sequence[AnyPointsEvent]) -> list[bytes]:
    return [POINTS.encode(event) for event in events]
