"""Refunds: after any of them, what is undone of a payment is its exact share, found by summing.

The points come from the payment's own lots, then from what of them had expired, then from other
lots, then as the program says.
"""

from collections import Counter
from fractions import Fraction
from math import floor

from schemas.facts import PaymentRefunded
from tests.oracle import tiers
from tests.oracle.book import Gift, Move, Payment, Waiting
from tests.oracle.step import Step


def refund(step: Step, standing: tiers.Standing, fact: PaymentRefunded) -> None:
    """A chargeback or late failure is about all that is left of the payment, on every invoice."""
    left = fact.amount_minor if fact.reason == "refund" else None
    asked = Waiting(fact.payment_transaction, fact.invoice, left)
    known = [each for each in step.book.payments if is_about(asked, each)]
    for payment in known:
        left = give_back(step, standing, payment, left)
        if left == 0:
            return
    if not (known and fact.invoice):
        step.book.waiting.append(Waiting(fact.payment_transaction, fact.invoice, left))


def is_about(asked: Waiting, payment: Payment) -> bool:
    return asked.transaction == payment.fact.transaction and (
        asked.invoice in ("", payment.fact.invoice)
    )


def apply_waiting(step: Step, standing: tiers.Standing, payment: Payment) -> None:
    """Refunds that came before their payment."""
    for asked in list(step.book.waiting):
        if is_about(asked, payment):
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
        points = reverse(step, payment)
        count_off(step, standing, payment, points=points, money=amount)
    return None if asked is None else asked - amount


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


def reverse(step: Step, payment: Payment) -> int:
    book, policy = step.book, step.program.refunds.negative
    taken: Counter[int] = Counter()
    missing = lapsed = 0
    parts = shares(payment)
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
            earned_by=payment.fact.id,
            lots=dict(taken),
            overdrawn=overdrawn,
            forgiven=missing - overdrawn,
            expired=lapsed,
        )
    return points


def count_off(
    step: Step, standing: tiers.Standing, payment: Payment, *, points: int, money: int
) -> None:
    """Limits and caps walk the gifts; the first payment and the tier have to be told."""
    if payment.room == 0:
        payment.first = False
    program = step.program.tiers
    if program is None:
        return
    if program.basis == "points_earned":
        tiers.undo(step, standing, payment.fact.id, points)
    elif program.currency == payment.fact.currency:
        tiers.undo(step, standing, payment.fact.id, money)
