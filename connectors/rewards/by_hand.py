"""What a human may change about one reward's standing. PURE."""

from connectors.rewards.standing import Instant, Standing, State, move_to, settle


def go_on(standing: Standing, time: Instant) -> Standing:
    """A human wants it tried again: waiting ends, and the time for giving up starts anew."""
    since = None if standing.doubtful_since is None else time.wall
    return move_to(
        standing,
        standing.state,
        doubtful_since=since,
        absent_at=None,
        conflicts=0,
        tries=0,
        next_wall=time.wall,
        stuck="",
    )


def begin_again(standing: Standing, time: Instant) -> Standing:
    """What could not be taken back is tried once more, as if for the first time."""
    return move_to(
        standing,
        State.DUE,
        key_sent_at=None,
        key_sent_wall=None,
        refusal="",
        absent_at=None,
        conflicts=0,
        tries=0,
        next_wall=time.wall,
        settled_at=None,
        reason="",
    )


def resolve_delivered(standing: Standing, reference: str, time: Instant) -> Standing:
    """A human has found the effect."""
    return settle(standing, State.DELIVERED, time, reference=reference)


def resolve_failed(standing: Standing, reason: str, time: Instant) -> Standing:
    """A human has made sure that there is no effect and will be none."""
    return settle(standing, State.FAILED, time, reason=reason)


def give_up(standing: Standing, reason: str, time: Instant) -> Standing:
    """What was certainly not sent fails, and the account is told."""
    assert standing.state is State.DUE
    return settle(standing, State.FAILED, time, reason=reason)
