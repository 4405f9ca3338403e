"""What an upgrade earned is taken back if a downgrade or a cancellation follows too soon."""

import pytest

from schemas.facts import AnyFact
from schemas.points import (
    AnyPointsEvent,
    PointsEarned,
    PointsExpired,
    PointsReversed,
    TierChanged,
)
from tests.support.story import (
    DAY,
    ONE_PER_DOLLAR,
    T0,
    Story,
    cancelled,
    changed,
    created,
    earned,
    kinds,
    of,
    only,
    renewed,
    story,
    subscription,
)

CLIMB = "- {id: climb, on: plan_upgraded, points: 100, clawback_within: P30D}"
IN_TIME = T0 + 31 * DAY - 1
TOO_LATE = T0 + 31 * DAY
"""Thirty days after the upgrade of the first day."""


def upgraded(told: Story) -> list[AnyPointsEvent]:
    told.tell(created(subscription(1)))
    return told.tell(changed(subscription(2, amount_minor=2_000), T0 + DAY))


def downgrade(at: int, version: int = 3) -> AnyFact:
    return changed(subscription(version, amount_minor=1_000), at)


def cancellation(at: int) -> AnyFact:
    return cancelled(subscription(3, status="cancelled"), at)


@pytest.mark.parametrize(
    ("end", "trigger"),
    [(downgrade(IN_TIME), "plan_downgraded"), (cancellation(IN_TIME), "subscription_cancelled")],
)
def test_an_upgrade_that_does_not_last_is_undone(end: AnyFact, trigger: str) -> None:
    told = story(CLIMB)
    upgrade = only(upgraded(told), PointsEarned)
    event = only(told.tell(end), PointsReversed)
    assert (event.points, event.earned_by) == (100, "subscription_changed:sub_1:2")
    assert (event.cause.fact, event.cause.trigger) == (end.id, trigger)
    assert [(each.lot, each.points) for each in event.lots] == [(upgrade.lot, 100)]
    assert event.base is None
    assert (told.balance, told.lifetime, told.deficit) == (0, 0, 0)


@pytest.mark.parametrize("end", [downgrade(TOO_LATE), cancellation(TOO_LATE)])
def test_an_upgrade_that_lasted_the_period_is_kept(end: AnyFact) -> None:
    told = story(CLIMB)
    upgraded(told)
    assert of(told.tell(end), PointsReversed) == []
    assert told.lifetime == 100


def test_a_downgrade_told_four_days_late_still_undoes_an_upgrade() -> None:
    """Even where another upgrade has let the account forget what lasted its period."""
    for late, undone in ((0, 100), (1, 0)):
        told = story(CLIMB)
        upgraded(told)
        other = TOO_LATE + 4 * DAY - 1 + late
        told.tell(created(subscription(1, name="sub_2"), other))
        told.tell(changed(subscription(2, name="sub_2", amount_minor=2_000), other))
        events = told.tell(downgrade(IN_TIME))
        assert sum(each.points for each in of(events, PointsReversed)) == undone, late


def test_points_that_expired_of_something_else_are_still_taken_whole() -> None:
    told = story(CLIMB, ONE_PER_DOLLAR, expiry="{after: P20D}")
    told.paid("t1", 3_000)
    upgraded(told)
    assert of(told.lives_until(T0 + 20 * DAY), PointsExpired)[0].points == 30
    event = only(told.tell(downgrade(T0 + 20 * DAY + 1)), PointsReversed)
    assert (event.points, event.expired, event.overdrawn) == (100, 0, 0)
    assert [each.points for each in event.lots] == [100]


def test_points_of_an_upgrade_that_expired_are_not_taken_again() -> None:
    told = story(CLIMB, expiry="{after: P20D}")
    upgraded(told)
    told.lives_until(T0 + 21 * DAY)
    event = only(told.tell(downgrade(T0 + 22 * DAY)), PointsReversed)
    assert (event.points, event.expired, event.overdrawn, event.lots) == (100, 100, 0, ())
    assert (told.balance, told.lifetime) == (0, 0)


def test_a_downgrade_that_a_renewal_tells_counts_too() -> None:
    told = story(CLIMB)
    upgraded(told)
    smaller = subscription(3, amount_minor=1_000, term_start=T0 + 20 * DAY)
    assert only(told.tell(renewed(smaller, T0 + 20 * DAY)), PointsReversed).points == 100


def test_it_is_undone_once() -> None:
    told = story(CLIMB)
    upgraded(told)
    told.tell(downgrade(T0 + 2 * DAY))
    again = told.tell(changed(subscription(4, amount_minor=500), T0 + 3 * DAY))
    gone = told.tell(cancelled(subscription(5, status="cancelled"), T0 + 4 * DAY))
    assert of([*again, *gone], PointsReversed) == []
    assert told.lifetime == 0


def test_every_upgrade_that_did_not_last_is_undone_on_its_own() -> None:
    told = story(CLIMB)
    upgraded(told)
    told.tell(changed(subscription(3, amount_minor=3_000), T0 + 10 * DAY))
    events = of(told.tell(downgrade(T0 + 35 * DAY, version=4)), PointsReversed)
    assert [each.earned_by for each in events] == ["subscription_changed:sub_1:3"]
    assert told.lifetime == 100


