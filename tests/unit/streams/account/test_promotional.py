"""Promotional lots: spent before others, whatever their dates."""

from schemas.points import PointsAdjusted, PointsEarned, PointsExpired, PointsReversed
from tests.support.story import DAY, HOUR, ONE_PER_DOLLAR, T0, Story, only, story

GIFT = "- {id: gift, on: custom, event: gift, points: 40, priority: promotional}"


def spent(told: Story, points: int, at: int = T0 + 2 * DAY) -> list[tuple[str, int]]:
    event = only(told.adjusted(f"spend-{points}", -points, at=at), PointsAdjusted)
    return [(each.lot, each.points) for each in event.lots]


def test_promotional_points_are_spent_first_although_they_live_longer() -> None:
    told = story(GIFT, ONE_PER_DOLLAR, expiry="{after: P30D}")
    told.paid("t1", 3_000)
    gift = only(told.happened("gift", T0 + DAY), PointsEarned)
    assert gift.promotional
    assert spent(told, 50) == [(gift.lot, 40), (told.lot("t1"), 10)]


def test_among_promotional_lots_the_soonest_to_expire_goes_first() -> None:
    told = story(GIFT, ONE_PER_DOLLAR, expiry="{after: P30D}")
    later = only(told.happened("gift", T0 + DAY), PointsEarned)
    sooner = only(told.happened("gift", T0), PointsEarned)
    assert spent(told, 50) == [(sooner.lot, 40), (later.lot, 10)]


def test_a_standard_rule_says_nothing_of_priority() -> None:
    told = story()
    assert not only(told.paid("t1", 100), PointsEarned).promotional


def test_pending_promotional_points_cannot_be_spent() -> None:
    told = story(GIFT.replace("}", ", activate_after: P5D}"), ONE_PER_DOLLAR)
    told.paid("t1", 3_000)
    gift = only(told.happened("gift", T0), PointsEarned)
    assert spent(told, 10) == [(told.lot("t1"), 10)]
    assert spent(told, 20, at=T0 + 5 * DAY) == [(gift.lot, 20)]


def test_an_extension_keeps_promotional_points_first() -> None:
    told = story(GIFT, ONE_PER_DOLLAR, expiry="{after: P30D, extended_by: {events: [visit]}}")
    told.paid("t1", 3_000)
    gift = only(told.happened("gift", T0), PointsEarned)
    told.happened("visit", T0 + DAY)
    assert spent(told, 50) == [(gift.lot, 40), (told.lot("t1"), 10)]


def test_a_refund_takes_the_payments_own_points_before_promotional_ones() -> None:
    told = story(GIFT, ONE_PER_DOLLAR)
    told.paid("t1", 3_000)
    told.happened("gift", T0)
    event = only(told.refunded("r1", "t1", 3_000), PointsReversed)
    assert [(each.lot, each.points) for each in event.lots] == [(told.lot("t1"), 30)]
    assert told.balance == 40


def test_a_refund_of_spent_points_goes_on_with_promotional_ones() -> None:
    told = story(GIFT, ONE_PER_DOLLAR)
    told.paid("t1", 3_000)
    told.paid("t2", 3_000, at=T0 + HOUR)
    assert spent(told, 30, at=T0 + HOUR) == [(told.lot("t1"), 30)]
    gift = only(told.happened("gift", T0 + DAY), PointsEarned)
    event = only(told.refunded("r1", "t1", 3_000, at=T0 + 2 * DAY), PointsReversed)
    assert [(each.lot, each.points) for each in event.lots] == [(gift.lot, 30)]


def test_promotional_points_expire_on_their_own_day_whatever_else_there_is() -> None:
    told = story(GIFT, ONE_PER_DOLLAR, expiry="{after: P30D}")
    told.paid("t1", 3_000, T0 + 2 * DAY)
    told.happened("gift", T0)
    told.happened("gift", T0 + 3 * DAY)
    expired = [
        (each.points, each.occurred_at) for each in told.lives_until(T0 + 99 * DAY)
        if isinstance(each, PointsExpired)
    ]  # fmt: skip
    assert expired == [(40, T0 + 30 * DAY), (30, T0 + 32 * DAY), (40, T0 + 33 * DAY)]
