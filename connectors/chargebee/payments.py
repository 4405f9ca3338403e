"""What payment, refund, reversal and late-failure events become. PURE.

A handler returns facts, or the sentence that says why there are none.
"""

from connectors.chargebee.customers import customer_of
from connectors.chargebee.lines import PLAN_ENTITIES
from connectors.chargebee.payloads import Content, Invoice, Transaction
from connectors.chargebee.subscriptions import snapshot
from schemas import ids
from schemas.facts import (
    AnyFact,
    PaymentRefunded,
    PaymentSucceeded,
    RefundReason,
    Subscription,
)
from schemas.translation import UntranslatableError

Outcome = tuple[AnyFact, ...] | str

DUE_DATE_GRACE_SECONDS = 86_400
"""Chargebee writes a due *date* as the instant the invoice was made, so a card charged a second
later would be late: a payment is on time until that day is over."""


def on_payment_succeeded(
    content: Content, *, event_id: str, site: str, occurred_at: int
) -> Outcome:
    """One fact per invoice that the transaction paid."""
    transaction = required_transaction(content)
    if transaction.type != "payment":
        return f"The transaction is of type {transaction.type}: only a payment earns."
    if transaction.status != "success":
        return f"The payment's status is {transaction.status}: only success earns."
    applied = _applied_amounts(transaction, content.invoice)
    if not applied:
        return "No money was applied to an invoice: credits and unused amounts earn nothing."
    return tuple(
        _payment(
            content,
            invoice_id=invoice,
            amount_minor=amount,
            event_id=event_id,
            site=site,
            occurred_at=occurred_at,
        )
        for invoice, amount in applied.items()
    )


def on_payment_refunded(content: Content, *, event_id: str, site: str, occurred_at: int) -> Outcome:
    transaction = required_transaction(content)
    match transaction.type, transaction.status:
        case "refund", "success":
            reason: RefundReason = "refund"
        case "payment_reversal", "success":
            reason = "chargeback"
        case "refund" | "payment_reversal", status:
            return f"The refund's status is {status}: it counts once the money went back."
        case kind, _:
            return (
                f"The transaction is of type {kind}: only a refund or a reversal gives money back."
            )
    return _given_back(content, reason, event_id=event_id, site=site, occurred_at=occurred_at)


def on_transaction(content: Content, *, event_id: str, site: str, occurred_at: int) -> Outcome:
    """From events that tell of any transaction, only what no payment event tells."""
    transaction = required_transaction(content)
    if transaction.type == "payment_reversal" and transaction.status == "success":
        return on_payment_refunded(content, event_id=event_id, site=site, occurred_at=occurred_at)
    if transaction.type == "payment" and transaction.status == "late_failure":
        return _given_back(
            content, "late_failure", event_id=event_id, site=site, occurred_at=occurred_at
        )
    return ""


def required_transaction(content: Content) -> Transaction:
    if content.transaction is None:
        raise UntranslatableError("the event's `content` has no `transaction`")
    return content.transaction


def _applied_amounts(transaction: Transaction, invoice: Invoice | None) -> dict[str, int]:
    """Money by invoice, above zero only.

    Older payloads do not list `linked_invoices`: then the one invoice in the content was paid.
    """
    if transaction.linked_invoices is not None:
        applied: dict[str, int] = {}
        for linked in transaction.linked_invoices:
            amount = linked.applied_amount or 0
            applied[linked.invoice_id] = applied.get(linked.invoice_id, 0) + amount
        return {name: amount for name, amount in applied.items() if amount > 0}
    if invoice is None:
        return {}
    amount = transaction.amount - (transaction.amount_unused or 0)
    return {invoice.id: amount} if amount > 0 else {}


def _payment(
    content: Content,
    *,
    invoice_id: str,
    amount_minor: int,
    event_id: str,
    site: str,
    occurred_at: int,
) -> PaymentSucceeded:
    transaction = required_transaction(content)
    # A payment can span invoices; the content carries one of them.
    invoice = content.invoice if content.invoice and content.invoice.id == invoice_id else None
    subscription = _subscription_paid_for(content, invoice, occurred_at)
    return PaymentSucceeded(
        id=ids.payment(transaction.id, invoice_id),
        site=site,
        customer=customer_of(content),
        occurred_at=occurred_at,
        source=event_id,
        transaction=transaction.id,
        invoice=invoice_id,
        amount_minor=amount_minor,
        currency=transaction.currency_code,
        tax_minor=_tax_share(invoice, amount_minor) if invoice else None,
        quantity=_quantity(invoice, subscription),
        recurring=bool(invoice and invoice.recurring),
        first_invoice=bool(invoice and invoice.first_invoice),
        on_time=_is_on_time(invoice, occurred_at) if invoice else False,
        subscription=subscription,
    )


