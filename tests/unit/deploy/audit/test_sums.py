"""Sequences without gaps, and figures that add up."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from deploy.audit.sums import Conservation, Sequences
from schemas.points import AnyPointsEvent, LotChange, PointsEarned, PointsRedeemed
from tests.support.audit import examples, folded_year, tally


def sequences(events: Iterable[AnyPointsEvent]) -> list[str]:
    counted = tally()
    check = Sequences(counted)
    for event in events:
        check.take(event)
    return examples(counted)


def sums(events: Iterable[AnyPointsEvent]) -> list[str]:
    counted = tally()
    check = Conservation(counted)
    for event in events:
        check.take(event)
    return examples(counted)


def changed(kind: type[Any], **changes: Any) -> list[AnyPointsEvent]:
    """The year's events, the first of a kind changed."""
    events = list(folded_year()[1])
    at = next(index for index, each in enumerate(events) if isinstance(each, kind))
    events[at] = msgspec.structs.replace(events[at], **changes)
    return events


def test_a_folded_year_has_no_gap_and_adds_up() -> None:
    _, events = folded_year()

    assert sequences(events) == []
    assert sums(events) == []


def test_a_gap_is_told_once() -> None:
    events = [each for each in folded_year()[1] if each.customer == folded_year()[1][0].customer]
    del events[3]

    [said] = sequences(events)

    assert said.endswith("event 5 follows event 3")


def test_a_repeat_is_told_once() -> None:
    events = list(folded_year()[1])
    again = events[5]

    [said] = sequences([*events[:6], again, *events[6:]])

    assert said.endswith(f"event {again.sequence} follows event {again.sequence}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"balance": 1_000_003}, "(balance and pending)"),
        ({"lifetime": 1_000_003}, "makes lifetime points 1000003"),
        ({"deficit": 7}, "makes a deficit of 7"),
        ({"points": 1_000_003}, "moves 1000003 points"),
        ({"absorbed": 1}, "makes a deficit of 0"),
    ],
)
def test_a_figure_that_does_not_follow_is_told(changes: dict[str, int], said: str) -> None:
    assert any(said in example for example in sums(changed(PointsEarned, **changes)))


def test_taking_more_than_a_lot_holds_is_told() -> None:
    earned = next(each for each in folded_year()[1] if isinstance(each, PointsEarned))
    lot = earned.lot
    too_many = earned.points + 1
    redeemed = PointsRedeemed(
        site=earned.site,
        customer=earned.customer,
        sequence=earned.sequence + 1,
        cause=earned.cause,
        occurred_at=earned.occurred_at,
        balance=earned.balance - too_many,
        pending=earned.pending,
        lifetime=earned.lifetime,
        deficit=earned.deficit,
        points=too_many,
        reward="five-off",
        reward_id="r1",
        lots=(LotChange(lot=lot, points=too_many),),
    )

    said = sums([earned, redeemed])

    assert any(f"of lot {lot}, which is 1 more than it holds" in each for each in said)


def test_points_taken_from_a_lot_that_was_never_opened_are_told() -> None:
    events = changed(PointsEarned, lot="999999")

    assert any("more than it holds" in each for each in sums(events))


def test_one_wrong_figure_does_not_make_those_after_it_look_wrong() -> None:
    _, events = folded_year()
    customer = events[0].customer
    mine = [each for each in events if each.customer == customer]
    mine[0] = msgspec.structs.replace(mine[0], balance=mine[0].balance + 5)

    said = sums(mine)

    assert {each.split(": ")[1].split()[1] for each in said} == {"1", "2"}
