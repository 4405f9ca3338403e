"""The same life told in three orders, every fact five times, one of them three days late.

Golden test 5 of those that others fail: what an account is depends on what happened, not on how it
was heard of.
"""

from collections.abc import Sequence
from hashlib import blake2b

import pytest

from schemas.facts import AnyFact
from schemas.points import CorrectionApplied
from tests.support.story import (
    DAY,
    HOUR,
    T0,
    Story,
    changed,
    created,
    happened,
    of,
    paid,
    program_text,
    refunded,
    renewed,
    subscription,
)
from tests.support.year import program_of

PROGRAMS = program_of(
    program_text(
        "- {id: welcome, on: subscription_created, points: 50}",
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, activate_after: P1D, '
        "cap: {points: 120, per: month}}",
        "- {id: climb, on: plan_upgraded, points: 40}",
        "- {id: again, on: subscription_renewed, points: account.balance / 10}",
        "- {id: visit, on: custom, event: visit, points: 5, limit: {count: 1, per: day}}",
        expiry="{after: P1M}",
        points="{carry_remainder: true}",
        tiers="{window: lifetime, levels: [{id: low}, {id: high, at: 150, multiplier: '1.5'}]}",
        rewards="[{id: free, when: {balance: 100, repeat: every}, cost: 60, free_days: 1}, "
        "{id: beta, when: {tier: high}, feature: {id: beta, while_in_tier: true}}]",
    )
)
LATE = paid("t1", 7_050, T0 + HOUR)
LIFE: list[AnyFact] = [
    created(subscription(1), T0),
    LATE,
    happened("visit", T0 + 5 * HOUR),
    changed(subscription(2, amount_minor=3_000), T0 + DAY),
    refunded("r1", "t1", 2_000, T0 + DAY + HOUR),
    renewed(subscription(3, amount_minor=3_000, term_start=T0 + 2 * DAY), T0 + 2 * DAY),
    paid("t2", 9_075, T0 + 2 * DAY),
    happened("visit", T0 + 3 * DAY),
]
THREE_DAYS_LATE = [*(fact for fact in LIFE if fact is not LATE), LATE]


def digest(story: Story) -> str:
    """Of everything that the customer has, however it came about."""
    ledger, memory = story.account.ledger, story.account.memory
    paid_for = [
        (each.reward, [(lot.id, lot.points) for lot in each.taken])
        for each in ledger.open_rewards
        if each.taken
    ]
    has = (
        ledger.lots,
        (ledger.deficit, ledger.lifetime, ledger.tier, ledger.tier_since),
        sorted((reward, ledger.standing(reward)) for reward in ledger.fired),
        sorted(paid_for),
        sorted((each.reward, each.tier) for each in ledger.held),
        sorted(memory.counters.items()),
        memory.subscriptions,
    )
    return blake2b(repr(has).encode()).hexdigest()


def told(facts: Sequence[AnyFact]) -> Story:
    story = Story(PROGRAMS)
    for fact in facts:
        story.tell(fact)
    for _ in range(4):
        assert [event for fact in facts for event in story.tell(fact)] == []
    story.lives_until(T0 + 20 * DAY)
    return story


@pytest.mark.parametrize(
    "order",
    [LIFE[::-1], LIFE[1::2] + LIFE[::2], THREE_DAYS_LATE],
    ids=["reversed", "split", "late"],
)
def test_5_five_deliveries_in_any_order_end_in_the_same_account(order: list[AnyFact]) -> None:
    expected, story = told(LIFE), told(order)
    assert not of(expected.events, CorrectionApplied)
    assert of(story.events, CorrectionApplied), "what was decided otherwise is said"
    assert digest(story) == digest(expected)
    assert (story.balance, story.lifetime) == (expected.balance, expected.lifetime) != (0, 0)