def _tax_share(invoice: Invoice, amount_minor: int) -> int | None:
    """`amount · tax / total`, the nearest minor unit, half up; never more than the amount.

    Exact for an invoice paid at once. Where several payments share an invoice, the rounding of
    each is at most half a minor unit off.
    """
    if invoice.tax is None or not invoice.total or invoice.total < 0 or invoice.tax < 0:
        return None
    share = (2 * amount_minor * invoice.tax + invoice.total) // (2 * invoice.total)
    return min(share, amount_minor)


def _quantity(invoice: Invoice | None, subscription: Subscription | None) -> int:
    """Units of the plan that the invoice bills, else of the subscription, else one."""
    if invoice:
        billed = [
            line.quantity or 0
            for line in invoice.line_items or ()
            if line.entity_type in PLAN_ENTITIES
        ]
        if billed:
            return max(billed)
    return subscription.quantity if subscription else 1


def _is_on_time(invoice: Invoice, occurred_at: int) -> bool:
    """Paid whole, by the end of its due date, with no failed attempt before."""
    if invoice.status != "paid" or invoice.dunning_attempts:
        return False
    if invoice.due_date is None:
        return True
    paid_at = occurred_at if invoice.paid_at is None else invoice.paid_at
    return paid_at <= invoice.due_date + DUE_DATE_GRACE_SECONDS


def _subscription_paid_for(
    content: Content, invoice: Invoice | None, occurred_at: int
) -> Subscription | None:
    """The subscription in the content, if it is the one this invoice belongs to."""
    if content.subscription is None or invoice is None:
        return None
    assert content.transaction is not None
    billed = invoice.subscription_id or content.transaction.subscription_id
    if billed is not None and billed != content.subscription.id:
        return None
    return snapshot(content.subscription, content, occurred_at)


def _given_back(
    content: Content, reason: RefundReason, *, event_id: str, site: str, occurred_at: int
) -> Outcome:
    transaction = required_transaction(content)
    if transaction.amount <= 0:
        return "No money went back: the amount is not above zero."
    late = reason == "late_failure"
    return (
        PaymentRefunded(
            id=ids.late_failure(transaction.id) if late else ids.refund(transaction.id),
            site=site,
            customer=customer_of(content),
            occurred_at=occurred_at,
            source=event_id,
            payment_transaction=transaction.id if late else _refunded_payment(content),
            transaction=transaction.id,
            amount_minor=transaction.amount,
            currency=transaction.currency_code,
            reason=reason,
            invoice="" if late else _refunded_invoice(content),
        ),
    )


def _refunded_payment(content: Content) -> str:
    """The payment whose money went back, however the payload says it."""
    transaction = required_transaction(content)
    if named := transaction.refunded_txn_id or transaction.reference_transaction_id:
        return named
    if transaction.linked_payments and len(transaction.linked_payments) == 1:
        return transaction.linked_payments[0].id
    if payments := _payments_of(content.invoice):
        if len(payments) == 1:
            return payments[0]
        raise UntranslatableError(
            f"refund {transaction.id!r} has no `refunded_txn_id`, and its invoice has "
            "several payments"
        )
    raise UntranslatableError(
        f"refund {transaction.id!r} does not say which payment it gives back: no "
        "`refunded_txn_id`, no `linked_payments`, no paid invoice"
    )


def _payments_of(invoice: Invoice | None) -> list[str]:
    linked = (invoice.linked_payments if invoice else None) or []
    return [payment.txn_id for payment in linked if payment.txn_status in (None, "success")]


def _refunded_invoice(content: Content) -> str:
    """The one invoice it concerns, or nothing where there are several or none is named."""
    transaction = required_transaction(content)
    named = {
        note.cn_reference_invoice_id
        for note in transaction.linked_credit_notes or ()
        if note.cn_reference_invoice_id
    }
    if not named and content.invoice:
        return content.invoice.id
    return named.pop() if len(named) == 1 else ""
