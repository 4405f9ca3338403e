"""Refunds undo what a payment earned, by its recorded provenance, never by today's rules. PURE.

After any number of partial refunds the points undone are round(earned × refunded ÷ paid), half up,
so they sum exactly. They come from the payment's own lots (a pending one is voided), then what of
them expired counts as undone, then other lots in debit order, then as `refunds.negative` says.
Rewards that are taken back give their cost back before, so that the refund finds it there.
"""

from typing import Final

from schemas import ids
from schemas.facts import PaymentRefunded, PaymentSucceeded
from schemas.points import FactIgnored, Money
from streams.account import payments, pulls, revocation, tiers, undoing
from streams.account.state import NEVER, Earning, ParkedRefund, Payment
from streams.account.turn import BY_REFUND, BY_TIME, Turn

MAX_PARKED: Final = 32
PARKED_SECONDS: Final = 90 * 86_400
"""How long after it occurred a refund waits for its payment."""


def record(turn: Turn, payment: PaymentSucceeded, *, first: bool) -> None:
    """Remember a payment with what it earned, and apply refunds that were waiting for it."""
    memory = turn.memory
    memory.recorded += 1
    paid = Payment(
        payment.transaction,
        payment.invoice,
        payment.occurred_at,
        payment.amount_minor,
        payment.currency,
        memory.recorded,
        first=first,
        earnings=turn.earnings,
        counted=tiers.is_counting(turn),
        pulls=turn.counted,
    )
    payments.remember(turn.account, paid, turn.now)
    if memory.parked:
        _apply_parked(turn, paid)


def refund(turn: Turn, fact: PaymentRefunded) -> None:
    """Undo a refund's share of the payments it names, or park it until its payment arrives.

    A chargeback or late failure undoes all that is left of the payment. What waits too long is
    given up.
    """
    left = fact.amount_minor if fact.reason == "refund" else None
    memory = turn.memory
    known = [place for place, each in payments.recall(memory) if _is_about(each, fact)]
    for place in known:
        left = _undo(turn, place, left)
        if left == 0:
            return
    if known and fact.invoice:
        return
    # A chargeback is about every invoice of the payment: those still to come are undone then.
    until = fact.occurred_at + PARKED_SECONDS
    found = bool(known) and left is None
    waiting = ParkedRefund(fact.payment_transaction, fact.invoice, left, until, found)
    if until > turn.now:
        _park(turn, waiting)
    elif not found:
        turn.note("refund_unmatched", _unmatched(waiting))


def give_up_unmatched(turn: Turn, at: int) -> None:
    """Let go of the refunds whose payment did not come in time, and say so."""
    waiting = []
    for each in turn.memory.parked:
        if each.until == NEVER or each.until > at:
            waiting.append(each)
        elif not each.found:
            _give_up(turn, each, BY_TIME, at)
    turn.memory.parked = tuple(waiting)


def _park(turn: Turn, refund: ParkedRefund) -> None:
    parked = (*turn.memory.parked, refund)
    crowded = len(parked) > MAX_PARKED
    if crowded:
        _give_up(turn, parked[0], BY_REFUND, turn.now)
    turn.memory.parked = parked[-MAX_PARKED:]
    if not refund.found:
        detail = "the payment it gives back is not known yet"
        turn.note("refund_parked", detail, loud=crowded)


def _give_up(turn: Turn, parked: ParkedRefund, trigger: str, at: int) -> None:
    turn.emit(
        FactIgnored(**turn.head(trigger, at), reason="refund_unmatched", detail=_unmatched(parked))
    )


def _unmatched(parked: ParkedRefund) -> str:
    """For people: what never came."""
    invoice = f", invoice {parked.invoice}" if parked.invoice else ""
    return f"a refund looked in vain for the payment {parked.transaction}{invoice}"


def _is_about(payment: Payment, fact: PaymentRefunded) -> bool:
    return payment.transaction == fact.payment_transaction and (
        not fact.invoice or payment.invoice == fact.invoice
    )


