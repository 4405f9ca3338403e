"""Time: activation, expiry and anniversaries in one order; facts that come late; erasure."""

import pytest

from schemas.points import (
    AccountErased,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
)
from tests.support.story import (
    DAY,
    HOUR,
    ONE_PER_DOLLAR,
    T0,
    YEAR,
    created,
    deleted,
    earned,
    happened,
    kinds,
    of,
    only,
    reasons,
    story,
    subscription,
)

LATER = '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, activate_after: P10D}'


def test_spent_points_expire_from_their_own_lot_only() -> None:
    """Golden: earn 100 until day 10 and 50 until day 20, spend 80: on day 10, 20 expire."""
    told = story(expiry="{after: P10D}")
    told.paid("t1", 10_000)
    told.paid("t2", 5_000, at=T0 + 10 * DAY - 1)
    told.adjusted("spend", -80, at=T0 + 10 * DAY - 1)
    assert told.due_at == T0 + 10 * DAY
    expired = only(told.time(T0 + 10 * DAY), PointsExpired)
    assert (expired.points, expired.balance) == (20, 50)


def test_a_lot_is_gone_at_the_very_instant_of_its_expiry() -> None:
    told = story(expiry="{after: P10D}")
    told.paid("t1", 10_000)
    told.adjusted("spend", -10, at=T0 + 10 * DAY - 1)
    events = told.adjusted("late", -10, at=T0 + 10 * DAY)
    assert kinds(events) == ["PointsExpired", "PointsAdjusted"]
    assert told.deficit == 10


def test_at_one_instant_lots_activate_then_expire_then_the_fact_is_decided() -> None:
    told = story(
        LATER,
        "- {id: visit, on: custom, event: visit, points: 1, when: account.balance == 100}",
        expiry="{after: P10D}",
    )
    told.paid("t1", 5_000)
    told.paid("t2", 10_000, at=T0 + 10 * DAY)
    events = told.happened("visit", T0 + 20 * DAY)
    assert kinds(events) == ["PointsActivated", "PointsExpired", "PointsEarned"]
    assert told.balance == 101


def test_of_lots_that_activate_at_one_instant_the_oldest_fills_the_deficit() -> None:
    for name in "abcdefgh":  # lots are named after what opened them: in no order of time
        told = story(
            "- {id: visit, on: custom, event: visit, points: 10, activate_after: P10D}",
            "- {id: pay, on: payment_succeeded, points: 20, activate_after: P9D}",
        )
        told.adjusted("debt", -15)
        told.happened("visit", key=name)
        told.paid(name, 1_000, at=T0 + DAY)
        older, newer = of(told.time(T0 + 10 * DAY), PointsActivated)
        assert [(each.points, each.absorbed) for each in (older, newer)] == [(10, 10), (20, 5)]


def test_the_clock_says_nothing_of_rules_where_something_was_due() -> None:
    told = story(LATER)
    told.paid("t1", 5_000)
    assert kinds(told.time(T0 + 10 * DAY)) == ["PointsActivated"]
    assert reasons(told.time(T0 + 11 * DAY)) == ["nothing_due"]


def test_a_fact_that_moves_nothing_says_so_although_time_did_something_before_it() -> None:
    told = story(LATER)
    told.paid("t1", 5_000)
    events = told.happened("unknown", T0 + 10 * DAY)
    assert kinds(events) == ["PointsActivated", "FactIgnored"]
    assert reasons(events) == ["no_rule"]


@pytest.mark.parametrize(
    ("zone", "at", "after", "expires_at"),
    [
        ("UTC", 1_769_860_800, "P1M", 1_772_280_000),  # 31 January 12:00 → 28 February
        ("UTC", 1_709_208_000, "P1Y", 1_740_744_000),  # 29 February 2024 → 28 February 2025
        ("Europe/Berlin", 1_774_692_000, "P1D", 1_774_774_800),  # 28 March 11:00, a day of 23 hours
        ("Europe/Berlin", 1_774_692_000, "PT24H", 1_774_778_400),
    ],
)
def test_durations_are_counted_by_the_calendar(
    zone: str, at: int, after: str, expires_at: int
) -> None:
    told = story(timezone=zone, expiry=f"{{after: {after}}}")
    assert only(told.paid("t1", 100, at=at), PointsEarned).expires_at == expires_at


def test_expiry_counts_from_activation() -> None:
    told = story(LATER, expiry="{after: P10D}")
    event = only(told.paid("t1", 5_000), PointsEarned)
    assert (event.available_at, event.expires_at) == (T0 + 10 * DAY, T0 + 20 * DAY)


def test_expiry_can_be_put_off_to_the_end_of_the_month() -> None:
    told = story(timezone="Europe/Berlin", expiry="{after: P12M, round_up_to: month}")
    event = only(told.paid("t1", 100), PointsEarned)
    assert event.expires_at == 1_798_758_000  # 1 January 2027, 00:00 in Berlin


def test_one_long_step_does_what_many_small_ones_do() -> None:
    def life(*, at_once: bool) -> list[tuple[str, int, int, int]]:
        told = story(
            LATER,
            "- {id: jubilee, on: subscription_anniversary, points: 30}",
            expiry="{after: P30D}",
            tiers="{window: P60D, levels: [{id: low}, {id: high, at: 20}]}",
        )
        told.tell(created(subscription(1)))
        for day in range(3):
            told.paid(f"t{day}", 1_000, at=T0 + day * DAY)
        told.time(T0 + 3 * YEAR) if at_once else told.lives_until(T0 + 3 * YEAR)
        return [
            (type(each).__name__, each.occurred_at, each.balance, each.pending)
            for each in told.events
        ]

    assert life(at_once=True) == life(at_once=False)