def test_only_the_same_subscription_undoes_an_upgrade() -> None:
    told = story(CLIMB)
    upgraded(told)
    told.tell(created(subscription(1, name="sub_2")))
    other = cancelled(subscription(2, name="sub_2", status="cancelled"), T0 + 2 * DAY)
    assert of(told.tell(other), PointsReversed) == []
    assert told.lifetime == 100


def test_only_what_a_rule_that_claws_back_gave_is_undone_as_one() -> None:
    told = story(
        CLIMB,
        "- {id: more, on: plan_upgraded, points: 7, clawback_within: P60D}",
        "- {id: keep, on: plan_upgraded, points: 30}",
    )
    upgraded(told)
    event = only(told.tell(downgrade(T0 + 2 * DAY)), PointsReversed)
    assert (event.points, len(event.lots)) == (107, 2)
    assert told.lifetime == told.balance == 30


@pytest.mark.parametrize(
    ("negative", "overdrawn", "forgiven"), [("allow", 60, 0), ("clamp", 0, 60)]
)
def test_points_already_spent_follow_the_policy_of_refunds(
    negative: str, overdrawn: int, forgiven: int
) -> None:
    told = story(CLIMB, refunds=f"{{negative: {negative}}}")
    upgraded(told)
    told.adjusted("spend", -60, T0 + DAY)
    event = only(told.tell(downgrade(T0 + 2 * DAY)), PointsReversed)
    assert (event.overdrawn, event.forgiven) == (overdrawn, forgiven)
    assert (told.balance, told.lifetime) == (-overdrawn, 0)


def test_points_that_expired_are_not_taken_a_second_time() -> None:
    told = story(CLIMB, ONE_PER_DOLLAR, expiry="{after: P10D}")
    upgraded(told)
    told.paid("t", 5_000, T0 + 10 * DAY)
    told.lives_until(T0 + 12 * DAY)
    event = only(told.tell(downgrade(T0 + 13 * DAY)), PointsReversed)
    assert (event.points, event.expired, event.lots) == (100, 100, ())
    assert (told.balance, told.lifetime) == (50, 50)


def test_pending_points_are_voided() -> None:
    told = story(CLIMB.replace("points: 100", "points: 100, activate_after: P14D"))
    upgraded(told)
    told.tell(downgrade(T0 + 2 * DAY))
    assert (told.pending, told.balance, told.due_at) == (0, 0, None)


def test_a_tier_that_rested_on_the_upgrade_is_lost() -> None:
    told = story(CLIMB, tiers="{window: P12M, levels: [{id: low}, {id: high, at: 100}]}")
    upgraded(told)
    assert told.tier == "high"
    change = only(told.tell(downgrade(T0 + 2 * DAY)), TierChanged)
    assert (change.to_tier, change.cause.trigger) == ("low", "plan_downgraded")


def test_its_cap_limit_and_count_unwind() -> None:
    told = story(
        CLIMB.replace(
            "points: 100",
            "points: 100, nth: 1, limit: {count: 1}, cap: {points: 150, per: year}",
        )
    )
    upgraded(told)
    told.tell(downgrade(T0 + 2 * DAY))
    again = told.tell(changed(subscription(4, amount_minor=2_000), T0 + 3 * DAY))
    assert earned(again) == [("climb", 100)]


def test_a_downgrade_that_earns_by_a_rule_of_its_own_still_does() -> None:
    told = story(CLIMB, "- {id: stay, on: plan_downgraded, points: 5}")
    upgraded(told)
    events = told.tell(downgrade(T0 + 2 * DAY))
    assert kinds(events) == ["PointsReversed", "PointsEarned"]
    assert told.balance == 5


def test_an_earlier_cancellation_that_comes_late_undoes_nothing() -> None:
    told = story(CLIMB)
    upgraded(told)
    early = cancelled(subscription(1, status="cancelled"), T0 + 10)
    assert of(told.tell(early), PointsReversed) == []


def test_without_a_program_in_force_it_is_undone_all_the_same() -> None:
    told = story(CLIMB)
    upgraded(told)
    told.programs = type(told.programs)()
    assert only(told.tell(downgrade(T0 + 2 * DAY)), PointsReversed).points == 100


def test_what_can_no_longer_be_undone_is_forgotten() -> None:
    told = story(CLIMB)
    upgraded(told)
    told.tell(changed(subscription(3, amount_minor=3_000), T0 + 90 * DAY))
    assert [each.at for each in told.account.memory.upgrades] == [T0 + 90 * DAY]


def test_of_more_upgrades_than_can_be_kept_the_newest_fifty_are_undone() -> None:
    told = story(CLIMB)
    told.tell(created(subscription(1)))
    for version in range(2, 53):
        seen = subscription(version, amount_minor=1_000 * version)
        told.tell(changed(seen, T0 + version))
    ended = cancelled(subscription(99, status="cancelled"), T0 + DAY)
    undone = [each.earned_by for each in of(told.tell(ended), PointsReversed)]
    assert undone == [f"subscription_changed:sub_1:{version}" for version in range(3, 53)]
    assert told.lifetime == 100


def test_an_upgrade_is_undone_though_another_subscription_has_gone_up_since() -> None:
    told = story(CLIMB)
    upgraded(told)
    told.tell(created(subscription(1, name="sub_2")))
    told.tell(changed(subscription(2, name="sub_2", amount_minor=2_000), T0 + 28 * DAY))
    event = only(told.tell(downgrade(T0 + 29 * DAY)), PointsReversed)
    assert event.earned_by == "subscription_changed:sub_1:2"
