"""Refunds: after any of them, what is undone of a payment is its exact share, found by summing.

The points come from the payment's own lots, then from what of them had expired, then from other
lots, then as the program says.
"""

from collections import Counter
from fractions import Fraction
from math import floor

from schemas.facts import PaymentRefunded
from tests.oracle import pulls, rewards, tiers
from tests.oracle.book import Gift, Move, Payment, Waiting
from tests.oracle.step import Step

WAITS_SECONDS = 90 * 86_400
"""So long a refund waits for its payment."""


def refund(step: Step, standing: tiers.Standing, fact: PaymentRefunded) -> None:
    """A chargeback or late failure is about all that is left of the payment, on every invoice."""
    left = fact.amount_minor if fact.reason == "refund" else None
    until = step.at + WAITS_SECONDS
    asked = Waiting(fact.payment_transaction, fact.invoice, left, until)
    known = [each for each in step.book.payments if is_about(asked, each)]
    for payment in known:
        left = give_back(step, standing, payment, left)
        if left == 0:
            return
    if not (known and fact.invoice):
        asked.amount_minor = left
        step.book.waiting.append(asked)


def is_about(asked: Waiting, payment: Payment) -> bool:
    return asked.transaction == payment.fact.transaction and (
        asked.invoice in ("", payment.fact.invoice)
    )


def apply_waiting(step: Step, standing: tiers.Standing, payment: Payment) -> None:
    """Refunds that came before their payment."""
    for asked in list(step.book.waiting):
        if is_about(asked, payment) and asked.until > step.at:
            asked.amount_minor = give_back(step, standing, payment, asked.amount_minor)
            if asked.invoice or asked.amount_minor == 0:
                step.book.waiting.remove(asked)


def give_back(
    step: Step, standing: tiers.Standing, payment: Payment, asked: int | None
) -> int | None:
    """Money of one payment goes back; returns what is left of the refund."""
    amount = payment.room if asked is None else min(payment.room, asked)
    if amount > 0:
        payment.given_back.append(amount)
        undo(step, standing, payment, amount)
    return None if asked is None else asked - amount


def undo(step: Step, standing: tiers.Standing, payment: Payment, money: int) -> None:
    """Rewards that rest on it give their cost back first, so that the refund finds it there.

    Limits and caps walk the gifts; the first payment, pulls and the tier have to be told.
    """
    book, program, key = step.book, step.program.tiers, payment.fact.id
    points = sum(share for _, share in shares(payment))
    loss = None
    if program and program.basis == "points_earned":
        loss = tiers.undo(step, standing, key, points)
    elif program and program.currency == payment.fact.currency:
        loss = tiers.undo(step, standing, key, money)
    if payment.room == 0:
        rewards.undo_payment(step, key)
    if points:
        rewards.undo_lifetime(step, book.lifetime - points)
    rewards.undo_tiers(step, tiers.lost_by(step, loss))
    reverse(step, shares(payment), key)
    if payment.room == 0:
        payment.first = False
        pulls.uncount(book, key)
    tiers.lose(step, standing, loss)


def shares(payment: Payment) -> list[tuple[Gift, int]]:
    """What is to be undone now of each gift: half up in all, each lot in proportion.

    What the proportions leave over comes from the first gifts that have something.
    """
    part = Fraction(sum(payment.given_back), payment.fact.amount_minor)
    due = floor(part * sum(gift.points for gift in payment.gifts) + Fraction(1, 2))
    due -= sum(gift.undone for gift in payment.gifts)
    found = []
    for gift in payment.gifts:
        share = min(due, max(0, floor(part * gift.points) - gift.undone))
        due -= share
        found.append(share)
    for index, gift in enumerate(payment.gifts):
        more = min(due, gift.points - gift.undone - found[index])
        due -= more
        found[index] += more
    return [pair for pair in zip(payment.gifts, found, strict=True) if pair[1] > 0]


def reverse(step: Step, parts: list[tuple[Gift, int]], earned_by: str) -> None:
    """Undo so many points of each gift of a fact."""
    book, policy = step.book, step.program.refunds.negative
    taken: Counter[int] = Counter()
    missing = lapsed = 0
    for gift, share in parts:
        lot = book.lot(gift.lot)
        assert lot is not None
        own = min(share, book.left(lot))
        if own:
            book.moves.append(Move(lot.id, -own, "reversed"))
            taken[lot.id] += own
        gone = min(share - own, book.expired_of(lot.id) - gift.lapsed)
        gift.lapsed += gone
        gift.undone += share
        lapsed += gone
        missing += share - own - gone
    for active in (True, False) if policy == "pending_first" else (True,):
        others = book.debit(missing, "reversed", active=active)
        missing -= sum(others.values())
        taken.update(others)
    overdrawn = 0 if policy == "clamp" else missing
    if overdrawn:
        book.owed.append(overdrawn)
    points = sum(share for _, share in parts)
    if points:
        book.tell(
            "PointsReversed",
            step.at,
            points=points,
            earned_by=earned_by,
            lots=dict(taken),
            overdrawn=overdrawn,
            forgiven=missing - overdrawn,
            expired=lapsed,
        )


def claw_back(step: Step, standing: tiers.Standing, subscription: str) -> None:
    """A subscription is worth less, or ended: what its recent upgrades gave is undone."""
    book = step.book
    due = [
        gift
        for gift in book.gifts
        if gift.subscription == subscription and gift.at <= step.at < gift.clawed_until
    ]
    for fact in dict.fromkeys(gift.fact for gift in due):
        gifts = [gift for gift in due if gift.fact == fact]
        for gift in gifts:
            gift.clawed_until = 0
        points = sum(gift.points for gift in gifts)
        program, loss = step.program.tiers, None
        if program and program.basis == "points_earned":
            loss = tiers.undo(step, standing, fact, points)
        rewards.undo_lifetime(step, book.lifetime - points)
        rewards.undo_tiers(step, tiers.lost_by(step, loss))
        reverse(step, [(gift, gift.points) for gift in gifts], fact)
        pulls.uncount(book, fact, {gift.rule for gift in gifts})
        tiers.lose(step, standing, loss)