def test_a_late_fact_is_earned_at_its_own_time_and_never_moves_the_clock_back() -> None:
    told = story(expiry="{after: P30D}")
    told.paid("t1", 1_000, at=T0 + 20 * DAY)
    event = only(told.paid("t2", 500), PointsEarned)
    assert (event.occurred_at, event.expires_at) == (T0, T0 + 30 * DAY)
    assert told.account.memory.clock == T0 + 20 * DAY


def test_a_late_fact_whose_points_are_long_gone_earns_and_loses_them_at_once() -> None:
    told = story(expiry="{after: P10D}")
    told.paid("t1", 1_000, at=T0 + 20 * DAY)
    events = told.paid("t2", 500)
    assert kinds(events) == ["PointsEarned", "PointsExpired"]
    assert (told.balance, told.lifetime) == (10, 15)


def test_a_late_fact_whose_points_are_due_activates_them_at_once() -> None:
    told = story(LATER)
    told.paid("t1", 1_000, at=T0 + 20 * DAY)
    activated = only(told.paid("t2", 500), PointsActivated)
    assert (activated.occurred_at, activated.balance) == (T0 + 10 * DAY, 5)


def test_points_are_pending_on_the_day_before_their_activation() -> None:
    told = story(LATER, expiry="{after: P10D}")
    told.paid("t1", 1_000)
    assert told.time(T0 + 10 * DAY - 1)[0].pending == 10
    assert told.due_at == T0 + 10 * DAY


def test_a_deleted_customer_has_nothing_left_and_earns_no_more() -> None:
    told = story(
        LATER, "- {id: visit, on: custom, event: visit, points: 7}", expiry="{after: P30D}"
    )
    told.paid("t1", 10_000)
    told.happened("visit", T0 + HOUR)
    events = told.tell(deleted())
    assert kinds(events) == ["PointsExpired", "AccountErased"]
    assert only(events, PointsExpired).reason == "erased"
    assert (told.balance, told.pending, told.lifetime) == (0, 0, 107)
    assert told.due_at is None
    for fact in (happened("visit", T0 + 2 * DAY), happened("visit", T0 - DAY)):
        assert reasons(told.tell(fact)) == ["account_erased"]
    assert told.time(T0 + YEAR)[0].sequence == told.account.ledger.sequence


def test_an_empty_account_is_erased_too_and_only_once() -> None:
    told = story()
    assert [type(each) for each in told.tell(deleted())] == [AccountErased]
    assert told.tell(deleted()) == []
    assert earned(told.paid("t1", 100)) == []


def test_what_a_deleted_customer_owes_is_written_off() -> None:
    told = story()
    told.paid("t1", 10_000)
    told.adjusted("spend", -100)
    told.refunded("r1", "t1", 4_000)
    assert (told.balance, told.deficit) == (-40, 40)
    events = told.tell(deleted(T0 + 2 * DAY))
    assert kinds(events) == ["PointsAdjusted", "AccountErased"]
    written_off = only(events, PointsAdjusted)
    assert (written_off.points, written_off.absorbed, written_off.lot) == (40, 40, "")
    assert (written_off.actor, written_off.balance) == ("", 0)
    assert (told.balance, told.deficit, told.lifetime) == (0, 0, 60)


def test_nothing_personal_stays_in_the_memory_of_an_erased_account() -> None:
    told = story(ONE_PER_DOLLAR)
    told.tell(created(subscription(1)))
    told.paid("t1", 100)
    told.tell(deleted())
    memory = told.account.memory
    assert (memory.subscriptions, memory.payments, memory.counters) == ([], [], {})
    assert len(memory.digests) == 3 * 8


def test_an_adjustment_adds_a_lot_that_expires_and_moves_no_lifetime_points() -> None:
    told = story(expiry="{after: P10D}")
    told.adjusted("gift", 50)
    assert (told.balance, told.lifetime) == (50, 0)
    assert of(told.lives_until(T0 + 10 * DAY), PointsExpired)[0].points == 50


def test_an_adjustment_below_nothing_leaves_a_deficit_or_is_clamped() -> None:
    allowed, clamped = story(), story(refunds="{negative: clamp}")
    for told in (allowed, clamped):
        told.adjusted("gift", 50)
        told.adjusted("take", -80)
    assert (allowed.balance, allowed.deficit) == (-30, 30)
    assert (clamped.balance, clamped.deficit) == (0, 0)
    assert reasons(clamped.adjusted("more", -1)) == ["nothing_to_take"]


def test_an_anniversary_passes_without_a_word_where_no_program_is_in_force() -> None:
    told = story("- {id: jubilee, on: subscription_anniversary, points: 30}")
    told.tell(created(subscription(1)))
    programs, told.programs = told.programs, type(told.programs)()
    assert reasons(told.lives_until(T0 + YEAR)) == ["nothing_due"]
    told.programs = programs
    told.time(T0 + YEAR + 1)
    assert earned(told.lives_until(T0 + 2 * YEAR)) == [("jubilee", 30)]