def _apply_parked(turn: Turn, payment: Payment) -> None:
    """Undo what was waiting for the payment just remembered."""
    place = len(turn.memory.payments) - 1
    waiting = []
    for each in turn.memory.parked:
        if NEVER != each.until <= turn.now:
            continue  # the rest of one whose payment was found: nobody was waiting to be told
        if each.transaction == payment.transaction and each.invoice in ("", payment.invoice):
            left = _undo(turn, place, each.amount_minor)
            if left != 0 and not each.invoice:
                each.amount_minor, each.found = left, each.found or left is None
                waiting.append(each)
        else:
            waiting.append(each)
    turn.memory.parked = tuple(waiting)


def _undo(turn: Turn, place: int, amount_minor: int | None) -> int | None:
    """Undo the share of a refund that fits a payment; returns what is left of the refund."""
    payment = payments.at(turn.memory, place)
    room = payment.amount_minor - payment.refunded_minor
    given_back = room if amount_minor is None else min(room, amount_minor)
    left = None if amount_minor is None else amount_minor - given_back
    if given_back <= 0:
        turn.note("already_refunded", "the whole payment was given back before")
        return left
    payment.refunded_minor += given_back
    payments.keep(turn.account, place, payment)
    points = sum(share for _, share in _shares(payment))
    loss = tiers.unwind(turn, payment, points, given_back)
    _revoke(turn, payment, points, loss)
    # Points that came back expired are noted at the payments that earned them, maybe at this one.
    payment = payments.at(turn.memory, place)
    shares = _shares(payment)
    if turn.trace is not None:
        turn.trace.refund(payment, given_back, shares)
    if shares:
        earned_by = ids.payment(payment.transaction, payment.invoice)
        base = Money(amount_minor=given_back, currency=payment.currency)
        undoing.reverse(turn, shares, earned_by=earned_by, trigger=BY_REFUND, base=base)
    else:
        turn.note("nothing_to_reverse", "the payment earned nothing that this refund undoes")
    _unwind(turn, payment, shares)
    payments.keep(turn.account, place, payment)
    if loss is not None:
        tiers.lose(turn, loss, BY_REFUND)
    return left


def _revoke(turn: Turn, payment: Payment, points: int, loss: tiers.Loss | None) -> None:
    """Rewards that rest on what this refund undoes."""
    if payment.refunded_minor >= payment.amount_minor:
        revocation.payment_undone(turn, ids.payment(payment.transaction, payment.invoice))
    if points:
        revocation.lifetime_falls(turn, turn.lifetime - points, BY_REFUND)
    if loss is not None:
        revocation.tier_lost(turn, loss.tiers, loss.level, BY_REFUND)


def _shares(payment: Payment) -> list[tuple[Earning, int]]:
    """How many points of each earning are to be undone now, so that the total is exact."""
    earnings = payment.earnings
    total = sum(each.points for each in earnings)
    refunded, paid = payment.refunded_minor, payment.amount_minor
    target = total if refunded >= paid else (2 * total * refunded + paid) // (2 * paid)
    need = target - sum(each.reversed for each in earnings)
    shares: dict[int, int] = {}
    for index, each in enumerate(earnings):
        share = min(need, max(0, each.points * refunded // paid - each.reversed))
        shares[index] = share
        need -= share
    for index, each in enumerate(earnings):
        extra = min(need, each.points - each.reversed - shares[index])
        shares[index] += extra
        need -= extra
    assert need <= 0, "a refund never undoes more than was earned"
    return [(earnings[index], share) for index, share in shares.items() if share > 0]


def _unwind(turn: Turn, payment: Payment, shares: list[tuple[Earning, int]]) -> None:
    """What the payment counted towards: the first payment, pulls, caps and limits."""
    if payment.refunded_minor >= payment.amount_minor:
        pulls.uncount(turn.memory, payment.pulls)
        payment.pulls = {}
        if payment.first:
            turn.memory.paid = payment.first = False
    undoing.uncount(turn, shares, payment.at)
