"""Which late facts are decided where they stand, and which have the days since decided anew."""

from collections.abc import Sequence

import pytest

from schemas import ids
from schemas.facts import AnyFact
from streams.account.ordering import fold
from streams.account.programs import Programs
from streams.account.state import Account
from streams.account.steps import DecidedAnew
from streams.account.storing import decode_account, encode_account
from streams.account.trace import Trace
from tests.support.story import (
    DAY,
    HOUR,
    T0,
    activated,
    changed,
    created,
    delivered,
    happened,
    paid,
    program_text,
    refunded,
    renewed,
    subscription,
)
from tests.support.year import program_of

PAY = '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}, award: 1}}'
AGAIN = "- {id: again, on: subscription_renewed, points: 15}"
TIERS = "{levels: [{id: low}, {id: mid, at: 40}, {id: high, at: 90}]}"
GIFT = "\n  - {id: gift, when: {balance: 50, repeat: every}, free_days: 1}"
LATER = T0 + 30 * DAY


def known() -> list[AnyFact]:
    """What stands before the month's burst: a subscription and its first payment."""
    seen = subscription(1)
    return [created(seen, T0), paid("t0", 1_000, T0 + HOUR, subscription=seen)]


def burst() -> tuple[AnyFact, AnyFact]:
    """A renewal, and the payment of the same second; canonical order has the renewal first."""
    seen = subscription(2, term_start=LATER)
    return renewed(seen, LATER), paid("t1", 1_000, LATER, subscription=seen)


def decided_anew(programs: Programs, told: Sequence[AnyFact]) -> int:
    """How often facts were decided anew, where these are told in this order."""
    account, found = Account(), 0
    for offset, fact in enumerate(told):
        account = decode_account(encode_account(account))
        trace = Trace()
        fold(account, fact, offset, programs, trace=trace)
        found += sum(isinstance(step, DecidedAnew) for step in trace.steps)
    return found


def of(*rules: str, rewards: str = "", **more: str) -> Programs:
    if rewards:
        more["rewards"] = rewards
    return program_of(program_text(*rules, **more))


def test_a_renewal_that_earns_nothing_may_follow_its_payment() -> None:
    renewal, payment = burst()
    assert decided_anew(of(PAY, tiers=TIERS), [*known(), payment, renewal]) == 0


def test_a_renewal_that_earns_a_little_may_follow_its_payment() -> None:
    renewal, payment = burst()
    assert decided_anew(of(PAY, AGAIN, tiers=TIERS), [*known(), payment, renewal]) == 0


@pytest.mark.parametrize(
    "programs",
    [
        of(PAY, AGAIN, rewards=GIFT),
        of(PAY, AGAIN, tiers="{levels: [{id: low}, {id: mid, at: 30}]}"),
        of(PAY, "- {id: again, on: subscription_renewed, points: 'account.balance + 1'}"),
        of(PAY, "- {id: again, on: subscription_renewed, points: 15, activate_after: P1D}"),
        of(
            PAY,
            AGAIN,
            "- {id: wait, on: payment_succeeded, points: 5, "
            "activate_on: {on: subscription_renewed, within: P2D}}",
        ),
    ],
    ids=["reward", "tier", "account", "pending", "confirmed"],
)
def test_one_that_may_reach_something_reads_the_account_or_moves_other_lots_may_not(
    programs: Programs,
) -> None:
    # The first payment and 15 points per renewal lead across 30, and two payments across 50.
    seen = subscription(2, term_start=LATER)
    renewal, payment = renewed(seen, LATER), paid("t1", 2_500, LATER, subscription=seen)
    assert decided_anew(programs, [*known(), payment, renewal]) == 1


HELLO = "- {id: hello, on: subscription_created, points: 2}"
SEEN = subscription(2, term_start=T0)
EARLIER = subscription(1, amount_minor=900, term_start=T0)
YEARLY = subscription(2, period_unit="year", term_start=T0 + HOUR)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([created(SEEN, T0)], 0),
        ([renewed(SEEN, T0)], 0),
        ([created(subscription(3, term_start=T0), T0)], 0),
        ([created(subscription(1, name="other", term_start=T0), T0)], 1),
        ([created(subscription(3, amount_minor=900, term_start=T0), T0)], 1),
        ([created(EARLIER, T0)], 1),
        ([renewed(YEARLY, T0)], 1),
        ([changed(SEEN, T0)], 1),
    ],
    ids=["created", "renewed", "newer", "another", "changes", "older", "yearly", "change"],
)
def test_after_the_payment_that_was_the_first_to_tell_of_it_only_one_that_tells_the_same_may(
    told: list[AnyFact], found: int
) -> None:
    payment = paid("t0", 1_000, T0, subscription=SEEN)
    assert decided_anew(of(PAY, HELLO, tiers=TIERS), [payment, *told]) == found


def test_none_may_after_two_payments_that_told_of_two_subscriptions_first() -> None:
    other = subscription(1, name="other")
    bills = [paid("t0", 1_000, T0, subscription=other), paid("t1", 1_000, T0, subscription=SEEN)]
    assert decided_anew(of(PAY), [*bills, created(SEEN, T0)]) == 1


def test_none_may_where_the_payment_fired_what_entering_the_lowest_tier_brings() -> None:
    told: list[AnyFact] = [paid("t0", 1_000, T0, subscription=SEEN), created(SEEN, T0)]
    gift = "\n  - {id: gift, when: {tier: low}, free_days: 1}"
    assert decided_anew(of(PAY, HELLO, tiers=TIERS, rewards=gift), told) == 1


def test_a_change_of_value_may_only_where_it_earns_little() -> None:
    seen = subscription(2, amount_minor=90_000)
    told = [*known(), paid("t1", 1_000, LATER, subscription=seen), changed(seen, LATER)]
    assert decided_anew(of(PAY, "- {id: climb, on: plan_upgraded, points: 5}"), told) == 0
    kept = "- {id: climb, on: plan_upgraded, points: 5, clawback_within: P9D}"
    assert decided_anew(of(PAY, kept), told) == 1


def test_a_trial_that_ended_may_follow_its_payment() -> None:
    seen = subscription(2)
    told = [*known(), paid("t1", 1_000, LATER, subscription=seen), activated(seen, LATER)]
    assert decided_anew(of(PAY), told) == 0


def test_whatever_is_no_refund_may_follow_the_delivery_of_an_earlier_reward() -> None:
    programs = of(PAY, rewards="\n  - {id: gift, when: {balance: 10}, free_days: 1}")
    first = delivered(ids.reward_id("acme-test", "ann", "gift", 1), LATER + HOUR)
    before = [*known(), happened("visit", LATER), first]
    late: list[AnyFact] = [
        paid("t1", 1_000, LATER + 60),
        happened("other", LATER + 60),
        renewed(subscription(2), LATER + 60),
    ]
    for fact in late:
        assert decided_anew(programs, [*before, fact]) == 0
    assert decided_anew(programs, [*before, refunded("r", "t0", 500, LATER + 60)]) == 1


def test_none_may_where_time_did_something_meanwhile() -> None:
    programs = of(PAY, expiry="{after: P30D}")
    told = [*known(), paid("t1", 100, LATER - HOUR), paid("t2", 100, LATER + 2 * HOUR)]
    assert decided_anew(programs, [*told, paid("t3", 100, LATER)]) == 1
