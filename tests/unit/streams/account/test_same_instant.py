"""Everything that falls on one instant happens in one order: time first, then the fact."""

import pytest

from schemas.points import (
    AnyPointsEvent,
    PointsActivated,
    PointsEarned,
    PointsExpired,
    TierChanged,
)
from tests.support.story import DAY, ONE_PER_DOLLAR, T0, created, of, only, story, subscription

X = T0 + 365 * DAY
"""The instant on which all of it falls."""

ORDER = (
    "pending points become spendable",
    "points nobody confirmed are void",
    "points expire",
    "a reminder",
    "the tier is reviewed",
    "the anniversary earns",
    "the fact confirms points that waited for it",
    "the fact extends points",
    "the fact earns",
    "the tier rises",
    "the first reward",
    "the second reward",
    "the first cost",
    "the second cost",
)


@pytest.fixture(scope="module")
def instant() -> list[AnyPointsEvent]:
    told = story(
        ONE_PER_DOLLAR,
        "- {id: visit, on: custom, event: visit, points: 10}",
        "- {id: start, on: custom, event: start, points: 100}",
        "- {id: slow, on: custom, event: slow, points: 4, activate_after: P10D}",
        "- {id: vain, on: custom, event: vain, points: 5, "
        "activate_on: {on: custom, event: never, within: P10D}}",
        "- {id: wait, on: custom, event: wait, points: 6, "
        "activate_on: {on: payment_succeeded, within: P20D}}",
        "- {id: jubilee, on: subscription_anniversary, points: 7}",
        expiry="{after: P60D, remind: P30D, extended_by: {on: [payment_succeeded]}}",
        tiers="{window: P60D, levels: [{id: low}, {id: high, at: 100}]}",
        rewards=(
            "[{id: thanks, when: {on: payment_succeeded}, cost: 5, free_days: 1}, "
            "{id: wow, when: {lifetime: 200}, cost: 6, free_days: 1}]"
        ),
    )
    told.tell(created(subscription(1)))
    told.happened("start", X - 60 * DAY)
    told.happened("visit", X - 30 * DAY)
    for name in ("slow", "vain", "wait"):
        told.happened(name, X - 10 * DAY)
    assert told.due_at == X
    return told.paid("t1", 10_000, at=X)


def said(event: AnyPointsEvent) -> str:
    """The event in a few words."""
    match event:
        case PointsExpired():
            return event.reason
        case TierChanged():
            return event.to_tier
        case _:
            what = getattr(event, "rule", "") or getattr(event, "reward", "")
            return f"{type(event).__name__} {what} {event.cause.trigger}".replace("  ", " ")


@pytest.mark.parametrize(
    ("place", "expected"),
    list(
        enumerate([
            "PointsActivated time",
            "voided",
            "expired",
            "PointsExpiringSoon time",
            "low",
            "PointsEarned jubilee subscription_anniversary",
            "PointsActivated payment_succeeded",
            "PointsExtended payment_succeeded",
            "PointsEarned pay payment_succeeded",
            "high",
            "RewardEarned thanks payment_succeeded",
            "RewardEarned wow threshold",
            "PointsRedeemed thanks fact",
            "PointsRedeemed wow fact",
        ])
    ),
    ids=ORDER,
)  # fmt: skip
def test_each_has_its_place(instant: list[AnyPointsEvent], place: int, expected: str) -> None:
    assert said(instant[place]) == expected


def test_nothing_else_happens_and_all_of_it_at_that_instant(instant: list[AnyPointsEvent]) -> None:
    assert len(instant) == len(ORDER)
    assert {event.occurred_at for event in instant} == {X}


@pytest.mark.parametrize("names", [("week", "day"), ("three", "day"), ("week", "three")])
def test_points_that_become_spendable_together_fill_the_deficit_oldest_first(
    names: tuple[str, str],
) -> None:
    """The number of a lot says nothing of its age."""
    days = {"week": 7, "three": 3, "day": 1}
    told = story(
        *(
            f"- {{id: {name}, on: custom, event: {name}, points: 10, activate_after: P{pending}D}}"
            for name, pending in days.items()
        )
    )
    opened = [
        only(told.happened(name, T0 + (7 - days[name]) * DAY), PointsEarned).lot for name in names
    ]
    told.adjusted("take", -15, at=T0 + 6 * DAY)
    events = of(told.time(T0 + 7 * DAY), PointsActivated)
    assert [(each.lot, each.absorbed) for each in events] == [(opened[0], 10), (opened[1], 5)]
