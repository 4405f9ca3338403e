"""One firing of a reward: what it is told with, what it costs, how it is taken back. PURE."""

from schemas import ids, points
from schemas.points import (
    LotChange,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsRedeemed,
    PointsRestored,
)
from streams.account import limits, lots, payments, subscriptions
from streams.account.compiled import CompiledReward
from streams.account.evolve import ON_LIFETIME, ON_TIER
from streams.account.state import Counter, OpenReward
from streams.account.turn import BY_FACT, BY_REQUEST, Turn


def earn(
    turn: Turn, reward: CompiledReward, trigger: str, *, at: int | None = None, request: str = ""
) -> str:
    """Fire a reward; returns its id. Its cost is another step. `at` is the instant for which its
    limit counts it, where that is not now.
    """
    program = turn.program
    assert program is not None
    reward_id = turn.reward_id(reward.id, turn.next_ordinal(reward.id))
    subscription, currency = landing(turn, reward)
    waits_for = reward.waits_for
    turn.emit(
        points.RewardEarned(
            site=turn.site,
            customer=turn.customer,
            sequence=turn.sequence + 1,
            cause=turn.cause(trigger),
            occurred_at=turn.now,
            balance=turn.balance,
            pending=turn.pending,
            lifetime=turn.lifetime,
            deficit=turn.deficit,
            program=program.id,
            program_version=program.version,
            reward=reward.id,
            reward_id=reward_id,
            grant=reward.grant,
            cost=reward.cost,
            subscription=subscription,
            currency=currency,
            request=request,
            rests_on=_rests_on(turn, reward) if reward.revocable else "",
            counted_at=None if at == turn.now else at,
            lands_on=reward.lands_on,
            wait_until=None if waits_for is None else program.later(turn.now, waits_for),
            allowance=reward.allowance,
        )
    )
    return reward_id


def pay(turn: Turn, reward: CompiledReward, reward_id: str) -> None:
    """Take the cost from the lots, in debit order."""
    taken: dict[int, int] = {}
    missing = lots.plan(turn.ledger.lots, reward.cost, taken, active=True)
    assert missing == 0 or turn.granted, "a reward never costs more than the balance"
    if missing:
        _owe(turn, missing)
    turn.balance -= reward.cost - missing
    turn.emit(
        PointsRedeemed(
            site=turn.site,
            customer=turn.customer,
            sequence=turn.sequence + 1,
            cause=turn.cause(BY_FACT),
            occurred_at=turn.now,
            balance=turn.balance,
            pending=turn.pending,
            lifetime=turn.lifetime,
            deficit=turn.deficit,
            points=reward.cost - missing,
            reward=reward.id,
            reward_id=reward_id,
            lots=lots.changes_of(taken),
        )
    )


def _owe(turn: Turn, points: int) -> None:
    """What was granted stands, although the points were not there in the order of the facts."""
    turn.balance -= points
    turn.deficit += points
    head = turn.head(BY_REQUEST, turn.now)
    turn.emit(PointsAdjusted(**head, points=-points, actor="", reason="", overdrawn=points))


def limit_refusal(turn: Turn, reward: CompiledReward, at: int) -> str | None:
    """Why the reward's limit does not allow one more at this instant, None if it does."""
    program = turn.program
    assert program is not None
    if reward.limit is None:
        return None
    counter = _counter(turn, reward.id)
    refused = limits.refusal(reward.limit, counter, at, program)
    if turn.trace is not None:
        turn.trace.limit(reward.id, reward.limit, counter, at, program, refused=refused)
    return refused


def count(turn: Turn, reward: CompiledReward, at: int) -> None:
    program = turn.program
    assert program is not None
    if reward.limit is not None:
        limits.count(reward.limit, _counter(turn, reward.id), at, program)


def uncount(turn: Turn, undone: OpenReward) -> None:
    """A reward that came to nothing may be had once more."""
    program = turn.program
    reward = program.reward_by_id.get(undone.reward) if program is not None else None
    if program is not None and reward is not None and reward.limit is not None:
        limits.uncount(reward.limit, _counter(turn, reward.id), undone.at, program)


def revoke(turn: Turn, reward: OpenReward, reason: str, trigger: str) -> None:
    """Take a reward back and give back what it cost."""
    program = turn.program
    reward_id = turn.reward_id(reward.reward, reward.ordinal)
    turn.emit(
        points.RewardRevoked(
            **turn.head(trigger, turn.now),
            program=program.id if program else "",
            program_version=program.version if program else 0,
            reward=reward.reward,
            reward_id=reward_id,
            reason=reason,
        )
    )
    uncount(turn, reward)
    give_back(turn, reward, trigger)


def give_back(turn: Turn, reward: OpenReward, trigger: str) -> None:
    """Back to the same lots with the same dates: the deficit first, and expired stays expired."""
    if not reward.taken:
        return
    changes: list[LotChange] = []
    expired: dict[int, int] = {}
    absorbed = 0
    for piece in reward.taken:
        lot = lots.find(turn.ledger.lots, piece.id)
        expires_at = piece.expires_at if lot is None else lot.expires_at
        if expires_at and expires_at <= turn.now:
            expired[piece.id] = expired.get(piece.id, 0) + piece.points
            continue
        fills = min(piece.points, turn.deficit - absorbed)
        absorbed += fills
        if piece.points > fills:
            changes.append(LotChange(lot=ids.lot_text(piece.id), points=piece.points - fills))
    total = sum(piece.points for piece in reward.taken)
    gone = sum(expired.values())
    if expired:
        payments.note_expired(turn.account, expired)
    turn.balance += total - gone
    turn.deficit -= absorbed
    turn.emit(
        PointsRestored(
            **turn.head(trigger, turn.now),
            points=total,
            reward=reward.reward,
            reward_id=turn.reward_id(reward.reward, reward.ordinal),
            lots=tuple(changes),
            expired=gone,
            absorbed=absorbed,
        )
    )


def _counter(turn: Turn, reward: str) -> Counter:
    """What a reward's limit counts. The mark keeps it apart from a rule with the same id."""
    return turn.counter(f"!{reward}")


def _rests_on(turn: Turn, reward: CompiledReward) -> str:
    """What takes the reward away when it is undone, nothing where no refund can."""
    if reward.by_lifetime:
        return f"{ON_LIFETIME}{reward.threshold}"
    if reward.tier is not None:
        return f"{ON_TIER}{reward.tier}"
    if turn.payment is not None:
        return ids.payment(turn.payment.transaction, turn.payment.invoice)
    return _payment_activated(turn)


def _payment_activated(turn: Turn) -> str:
    """The payment whose points became spendable last, where nothing was credited since."""
    for event in reversed(turn.events):
        if isinstance(event, PointsActivated):
            return payments.that_opened(turn.memory, ids.lot_number(event.lot))
        if isinstance(event, PointsEarned | PointsAdjusted):
            return ""
    return ""


def landing(turn: Turn, reward: CompiledReward) -> tuple[str, str]:
    """The subscription where a reward lands, and its currency: the fact's where that is meant and
    not cancelled, else the one that is meant of those that are not.
    """
    seen = turn.subscription
    if seen is not None and seen.status == "cancelled":
        seen = None
    if seen is not None and reward.lands_on == "fact":
        return seen.id, seen.currency
    turn.recalled = True
    chosen = subscriptions.meant(
        turn.memory, reward.lands_on, seen.currency if seen is not None else ""
    )
    if chosen is not None:
        return chosen.id, chosen.currency
    return "", turn.payment.currency if turn.payment is not None else ""
