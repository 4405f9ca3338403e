"""The life of one reward as a state machine: the next step, and what its answer means. PURE.

Two clocks meet here. `now` is the engine's time, by which the gateway forgets keys; `wall` is real
time, by which calls are spaced and given up. A key counts as living only if both say so.
"""

from dataclasses import replace
from enum import StrEnum
from hashlib import sha256
from typing import assert_never

from connectors.rewards.gateway import (
    Absent,
    Conflict,
    Done,
    Found,
    NotExecuted,
    Outcome,
    ReadBack,
    Refused,
    Unknown,
    Unreadable,
)
from connectors.rewards.policy import Policy
from connectors.rewards.standing import Instant, Standing, State, move_to, settle

UNCERTAIN_WAIT_SECONDS_MAX = 60.0


class Move(StrEnum):
    """The next step. PREPARE decides a call and gets a new key; RESEND repeats the stored one."""

    PREPARE = "prepare"
    RESEND = "resend"
    READ_BACK = "read_back"
    REST = "rest"


def idempotency_key(reward_id: str, epoch: int) -> str:
    """At most 100 characters, whatever the reward id."""
    digest = sha256(f"{reward_id}\n{epoch}".encode()).hexdigest()[:48]
    return f"cactus-{digest}-{epoch}"


def next_move(standing: Standing, policy: Policy, time: Instant) -> Move:
    """What to do with a reward that is due for a step. An attempt found open was lost: `take_over`
    it first.
    """
    match standing.state:
        case State.DELIVERED | State.FAILED | State.CANCELLED:
            return Move.REST
        case State.ATTEMPTING:
            raise AssertionError("an open attempt must be taken over before the next move")
        case State.DUE:
            return Move.RESEND if _key_lives(standing, policy, time) else Move.PREPARE
        case State.UNKNOWN:
            if standing.stuck:
                return Move.REST
            if _key_lives(standing, policy, time) and not standing.refusal:
                return Move.RESEND
            return Move.READ_BACK
        case _:
            assert_never(standing.state)


def take_over(standing: Standing, time: Instant) -> Standing:
    """The one who made the attempt is gone: it may have had its effect."""
    assert standing.state is State.ATTEMPTING
    return _doubt(standing, time, "the rewarder stopped during the attempt")


def begin(standing: Standing, move: Move, time: Instant) -> Standing:
    """The attempt, as it must be stored before the call is made."""
    attempting = move_to(standing, State.ATTEMPTING, tries=standing.tries + 1)
    if standing.first_attempt_at is None:
        attempting = replace(attempting, first_attempt_at=time.now)
    if move is Move.RESEND:
        return attempting
    assert move is Move.PREPARE
    assert standing.doubtful_since is None  # a new key while in doubt could give twice
    return replace(
        attempting, epoch=standing.epoch + 1, key_sent_at=time.now, key_sent_wall=time.wall
    )


def refuse_before_sending(standing: Standing, refused: Refused, time: Instant) -> Standing:
    assert standing.doubtful_since is None
    return settle(standing, State.FAILED, time, reason=refused.reason)


def nothing_left(standing: Standing, done: Done, time: Instant) -> Standing:
    """There is nothing to take back any more, and nothing was sent."""
    assert standing.doubtful_since is None
    return settle(standing, State.DELIVERED, time, reference=done.reference, reason=done.short)


def cancel(standing: Standing, reason: str, time: Instant) -> Standing:
    """What was certainly not sent need not be."""
    return settle(standing, State.CANCELLED, time, reason=reason)


def hold(standing: Standing, reason: str) -> Standing:
    """Nothing more is tried until a human has decided what this waits for."""
    return move_to(standing, standing.state, stuck=reason)


def postpone(standing: Standing, answer: NotExecuted | Unreadable, time: Instant) -> Standing:
    """Nothing was sent; the same step comes again, unless its time is up."""
    if isinstance(answer, NotExecuted) and answer.until is not None and time.now >= answer.until:
        return settle(standing, State.FAILED, time, reason=f"{answer.reason}; none came in time")
    return move_to(
        standing, standing.state, next_wall=time.wall + answer.retry_after, reason=answer.reason
    )


def after_call(standing: Standing, outcome: Outcome, policy: Policy, time: Instant) -> Standing:
    assert standing.state is State.ATTEMPTING
    match outcome:
        case Done(reference, handed, short):
            return settle(
                standing, State.DELIVERED, time, reference=reference, handed=handed, reason=short
            )
        case Refused(reason):
            if standing.doubtful_since is None:
                return settle(standing, State.FAILED, time, reason=reason)
            # An earlier attempt may have got through before the refusal: look before failing it.
            return replace(_doubt(standing, time, reason), refusal=reason, next_wall=time.wall)
        case NotExecuted(reason, retry_after, anew):
            if anew:
                # Without its key, what is in doubt is read back, and what is not is prepared.
                standing = replace(standing, key_sent_at=None, key_sent_wall=None)
            return _after_no_execution(standing, reason, retry_after, policy, time)
        case Unknown(reason):
            return _on_schedule(_doubt(standing, time, reason), 0.0, policy, time)
        case _:
            assert_never(outcome)


