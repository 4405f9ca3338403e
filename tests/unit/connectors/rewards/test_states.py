from dataclasses import replace

import pytest

from connectors.rewards import by_hand, states
from connectors.rewards.gateway import (
    Absent,
    Conflict,
    Done,
    Found,
    NotExecuted,
    Refused,
    Unknown,
    Unreadable,
)
from connectors.rewards.policy import Policy
from connectors.rewards.standing import Instant, Standing, State
from connectors.rewards.states import Move

POLICY = Policy()


def at(seconds: float, *, engine: int | None = None) -> Instant:
    return Instant(now=10_000 + (int(seconds) if engine is None else engine), wall=seconds)


def attempting(seconds: float = 0) -> Standing:
    return states.begin(Standing(), Move.PREPARE, at(seconds))


def unknown(seconds: float = 0) -> Standing:
    return states.after_call(attempting(seconds), Unknown("timed out"), POLICY, at(seconds))


def test_a_new_reward_is_prepared_and_gets_its_first_key() -> None:
    assert states.next_move(Standing(), POLICY, at(0)) is Move.PREPARE
    begun = attempting()
    assert (begun.state, begun.epoch, begun.first_attempt_at) == (State.ATTEMPTING, 1, 10_000)


def test_success_delivers_with_the_gateways_reference() -> None:
    done = states.after_call(attempting(), Done("pc_1"), POLICY, at(1))
    assert (done.state, done.reference, done.settled_at) == (State.DELIVERED, "pc_1", 10_001)


def test_a_refusal_of_the_only_attempt_fails_the_reward() -> None:
    failed = states.after_call(attempting(), Refused("no such customer"), POLICY, at(1))
    assert (failed.state, failed.reason) == (State.FAILED, "no such customer")


def test_what_was_certainly_not_executed_is_due_again_after_its_wait() -> None:
    again = states.after_call(attempting(), NotExecuted("busy", 30), POLICY, at(1))
    assert (again.state, again.next_wall, again.doubtful_since) == (State.DUE, 31, None)
    assert states.next_move(again, POLICY, at(31)) is Move.RESEND


def test_an_unknown_outcome_is_sent_again_with_the_same_key_while_it_lives() -> None:
    doubted = unknown()
    assert states.next_move(doubted, POLICY, at(24 * 60)) is Move.RESEND
    assert states.begin(doubted, Move.RESEND, at(24 * 60)).epoch == 1


@pytest.mark.parametrize("when", [at(25 * 60), at(5, engine=25 * 60), at(5, engine=-1)])
def test_a_key_that_is_old_by_either_clock_is_never_used_again(when: Instant) -> None:
    assert states.next_move(unknown(), POLICY, when) is Move.READ_BACK


def test_a_throttled_repeat_does_not_forget_the_doubt_of_the_first_attempt() -> None:
    repeat = states.begin(unknown(), Move.RESEND, at(10))
    throttled = states.after_call(repeat, NotExecuted("busy", 60), POLICY, at(11))
    assert (throttled.state, throttled.doubtful_since) == (State.UNKNOWN, 0)
    assert states.next_move(throttled, POLICY, at(26 * 60)) is Move.READ_BACK


def test_a_refused_repeat_is_looked_into_before_it_fails() -> None:
    repeat = states.begin(unknown(), Move.RESEND, at(10))
    refused = states.after_call(repeat, Refused("customer deleted"), POLICY, at(11))
    assert refused.state is State.UNKNOWN
    assert states.next_move(refused, POLICY, at(11)) is Move.READ_BACK
    once = states.after_read_back(refused, Absent(), POLICY, at(11))
    twice = states.after_read_back(once, Absent(), POLICY, at(71))
    assert (twice.state, twice.reason) == (State.FAILED, "customer deleted")


def test_a_lost_attempt_is_taken_over_as_unknown() -> None:
    lost = states.take_over(attempting(), at(500))
    assert (lost.state, lost.doubtful_since) == (State.UNKNOWN, 500)


def test_a_reference_found_delivers() -> None:
    found = states.after_read_back(unknown(), Found("pc_9"), POLICY, at(1600))
    assert (found.state, found.reference) == (State.DELIVERED, "pc_9")


def test_absent_once_waits_and_absent_twice_far_enough_apart_gets_a_new_key() -> None:
    once = states.after_read_back(unknown(), Absent(), POLICY, at(1600))
    assert (once.state, once.next_wall) == (State.UNKNOWN, 1660)
    early = states.after_read_back(once, Absent(), POLICY, at(1630))
    assert (early.state, early.next_wall) == (State.UNKNOWN, 1660)
    twice = states.after_read_back(early, Absent(), POLICY, at(1660))
    assert twice.state is State.DUE
    assert states.next_move(twice, POLICY, at(1660)) is Move.PREPARE
    assert states.begin(twice, Move.PREPARE, at(1660)).epoch == 2


