"""Refunds undo what a payment earned, by its recorded provenance, never by today's rules. PURE.

After any number of partial refunds the points undone are round(earned × refunded ÷ paid), half up,
so they sum exactly. They come from the payment's own lots (a pending one is voided), then what of
them expired counts as undone, then other lots in debit order, then as `refunds.negative` says.
"""

from schemas.facts import PaymentRefunded, PaymentSucceeded
from schemas.points import Money, PointsReversed
from streams.account import limits, lots, payments, tiers
from streams.account.state import Earning, ParkedRefund, Payment
from streams.account.turn import BY_REFUND, Turn

MAX_PARKED = 32


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
        counted=tiers.counts_money(turn, payment.currency),
    )
    if memory.parked:
        _apply_parked(turn, paid)
    payments.remember(memory, paid, turn.now)


def refund(turn: Turn, fact: PaymentRefunded) -> None:
    """Undo a refund's share of the payments it names, or park it until its payment arrives.

    A chargeback or late failure undoes all that is left of the payment.
    """
    left = fact.amount_minor if fact.reason == "refund" else None
    memory = turn.memory
    known = [each for each in payments.recall(memory) if _is_about(each[1], fact)]
    for place, payment in known:
        left = _undo(turn, payment, left)
        payments.keep(memory, place, payment)
        if left == 0:
            return
    if known and fact.invoice:
        return
    # A chargeback is about every invoice of the payment: those still to come are undone then.
    parked = memory.parked
    parked.append(ParkedRefund(fact.payment_transaction, fact.invoice, left))
    del parked[:-MAX_PARKED]
    if not known or left is not None:
        turn.note("refund_parked", "the payment it gives back is not known yet")


def _is_about(payment: Payment, fact: PaymentRefunded) -> bool:
    return payment.transaction == fact.payment_transaction and (
        not fact.invoice or payment.invoice == fact.invoice
    )


def _apply_parked(turn: Turn, payment: Payment) -> None:
    waiting = []
    for each in turn.memory.parked:
        if each.transaction == payment.transaction and each.invoice in ("", payment.invoice):
            left = _undo(turn, payment, each.amount_minor)
            if left != 0 and not each.invoice:
                waiting.append(ParkedRefund(each.transaction, "", left))
        else:
            waiting.append(each)
    turn.memory.parked = waiting


def _undo(turn: Turn, payment: Payment, amount_minor: int | None) -> int | None:
    """Undo the share of a refund that fits the payment; returns what is left of the refund."""
    room = payment.amount_minor - payment.refunded_minor
    given_back = room if amount_minor is None else min(room, amount_minor)
    left = None if amount_minor is None else amount_minor - given_back
    if given_back <= 0:
        turn.note("already_refunded", "the whole payment was given back before")
        return left
    payment.refunded_minor += given_back
    shares = _shares(payment)
    if shares:
        _reverse(turn, payment, shares, given_back)
    else:
        turn.note("nothing_to_reverse", "the payment earned nothing that this refund undoes")
    _unwind(turn, payment, shares, given_back)
    return left


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


def _reverse(
    turn: Turn, payment: Payment, shares: list[tuple[Earning, int]], given_back: int
) -> None:
    ledger = turn.ledger
    taken: dict[int, int] = {}
    need = expired = 0
    for earning, share in shares:
        own = lots.find(ledger.lots, earning.lot)
        part = min(share, own.points - taken.get(own.id, 0)) if own is not None else 0
        if own is not None and part:
            taken[own.id] = part
        gone = min(share - part, earning.expired)
        earning.expired -= gone
        expired += gone
        need += share - part - gone
        earning.reversed += share
    policy = turn.program.negative if turn.program else "allow"
    need = lots.plan(ledger.lots, need, taken, active=True)
    if policy == "pending_first":
        need = lots.plan(ledger.lots, need, taken, active=False)
    overdrawn, forgiven = (0, need) if policy == "clamp" else (need, 0)
    points = sum(share for _, share in shares)
    for lot in ledger.lots:
        if lot.active:
            turn.balance -= taken.get(lot.id, 0)
        else:
            turn.pending -= taken.get(lot.id, 0)
    turn.balance -= overdrawn
    turn.deficit += overdrawn
    turn.lifetime -= points
    turn.emit(
        PointsReversed(
            **turn.head(BY_REFUND, turn.now),
            points=points,
            earned_by=f"payment:{payment.transaction}:{payment.invoice}",
            lots=lots.changes_of(taken),
            overdrawn=overdrawn,
            forgiven=forgiven,
            expired=expired,
            base=Money(amount_minor=given_back, currency=payment.currency),
        )
    )


def _unwind(
    turn: Turn, payment: Payment, shares: list[tuple[Earning, int]], given_back: int
) -> None:
    """What the payment counted towards: caps, limits, the first payment, and the tier."""
    memory, program = turn.memory, turn.program
    if payment.first and payment.refunded_minor >= payment.amount_minor:
        memory.paid = payment.first = False
    if program is None:
        return
    for earning, share in shares:
        rule, counter = program.rule_by_id.get(earning.rule), memory.counters.get(earning.rule)
        if rule is None or counter is None:
            continue
        if rule.cap_per is not None:
            limits.add(counter.points, program.period_key(payment.at, rule.cap_per), -share)
        if rule.limit and earning.reversed == earning.points:
            limits.uncount(rule.limit, counter, payment.at, program)
    if program.tiers is None:
        return
    if program.tiers.currency is None:
        points = sum(share for _, share in shares)
        tiers.unqualify(turn, payment.at, points, payment.number)
    elif payment.counted and program.tiers.currency == payment.currency:
        memory.spend_minor = max(0, memory.spend_minor - given_back)
        tiers.unqualify(turn, payment.at, given_back, payment.number)