def _after_no_execution(
    standing: Standing, reason: str, retry_after: float, policy: Policy, time: Instant
) -> Standing:
    if standing.doubtful_since is not None:
        # This attempt did nothing, but an earlier one may have.
        doubtful = replace(_doubt(standing, time, reason), next_wall=time.wall + retry_after)
        return _on_schedule(doubtful, retry_after, policy, time)
    if policy.retry_waits and standing.tries > len(policy.retry_waits):
        gave_up = f"given up after {standing.tries} tries: {reason}"
        return settle(standing, State.FAILED, time, reason=gave_up)
    due = move_to(standing, State.DUE, reason=reason, next_wall=time.wall + retry_after)
    return _on_schedule(due, retry_after, policy, time)


def _on_schedule(standing: Standing, retry_after: float, policy: Policy, time: Instant) -> Standing:
    """The next try by the kind's schedule, where it has one."""
    waits = policy.retry_waits
    if not waits:
        return standing
    if standing.tries > len(waits):
        return replace(standing, stuck=f"given up after {standing.tries} tries: {standing.reason}")
    wait = max(retry_after, waits[standing.tries - 1])
    return replace(standing, next_wall=time.wall + wait)


def after_read_back(
    standing: Standing, reading: ReadBack, policy: Policy, time: Instant
) -> Standing:
    assert standing.state is State.UNKNOWN
    match reading:
        case Found(reference, handed, short):
            return settle(
                standing, State.DELIVERED, time, reference=reference, handed=handed, reason=short
            )
        case Unreadable():
            return _give_up_when_old(postpone(standing, reading, time), policy, time)
        case Conflict(reason):
            return _after_conflict(standing, reason, policy, time)
        case Absent():
            return _after_absence(standing, policy, time)
        case _:
            assert_never(reading)


def _after_conflict(standing: Standing, reason: str, policy: Policy, time: Instant) -> Standing:
    conflicts = standing.conflicts + 1
    stuck = reason if conflicts >= policy.conflicts_max else ""
    wait = time.wall + policy.absent_apart_seconds
    kept = move_to(
        standing, State.UNKNOWN, conflicts=conflicts, reason=reason, stuck=stuck, next_wall=wait
    )
    return _give_up_when_old(kept, policy, time)


def _after_absence(standing: Standing, policy: Policy, time: Instant) -> Standing:
    if _is_old(standing, policy, time):
        return _give_up_when_old(standing, policy, time)
    first = standing.absent_at
    if first is None:
        wait = time.wall + policy.absent_apart_seconds
        return move_to(standing, State.UNKNOWN, absent_at=time.wall, next_wall=wait)
    if time.wall - first < policy.absent_apart_seconds:
        return move_to(standing, State.UNKNOWN, next_wall=first + policy.absent_apart_seconds)
    if standing.refusal:
        return settle(standing, State.FAILED, time, reason=standing.refusal)
    return move_to(
        standing,
        State.DUE,
        key_sent_at=None,
        key_sent_wall=None,
        doubtful_since=None,
        absent_at=None,
        tries=0,
        next_wall=time.wall,
    )


def _key_lives(standing: Standing, policy: Policy, time: Instant) -> bool:
    if standing.key_sent_at is None or standing.key_sent_wall is None:
        return False
    # A clock set back tells nothing about the key's age: then it counts as dead.
    by_engine = 0 <= time.now - standing.key_sent_at < policy.key_life_seconds
    return by_engine and 0 <= time.wall - standing.key_sent_wall < policy.key_life_seconds


def _is_old(standing: Standing, policy: Policy, time: Instant) -> bool:
    since = standing.doubtful_since
    return since is not None and time.wall - since >= policy.give_up_seconds


def _give_up_when_old(standing: Standing, policy: Policy, time: Instant) -> Standing:
    if standing.stuck or not _is_old(standing, policy, time):
        return standing
    hours = policy.give_up_seconds / 3600
    return move_to(
        standing,
        State.UNKNOWN,
        stuck=f"not settled after {hours:g} h: {standing.reason or 'absent at the gateway'}",
    )


def _doubt(standing: Standing, time: Instant, reason: str) -> Standing:
    since = time.wall if standing.doubtful_since is None else standing.doubtful_since
    # min before the power: a reward can be tried for ever, an exponent cannot grow for ever.
    wait = min(UNCERTAIN_WAIT_SECONDS_MAX, 2.0 ** min(standing.tries, 10) / 2)
    return move_to(
        standing,
        State.UNKNOWN,
        doubtful_since=since,
        absent_at=None,
        next_wall=time.wall + wait,
        reason=reason,
    )
