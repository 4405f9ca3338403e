"""When the days are decided anew: what becomes of rewards, refunds and dates, and what is told."""

from schemas import facts
from schemas.points import (
    CorrectionApplied,
    PointsExpiringSoon,
    PointsExtended,
    PointsRestored,
    PointsReversed,
    RewardEarned,
    RewardRevoked,
)
from tests.support.story import (
    DAY,
    HOUR,
    ONE_PER_DOLLAR,
    T0,
    YEAR,
    Story,
    created,
    of,
    only,
    paid,
    refunded,
    story,
    subscription,
)

FREE = "free_days: 1"
VISIT = "- {id: visit, on: custom, event: visit, points: 10}"
CAPPED = "- {id: pay, on: payment_succeeded, points: 60, cap: {points: 100, per: month}}"


def told_in_order(told: Story, *happened: facts.AnyFact) -> Story:
    other = Story(told.programs)
    for fact in happened:
        other.tell(fact)
    return other


def test_a_reward_that_still_stands_is_kept_whichever_fact_it_turns_out_to_be_of() -> None:
    told = story(
        rewards=f"[{{id: gift, when: {{on: payment_succeeded}}, on_refund: revoke, {FREE}}}]"
    )
    told.paid("t1", 100, at=T0 + HOUR)
    told.paid("t2", 100, at=T0 + 2 * HOUR)
    told.refunded("r1", "t1", 100, at=T0 + 3 * HOUR)
    events = told.paid("t0", 100, at=T0)
    assert only(events, RewardEarned).reward_id.endswith(":gift:3")
    assert not of(events, RewardRevoked)
    events = told.refunded("r2", "t2", 100, at=T0 + DAY)
    assert only(events, RewardRevoked).reward == "gift"
    events = told.refunded("r0", "t0", 100, at=T0 + DAY)
    assert only(events, RewardRevoked).reward == "gift"
    assert told.account.ledger.standing("gift") == 0


def test_a_reward_that_is_of_another_month_now_is_uncounted_in_that_one() -> None:
    told = story(
        VISIT,
        rewards=f"[{{id: gift, when: {{on: custom, event: visit, "
        f"limit: {{count: 1, per: month}}}}, {FREE}}}]",
    )
    january, december = T0 + 31 * DAY + HOUR, T0 + 30 * DAY
    first = only(told.happened("visit", january), RewardEarned)
    second = only(told.happened("visit", december), RewardEarned)
    assert [each.reward_id[-2:] for each in (first, second)] == [":1", ":2"]
    told.failed(first, at=january + DAY)
    assert not of(told.happened("visit", january + 2 * DAY), RewardEarned), "it was December's"
    told.failed(second, at=january + 3 * DAY)
    assert of(told.happened("visit", january + 4 * DAY), RewardEarned)


def test_a_correction_tells_what_facts_gave_themselves_and_not_what_time_did_before_them() -> None:
    told = story(CAPPED, "- {id: jubilee, on: subscription_anniversary, points: 23}")
    told.tell(created(subscription(1, started_at=T0 + DAY), T0 + DAY))
    told.paid("t2", 100, at=T0 + DAY + YEAR + HOUR)
    assert told.balance == 83
    events = told.paid("t1", 100, at=T0 + DAY + YEAR - HOUR)
    assert only(events, CorrectionApplied).detail == "payment:t2:inv_t2 gives 40 points, not 60"


def test_a_correction_tells_what_a_refund_takes_now() -> None:
    told = story(CAPPED)
    told.paid("t1", 100, at=T0 + HOUR)
    told.paid("t2", 100, at=T0 + 2 * HOUR)
    told.refunded("r2", "t2", 100, at=T0 + 3 * HOUR)
    events = told.paid("t0", 100, at=T0)
    assert only(events, CorrectionApplied).detail == (
        "payment:t1:inv_t1 gives 40 points, not 60; payment:t2:inv_t2 gives 0 points, not 40; "
        "refund:r2 gives 0 points, not -40"
    )


