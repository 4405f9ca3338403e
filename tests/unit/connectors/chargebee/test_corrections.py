"""Voided invoices and credit notes: paper moves no points, money that goes back does, once."""

import pytest

from connectors.chargebee.translate import translate
from schemas.facts import PaymentRefunded
from tests.support import chargebee as cb

SITE = "acme-test"
CREDIT_NOTE: cb.Json = {
    "id": "cn_1",
    "object": "credit_note",
    "customer_id": "cust_1",
    "reference_invoice_id": "inv_1",
    "type": "refundable",
    "reason_code": "product_unsatisfactory",
    "status": "refund_due",
    "total": 400,
}


def ignored(event: cb.Json) -> str:
    translation = translate(cb.body(event), SITE)
    assert translation.facts == ()
    return translation.ignored


def test_a_voided_invoice_gives_no_money_back_by_itself() -> None:
    """What had been paid for it comes back by a refund, which has its own event."""
    voided = cb.invoice(status="voided", linked_payments=[])
    said = ignored(cb.event("invoice_updated", customer=cb.customer(), invoice=voided))
    assert "points follow the money" in said


@pytest.mark.parametrize(
    "event_type",
    ["credit_note_created", "credit_note_created_with_backdating", "credit_note_updated"],
)
@pytest.mark.parametrize(
    ("kind", "status"),
    [("adjustment", "adjusted"), ("refundable", "refund_due"), ("refundable", "voided")],
)
def test_a_credit_note_without_money_undoes_nothing(
    event_type: str, kind: str, status: str
) -> None:
    note = {**CREDIT_NOTE, "type": kind, "status": status, "amount_allocated": 400}
    said = ignored(cb.event(event_type, customer=cb.customer(), credit_note=note))
    assert "moves no money" in said


def test_a_credit_note_whose_money_goes_back_is_one_refund_however_it_is_told() -> None:
    """Chargebee tells of the note and of the transaction: only the transaction counts."""
    refund = cb.refund(linked_credit_notes=[{"cn_id": "cn_1", "cn_reference_invoice_id": "inv_1"}])
    note = {**CREDIT_NOTE, "status": "refunded", "linked_refunds": [{"txn_id": refund["id"]}]}
    told = [
        cb.event("credit_note_created", customer=cb.customer(), credit_note=note),
        cb.payment_refunded(transaction=refund, credit_note=note),
        cb.event("credit_note_updated", customer=cb.customer(), credit_note=note),
    ]
    [fact] = [fact for event in told for fact in translate(cb.body(event), SITE).facts]
    assert isinstance(fact, PaymentRefunded)
    assert (fact.id, fact.amount_minor, fact.invoice) == ("refund:txn_r1", 400, "inv_1")
