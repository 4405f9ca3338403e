"""What each points event does to the rows of the views."""

import copy
import typing
from typing import Any

import pytest

from projections.balances import View, net_change, project
from projections.errors import LogBroken, SequenceGap
from schemas import ids
from schemas.points import (
    AnyPointsEvent,
    PointsActivated,
    PointsExpired,
    PointsReversed,
    RewardDelivered,
    RewardFailed,
    RewardRevoked,
)
from tests.support.points import (
    DAY,
    NOON,
    RULE,
    changed,
    earned,
    event,
    logged,
    reward_earned,
    story,
    took,
)
from tests.support.year import SITE

ACCOUNT = (SITE, "c1")
FIVE_OFF = ids.reward_id(SITE, "c1", "five-off", 1)


def projected(*events: AnyPointsEvent) -> View:
    view = View()
    for each in logged(events):
        project(view, each)
    return view


def test_the_story_tells_every_type_of_event() -> None:
    """So that the tests over it leave none out."""
    assert {type(each) for each in story()} == set(typing.get_args(AnyPointsEvent))


def test_the_balance_row_says_what_the_last_event_said() -> None:
    view = projected(*story()[:9])

    row = view.balances[ACCOUNT]
    assert (row.balance, row.pending, row.lifetime, row.deficit) == (-20, 0, 80, 20)
    assert (row.sequence, row.tier, row.updated_at) == (9, "saguaro", NOON + 9 * DAY)
    assert (row.program, row.program_version, row.erased) == ("spikes", 3, False)


def test_an_erased_account_keeps_its_sums() -> None:
    row = projected(*story()).balances[ACCOUNT]

    assert (row.erased, row.balance, row.lifetime) == (True, 12, 87)


def test_after_every_event_the_lots_less_the_deficit_are_balance_and_pending() -> None:
    view = View()
    for each in logged(story()):
        project(view, each)
        row = view.balances[ACCOUNT]
        left = sum(lot.remaining for lot in view.lots.values())
        assert left - row.deficit == row.balance + row.pending, each.event


def test_what_the_events_add_is_balance_and_pending() -> None:
    total = 0
    for each in story():
        total += net_change(each)
        assert total == each.balance + each.pending, each


def test_an_entry_holds_its_event_word_for_word_and_where_it_stands() -> None:
    [logged_event] = logged([earned(1, 150, (150, 0, 150, 0))], partition=3, start=41)
    view = View()
    project(view, logged_event)

    [entry] = view.entries
    assert entry.event == logged_event.text
    assert (entry.partition, entry.log_offset, entry.sequence) == (3, 41, 1)
    assert (entry.type, entry.rule, entry.lot, entry.points) == ("PointsEarned", "pay", "1", 150)
    assert (entry.fact, entry.fact_offset) == ("payment:t1:i", 1)
    assert (entry.trigger, entry.recorded_at_ms) == ("payment_succeeded", (NOON + DAY) * 1000)


def test_a_lot_is_opened_spent_given_back_and_closed() -> None:
    view = projected(*story()[:5])
    lot = view.lots[SITE, "c1", "1"]
    assert (lot.points, lot.remaining, lot.closed_at) == (150, 50, None)

    for each in logged(story()[5:9], start=5):
        project(view, each)

    assert (lot.remaining, lot.closed_at) == (0, NOON + 9 * DAY)


def test_a_delivered_reward_that_is_revoked_gives_its_points_back() -> None:
    revoked = event(
        RewardRevoked, 5, (50, 0, 150, 0),
        **RULE, reward="five-off", reward_id=FIVE_OFF, reason="refunded",
    )  # fmt: skip
    view = projected(
        earned(1, 150, (150, 0, 150, 0)),
        reward_earned(2, (150, 0, 150, 0)),
        changed(story()[4], sequence=3),
        event(
            RewardDelivered, 4, (50, 0, 150, 0),
            reward="five-off", reward_id=FIVE_OFF, reference="pc_7",
        ),
        revoked,
        changed(story()[5], sequence=6),
    )  # fmt: skip

    row = view.rewards[FIVE_OFF]
    assert (row.state, row.reason, row.reference) == ("revoked", "refunded", "pc_7")
    assert view.lots[SITE, "c1", "1"].remaining == 150


def test_a_reward_that_failed_stays_failed_when_its_threshold_is_lost() -> None:
    name: dict[str, Any] = {"reward": "five-off", "reward_id": FIVE_OFF}
    view = projected(
        reward_earned(1, (0, 0, 0, 0), cost=0),
        event(RewardFailed, 2, (0, 0, 0, 0), **name, reason="no coupon"),
        event(RewardRevoked, 3, (0, 0, 0, 0), **RULE, **name, reason="refunded"),
    )

    assert (view.rewards[FIVE_OFF].state, view.rewards[FIVE_OFF].reason) == ("failed", "no coupon")


def test_a_closed_lot_that_gets_points_back_is_open_again() -> None:
    spent = event(PointsExpired, 2, (0, 0, 50, 0), points=50, lots=(took(1, 50),))
    view = projected(earned(1, 50, (50, 0, 50, 0)), spent)
    assert view.lots[SITE, "c1", "1"].closed_at is not None

    back = changed(story()[5], sequence=3, lots=(took(1, 50),), points=50)
    project(view, logged([back])[0])

    assert view.lots[SITE, "c1", "1"].closed_at is None