def test_a_reading_that_failed_proves_nothing() -> None:
    unread = states.after_read_back(unknown(), Unreadable("down", 9), POLICY, at(1600))
    assert (unread.state, unread.absent_at, unread.next_wall) == (State.UNKNOWN, None, 1609)


def test_three_conflicting_readings_wait_for_a_human() -> None:
    standing = unknown()
    for seconds in (1600, 1700, 1800):
        assert standing.stuck == ""
        standing = states.after_read_back(standing, Conflict("given twice"), POLICY, at(seconds))
    assert (standing.state, standing.stuck) == (State.UNKNOWN, "given twice")
    assert states.next_move(standing, POLICY, at(9999)) is Move.REST


def test_an_unknown_outcome_is_never_sent_again_after_a_day() -> None:
    late = at(24 * 3600 + 1)
    once = states.after_read_back(unknown(), Absent(), POLICY, late)
    assert (once.state, once.stuck != "") == (State.UNKNOWN, True)


def test_even_after_a_day_a_reference_found_delivers() -> None:
    late = at(24 * 3600 + 1)
    assert states.after_read_back(unknown(), Found("pc_1"), POLICY, late).state is State.DELIVERED


def test_no_edge_but_the_legal_ones_can_be_taken() -> None:
    delivered = states.after_call(attempting(), Done("pc_1"), POLICY, at(1))
    with pytest.raises(AssertionError):
        states.begin(delivered, Move.RESEND, at(2))
    with pytest.raises(AssertionError):
        states.begin(unknown(), Move.PREPARE, at(2))
    with pytest.raises(AssertionError):
        states.after_call(replace(unknown()), Done("pc_1"), POLICY, at(2))


def test_keys_fit_chargebee_and_differ_by_reward_and_epoch() -> None:
    keys = {
        states.idempotency_key(reward, epoch) for reward in ("a", "b" * 900) for epoch in (1, 2)
    }
    assert len(keys) == 4
    assert all(len(key) <= 100 for key in keys)
    assert states.idempotency_key("a", 1) == states.idempotency_key("a", 1)


def test_what_has_become_wrong_is_decided_anew_with_a_new_key() -> None:
    again = states.after_call(attempting(), NotExecuted("changed", 0, anew=True), POLICY, at(1))
    assert states.next_move(again, POLICY, at(1)) is Move.PREPARE
    assert states.begin(again, Move.PREPARE, at(1)).epoch == 2


def test_what_has_become_wrong_while_in_doubt_is_read_back_first() -> None:
    repeat = states.begin(unknown(), Move.RESEND, at(10))
    again = states.after_call(repeat, NotExecuted("changed", 0, anew=True), POLICY, at(11))
    assert again.state is State.UNKNOWN
    assert states.next_move(again, POLICY, at(11)) is Move.READ_BACK


def test_what_could_be_done_only_in_part_says_so() -> None:
    done = states.after_call(attempting(), Done("pd_1", short="2 of 5"), POLICY, at(1))
    assert (done.state, done.reason) == (State.DELIVERED, "2 of 5")
    found = states.after_read_back(unknown(), Found("pd_1", short="2 of 5"), POLICY, at(1))
    assert (found.state, found.reason) == (State.DELIVERED, "2 of 5")


def test_where_nothing_is_left_to_take_back_nothing_is_sent() -> None:
    done = states.nothing_left(Standing(), Done("sub_1:five"), at(3))
    assert (done.state, done.reference, done.first_attempt_at) == (
        State.DELIVERED,
        "sub_1:five",
        None,
    )


@pytest.mark.parametrize("standing", [attempting(), unknown()])
def test_what_may_have_been_sent_cannot_be_cancelled(standing: Standing) -> None:
    with pytest.raises(AssertionError, match="no legal edge"):
        states.cancel(standing, "revoked", at(1))


def test_a_human_lets_it_go_on_and_the_doubt_stays() -> None:
    stuck = replace(unknown(), stuck="given three times", conflicts=3, tries=9, absent_at=1.0)
    on = by_hand.go_on(stuck, at(90_000))
    assert (on.state, on.stuck, on.conflicts, on.tries, on.absent_at) == (
        State.UNKNOWN,
        "",
        0,
        0,
        None,
    )
    assert states.next_move(on, POLICY, at(90_000)) is Move.READ_BACK
    assert states.after_read_back(on, Absent(), POLICY, at(90_001)).stuck == ""


def test_what_could_not_be_taken_back_begins_again_with_a_new_key() -> None:
    failed = states.after_call(attempting(), Refused("spent"), POLICY, at(1))
    again = by_hand.begin_again(failed, at(5))
    assert (again.state, again.settled_at, again.reason) == (State.DUE, None, "")
    assert states.begin(again, Move.PREPARE, at(5)).epoch == 2