def test_payments_whose_points_expired_on_the_way_to_another_are_as_they_were_too() -> None:
    told = story(expiry="{after: P1D}")
    late = paid("t2", 500, T0 + HOUR)
    others: list[facts.AnyFact] = [
        paid("t1", 1_000, T0),
        paid("t3", 700, T0 + 2 * DAY),
        paid("t4", 300, T0 + 3 * DAY),
    ]
    refunds: list[facts.AnyFact] = [
        refunded(f"r{each}", f"t{each}", 200, T0 + 3 * DAY + each) for each in (1, 2, 3, 4)
    ]
    for fact in [*others, late, *refunds]:
        told.tell(fact)
    expected = told_in_order(told, others[0], late, *others[1:], *refunds)
    assert told.account.ledger.lots == expected.account.ledger.lots
    for own, other in zip(told.events[-4:], expected.events[-4:], strict=True):
        assert isinstance(own, PointsReversed)
        assert isinstance(other, PointsReversed)
        assert (own.points, own.expired, own.overdrawn) == (
            other.points,
            other.expired,
            other.overdrawn,
        )


def test_an_outcome_that_now_stands_before_its_reward_is_told_once_that_has_fired() -> None:
    rule = ONE_PER_DOLLAR.replace("}}}", "}}, limit: {cooldown: PT1H}}")
    told = story(rule, rewards=f"[{{id: mug, when: {{balance: 20}}, cost: 20, {FREE}}}]")
    mug = only(told.paid("t1", 2_000, at=T0 + HOUR // 2), RewardEarned)
    told.failed(mug, at=T0 + 2 * HOUR)
    told.paid("t2", 1_000, at=T0 + 3 * HOUR)
    told.paid("t3", 1_000, at=T0 + 5 * HOUR)
    assert told.balance == 40
    told.paid("t0", 500, at=T0)
    assert told.balance == 25, "5 and no 20, then 10 and 10, of which 20 were paid and came back"


def test_what_was_taken_by_hand_is_taken_again_as_soon_as_it_is_there() -> None:
    told = story(refunds="{negative: clamp}")
    told.paid("t1", 1_000, at=T0 + HOUR)
    told.adjusted("a", -8, at=T0 + 3 * HOUR)
    assert told.balance == 2
    told.refunded("r1", "t1", 800, at=T0 + 2 * HOUR)
    assert told.balance == 0
    told.paid("t0", 1_000, at=T0)
    assert told.balance == 10 + 10 - 8 - 8


def test_an_outcome_waits_for_a_reward_that_time_alone_fires_now() -> None:
    rule = ONE_PER_DOLLAR.replace("}}}", "}}, limit: {cooldown: PT1H}, activate_after: P1D}")
    told = story(rule, rewards=f"[{{id: mug, when: {{balance: 20}}, cost: 20, {FREE}}}]")
    told.paid("t1", 2_000, at=T0 + HOUR // 2)
    mug = only(told.lives_until(T0 + DAY + HOUR), RewardEarned)
    told.failed(mug, at=T0 + DAY + HOUR)
    told.paid("t2", 1_500, at=T0 + DAY + 2 * HOUR)
    told.lives_until(T0 + 3 * DAY)
    assert told.balance == 35
    told.paid("t0", 500, at=T0)
    assert told.balance == 20, "5 and 15, which paid for the mug and came back"


def test_what_was_asked_for_in_one_second_is_paid_for_in_the_order_of_arrival_again() -> None:
    told = story(
        expiry="{after: P30D}",
        rewards=f"[{{id: mug, when: {{request: true}}, cost: 10, {FREE}}}, "
        f"{{id: pin, when: {{request: true}}, cost: 10, {FREE}}}]",
    )
    told.paid("t1", 1_000, at=T0 + HOUR)
    told.paid("t2", 1_000, at=T0 + 2 * HOUR)
    mug = only(told.requested("b", "mug", at=T0 + DAY), RewardEarned)
    told.requested("a", "pin", at=T0 + DAY)
    told.paid("t0", 500, at=T0)
    assert [(lot.points, lot.earned_at) for lot in told.account.ledger.lots] == [(5, T0 + 2 * HOUR)]
    restored = only(told.failed(mug, at=T0 + 2 * DAY), PointsRestored)
    assert [(each.lot, each.points) for each in restored.lots] == [
        (told.lot("t0"), 5),
        (told.lot("t1"), 5),
    ]


def test_points_that_were_to_be_reminded_of_in_their_place_are_reminded_of_at_once() -> None:
    told = story(expiry="{after: P3D, remind: P2D}")
    told.paid("t1", 1_000, at=T0 + 2 * DAY)
    events = told.paid("t0", 500, at=T0)
    reminder = only(events, PointsExpiringSoon)
    assert (reminder.points, reminder.expires_at) == (5, T0 + 3 * DAY)
    assert only(told.lives_until(T0 + 3 * DAY), PointsExpiringSoon).points == 10


def test_a_reward_that_a_late_fact_fires_is_told_as_that_fact_fires_it() -> None:
    told = story(rewards=f"[{{id: thanks, when: {{on: payment_succeeded}}, {FREE}}}]")
    told.tell(created(subscription(1, name="sub_1"), T0))
    told.tell(created(subscription(1, name="sub_2", started_at=T0 + HOUR), T0 + HOUR))
    told.happened("other", T0 + DAY)
    late = paid("t1", 100, T0 + 2 * HOUR, subscription=subscription(1, name="sub_1"))
    thanks = only(told.tell(late), RewardEarned)
    assert (thanks.cause.trigger, thanks.subscription) == ("payment_succeeded", "sub_1")


def test_what_a_late_refund_overdraws_in_its_place_is_taken_of_what_came_since() -> None:
    told = story()
    told.paid("t1", 6_000, at=T0)
    told.adjusted("spend", -60, at=T0 + HOUR)
    told.paid("t2", 9_000, at=T0 + 2 * DAY)
    reversed_ = only(told.refunded("r1", "t1", 6_000, at=T0 + DAY), PointsReversed)
    assert (reversed_.points, reversed_.overdrawn) == (60, 0)
    assert [(each.lot, each.points) for each in reversed_.lots] == [(told.lot("t2"), 60)]
    assert told.balance == 30


def test_a_late_refund_takes_a_reward_back_that_was_fired_long_before() -> None:
    told = story(
        rewards=f"[{{id: gift, when: {{on: payment_succeeded}}, on_refund: revoke, {FREE}}}]"
    )
    told.paid("t1", 100, at=T0)
    told.happened("other", T0 + 10 * DAY)
    told.happened("other", T0 + 12 * DAY)
    events = told.refunded("r1", "t1", 100, at=T0 + 11 * DAY)
    assert only(events, RewardRevoked).reward_id.endswith(":gift:1")
    assert told.account.ledger.standing("gift") == 0


def test_a_late_activity_extends_what_no_later_one_has_extended_since() -> None:
    told = story(expiry="{after: P30D, extended_by: {events: [visit]}}")
    told.paid("t1", 1_000, at=T0)
    told.happened("other", T0 + 2 * DAY)
    extended = only(told.happened("visit", T0 + DAY), PointsExtended)
    assert extended.expires_at == T0 + 31 * DAY
    assert [(each.lot, each.points) for each in extended.lots] == [(told.lot("t1"), 10)]
    assert not of(told.happened("visit", T0 + HOUR), PointsExtended)
    [lot] = told.account.ledger.lots
    assert lot.expires_at == T0 + 31 * DAY


def test_a_reminder_that_was_told_is_not_told_again_when_the_days_are_decided_anew() -> None:
    told = story(expiry="{after: P3D, remind: P2D}")
    told.paid("t1", 1_000, at=T0)
    assert of(told.lives_until(T0 + DAY), PointsExpiringSoon)
    told.happened("other", T0 + 2 * DAY)
    assert not of(told.happened("other", T0 + DAY + HOUR), PointsExpiringSoon)


def test_a_correction_tells_nothing_of_rewards_and_dates_that_are_as_they_were() -> None:
    told = story(CAPPED, rewards=f"[{{id: mug, when: {{balance: 10}}, cost: 10, {FREE}}}]")
    told.paid("t1", 100, at=T0)
    told.paid("t3", 100, at=T0 + 2 * DAY)
    correction = only(told.paid("t2", 100, at=T0 + DAY), CorrectionApplied)
    assert (correction.rewards, correction.tier_since) == ((), None)
    assert [(each.lot, each.points, each.expires_at) for each in correction.lots] == [
        (told.lot("t3"), 0, None)
    ]