def test_a_credit_that_fills_a_deficit_leaves_only_the_rest_in_its_lot() -> None:
    reversal = event(
        PointsReversed, 1, (-30, 0, 0, 30), points=30, earned_by="payment:x:i", overdrawn=30
    )
    some = projected(reversal, earned(2, 50, (20, 0, 50, 0), absorbed=30))
    all_of_it = projected(reversal, earned(2, 30, (0, 0, 30, 0), absorbed=30))

    assert some.lots[SITE, "c1", "2"].remaining == 20
    assert all_of_it.lots[SITE, "c1", "2"].closed_at == NOON + 2 * DAY


def test_a_pending_lot_that_activates_into_a_deficit_keeps_the_rest() -> None:
    pending = earned(1, 50, (0, 50, 50, 0), available_at=NOON + 5 * DAY)
    reversal = event(
        PointsReversed, 2, (-30, 50, 20, 30), points=30, earned_by="payment:x:i", overdrawn=30
    )
    activated = event(PointsActivated, 3, (20, 0, 20, 0), lot="1", points=50, absorbed=30)
    view = projected(pending, reversal, activated)

    assert view.lots[SITE, "c1", "1"].remaining == 20
    assert net_change(activated) == 0


def test_a_lot_waits_for_its_activity_and_is_available_from_then_on() -> None:
    waiting = earned(
        1, 50, (0, 50, 50, 0), available_at=NOON + 30 * DAY, expires_at=None,
        activates_on="confirmed", promotional=True,
    )  # fmt: skip
    confirmed = event(PointsActivated, 2, (50, 0, 50, 0), lot="1", points=50)
    before = projected(waiting).lots[SITE, "c1", "1"]
    after = projected(waiting, confirmed).lots[SITE, "c1", "1"]

    assert (before.waits, before.promotional, before.available_at) == (True, True, NOON + 30 * DAY)
    assert (after.waits, after.promotional, after.available_at) == (False, True, NOON + 2 * DAY)
    assert after.expires_at is None


def test_points_forgiven_or_expired_before_are_not_taken_twice() -> None:
    reversal = event(
        PointsReversed,
        2,
        (0, 0, 0, 0),
        points=100,
        earned_by="payment:t1:i",
        lots=(took(1, 60),),
        forgiven=30,
        expired=10,
    )
    assert net_change(reversal) == -60


@pytest.mark.parametrize(
    ("reward", "state", "reference", "reason"),
    [(1, "failed", "", "no coupon"), (2, "delivered", "pc_7", ""), (3, "revoked", "", "refund")],
)
def test_a_reward_row_says_how_its_story_ended(
    reward: int, state: str, reference: str, reason: str
) -> None:
    view = projected(*story())

    row = view.rewards[ids.reward_id(SITE, "c1", "five-off", reward)]
    assert (row.state, row.reference, row.reason) == (state, reference, reason)
    assert row.changed_at > row.earned_at


def test_a_delivery_that_crosses_a_revocation_does_not_undo_it() -> None:
    zero = (0, 0, 0, 0)
    revoked = event(
        RewardRevoked,
        2,
        zero,
        program="spikes",
        program_version=3,
        reward="five-off",
        reward_id=FIVE_OFF,
        reason="refund",
    )
    delivered = event(
        RewardDelivered, 3, zero, reward="five-off", reward_id=FIVE_OFF, reference="pc_7"
    )
    row = projected(reward_earned(1, zero), revoked, delivered).rewards[FIVE_OFF]

    assert (row.state, row.reference, row.reason) == ("revoked", "pc_7", "refund")


def test_an_event_known_already_changes_nothing() -> None:
    view = projected(*story())
    before = copy.deepcopy((view.balances, view.lots, view.rewards, view.entries))
    view.changed_lots.clear()

    fresh = [project(view, each) for each in logged(story())]

    assert not any(fresh)
    assert (view.balances, view.lots, view.rewards, view.entries) == before
    assert view.changed_lots == set()


def test_a_gap_in_the_sequence_is_refused_with_both_numbers() -> None:
    view = projected(*story()[:2])

    with pytest.raises(SequenceGap, match=rf"{SITE}:c1 jumps from sequence 2 to 4"):
        project(view, logged(story()[3:4])[0])
    assert view.balances[ACCOUNT].sequence == 2


def test_an_account_that_does_not_begin_at_one_is_a_gap() -> None:
    with pytest.raises(SequenceGap, match="from sequence 0 to 2"):
        project(View(), logged(story()[1:2])[0])


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ([event(PointsActivated, 1, (9, 0, 9, 0), lot="7", points=9)], "lot 7 .* never opened"),
        (
            [
                earned(1, 5, (5, 0, 5, 0)),
                earned(2, 5, (10, 0, 10, 0), lot="1"),
            ],
            "opens lot 1 twice",
        ),
        (
            [reward_earned(1, (0, 0, 0, 0)), reward_earned(2, (0, 0, 0, 0))],
            f"{FIVE_OFF} is earned twice",
        ),
        (
            [event(RewardDelivered, 1, (0, 0, 0, 0), reward="five-off", reward_id=FIVE_OFF)],
            "never earned",
        ),
    ],
)
def test_an_event_about_what_never_was_breaks_the_log(
    events: list[AnyPointsEvent], complaint: str
) -> None:
    with pytest.raises(LogBroken, match=complaint):
        projected(*events)
