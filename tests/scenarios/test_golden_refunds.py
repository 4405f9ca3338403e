"""Refunds and redemptions that other engines are known to get wrong, as customers live them.

Each scenario is one that loyalty engines have failed in public; the figures are the whole promise.
"""

import pytest

from schemas.facts import AnyFact, ProgramPublished
from schemas.points import (
    AnyPointsEvent,
    FactIgnored,
    PointsExpired,
    PointsReversed,
    RewardEarned,
    TierChanged,
)
from schemas.program.load import load_program
from tests.support.story import (
    DAY,
    T0,
    Story,
    earned,
    kinds,
    of,
    only,
    paid,
    program_text,
    reasons,
    request_cancelled,
    requested,
    story,
)
from tests.support.year import SITE

ONE_PER_DOLLAR = '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}}'
TWO_PER_DOLLAR = '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}, award: 2}}'
NOTHING_FOR_MONEY = "- {id: visit, on: custom, event: visit, points: 1}"
LAST_POINTS = "[{id: mug, when: {request: true}, cost: 100, custom: {webhook: shop}}]"


def publish(told: Story, rule: str, *, version: int, at_day: str) -> None:
    """A new version of the customer's program, in force from a day on."""
    program = load_program(program_text(rule).replace("2000-01-01", at_day))
    told.programs = told.programs.with_published(
        ProgramPublished(
            id=f"program:plain:{version}",
            site=SITE,
            customer="",
            occurred_at=T0,
            program=program.program,
            version=version,
            document=program.document(),
        )
    )


@pytest.mark.parametrize(
    "later", [TWO_PER_DOLLAR, NOTHING_FOR_MONEY], ids=["rule doubled", "rule deleted"]
)
def test_2_a_refund_removes_what_was_earned_whatever_the_rules_say_now(later: str) -> None:
    """Earn at one point a dollar, change the rule to two or delete it, refund: what was earned."""
    told = story(ONE_PER_DOLLAR)
    assert earned(told.paid("t1", 10_000)) == [("pay", 100)]
    publish(told, later, version=2, at_day="2025-12-02")
    told.paid("t2", 10_000, at=T0 + 2 * DAY)
    kept = told.balance - 100
    undone = only(told.refunded("r1", "t1", 10_000, at=T0 + 3 * DAY), PointsReversed)
    assert (undone.points, undone.overdrawn, undone.forgiven) == (100, 0, 0)
    assert told.balance == told.lifetime == kept
    assert kept == (200 if later == TWO_PER_DOLLAR else 0)


@pytest.mark.parametrize(
    ("negative", "balance", "pending", "deficit", "forgiven"),
    [
        ("allow", -100, 50, 100, 0),
        ("pending_first", -50, 0, 50, 0),
        ("clamp", 0, 50, 0, 100),
    ],
)
def test_3_one_of_three_lines_is_refunded_after_the_points_were_spent(
    negative: str, balance: int, pending: int, deficit: int, forgiven: int
) -> None:
    """Three lines of 100.00, all 300 points spent, 50 more pending; one line is refunded."""
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, '
        "cap: {points: 300, per: month}}",
        "- {id: visit, on: custom, event: visit, points: 50, activate_after: P14D}",
        refunds=f"{{negative: {negative}}}",
        tiers="{levels: [{id: seedling}, {id: saguaro, at: 300}]}",
        rewards="[{id: trip, when: {request: true}, cost: 300, custom: {webhook: trips}}]",
    )
    assert earned(told.paid("t1", 30_000)) == [("pay", 300)]
    told.requested("trip-1", "trip", at=T0)
    told.happened("visit")
    assert (told.balance, told.pending, told.tier) == (0, 50, "saguaro")
    assert reasons(told.paid("t2", 10_000)) == ["cap_reached"]

    undone = only(told.refunded("r1", "t1", 10_000), PointsReversed)

    assert (undone.points, undone.forgiven) == (100, forgiven)
    assert (told.balance, told.pending, told.deficit) == (balance, pending, deficit)
    assert (told.lifetime, told.tier) == (250, "seedling")
    again = told.paid("t3", 20_000, at=T0 + 2 * DAY)
    assert earned(again) == [("pay", 100)]  # the cap has room for what was undone, and no more


def test_4_a_cancelled_redemption_gives_expired_points_back_as_expired_others_as_before() -> None:
    """60 points that expire on day 30 and 40 that expire on day 40 pay; cancelled on day 35."""
    told = story(ONE_PER_DOLLAR, expiry="{after: P30D}", rewards=LAST_POINTS)
    told.paid("t1", 6_000)
    told.paid("t2", 4_000, at=T0 + 10 * DAY)
    told.requested("cart-1", "mug", at=T0 + 11 * DAY)
    assert told.balance == 0
    events = told.request_cancelled("cart-1", at=T0 + 35 * DAY)
    assert kinds(events) == ["RewardRevoked", "PointsRestored"]
    assert (events[-1].balance, told.balance, told.lifetime) == (40, 40, 100)
    assert told.account.ledger.lots[0].expires_at == T0 + 40 * DAY
    gone = only(told.lives_until(T0 + 99 * DAY), PointsExpired)
    assert (gone.occurred_at, gone.points, told.balance) == (T0 + 40 * DAY, 40, 0)


def test_4_a_redemption_cancelled_in_time_leaves_the_account_as_if_nothing_had_been_asked() -> None:
    told = story(ONE_PER_DOLLAR, expiry="{after: P30D}", rewards=LAST_POINTS)
    told.paid("t1", 6_000)
    told.paid("t2", 4_000, at=T0 + 10 * DAY)
    before = [lot.piece(lot.points) for lot in told.account.ledger.lots]
    told.requested("cart-1", "mug", at=T0 + 11 * DAY)
    told.request_cancelled("cart-1", at=T0 + 12 * DAY)
    assert told.account.ledger.lots == before
    assert told.balance == 100


@pytest.mark.parametrize("winner", ["shop", "app"])
def test_6_of_two_redemptions_of_the_last_points_one_wins_and_the_other_is_told_why(
    winner: str,
) -> None:
    """Both are asked for in the same second; the account's inbox puts one of them first."""
    told = story(ONE_PER_DOLLAR, rewards=LAST_POINTS)
    told.paid("t1", 10_000)
    first, second = sorted(("shop", "app"), key=lambda name: name != winner)
    won = told.requested(first, "mug")
    lost = told.requested(second, "mug")
    assert kinds(won) == ["RewardEarned", "PointsRedeemed"]
    assert only(won, RewardEarned).request == winner
    refused = only(lost, FactIgnored)
    assert (refused.reason, refused.detail) == (
        "not_enough_points",
        "mug: costs 100 points, and the balance is 0",
    )
    assert (told.balance, told.deficit) == (0, 0)


def test_6_what_the_loser_asked_for_may_be_asked_for_again_when_the_winner_lets_go() -> None:
    told = story(ONE_PER_DOLLAR, rewards=LAST_POINTS)
    asked: list[AnyFact] = [
        paid("t1", 10_000),
        requested("shop", "mug"),
        requested("app", "mug"),
        request_cancelled("shop"),
        requested("app", "mug"),  # the same request delivered again stays refused
        requested("app-2", "mug"),
    ]
    answers = [told.tell(fact) for fact in asked]
    assert answers[4] == []
    assert kinds(answers[5]) == ["RewardEarned", "PointsRedeemed"]
    assert told.balance == 0


def test_7_a_reward_at_100_points_and_a_tier_at_100_earned_both_happen() -> None:
    told = story(
        ONE_PER_DOLLAR,
        tiers="{levels: [{id: seedling}, {id: saguaro, at: 100}]}",
        rewards="[{id: five-off, when: {balance: 100, repeat: every}, cost: 100, "
        'discount: {via: promotional_credit, amount: {USD: "5.00"}}}]',
    )
    events: list[AnyPointsEvent] = told.paid("t1", 10_000)
    assert kinds(events) == ["PointsEarned", "TierChanged", "RewardEarned", "PointsRedeemed"]
    assert only(events, TierChanged).to_tier == "saguaro"
    assert only(events, RewardEarned).reward_id == "acme-test:ann:five-off:1"
    assert (told.balance, told.lifetime, told.tier) == (0, 100, "saguaro")
    assert of(told.lives_until(T0 + 400 * DAY), TierChanged) == []
