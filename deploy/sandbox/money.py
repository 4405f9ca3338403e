"""Invoices, transactions, credit notes and promotional credits in the API's shape. PURE."""

from typing import Any

import msgspec

from deploy.sandbox.catalog import BASE_CURRENCY, EXCHANGE_RATES, TAX_PER_CENT

Resource = dict[str, Any]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line to invoice or credit; `amount_minor` is before discounts and tax."""

    id: str
    entity_type: str
    entity_id: str
    description: str
    quantity: int
    amount_minor: int
    date_from: int
    date_to: int


class Discount(msgspec.Struct, frozen=True, kw_only=True):
    """Money taken off before tax: by a coupon, or by promotional credits, which have no id. `code`
    is what redeemed the coupon.
    """

    entity_type: str
    entity_id: str | None
    description: str
    amount_minor: int
    code: str | None = None


def line_item(line: Line, subscription: Resource, tax_per_cent: int) -> Resource:
    taxed = tax_per_cent > 0
    item: Resource = {
        "id": line.id,
        "date_from": line.date_from,
        "date_to": line.date_to,
        "unit_amount": line.amount_minor // line.quantity,
        "quantity": line.quantity,
        "amount": line.amount_minor,
        "pricing_model": "per_unit",
        "is_taxed": taxed,
        "tax_amount": line.amount_minor * tax_per_cent // 100,
        "object": "line_item",
        "subscription_id": subscription["id"],
        "customer_id": subscription["customer_id"],
        "description": line.description,
        "entity_type": line.entity_type,
        "entity_id": line.entity_id,
        "discount_amount": 0,
        "item_level_discount_amount": 0,
    }
    if taxed:
        item["tax_rate"] = float(tax_per_cent)
    else:
        item["tax_exempt_reason"] = "tax_not_configured"
    return item


def invoice(
    invoice_id: str,
    subscription: Resource,
    lines: list[Line],
    discounts: list[Discount],
    *,
    at: int,
    due_at: int,
    first: bool,
    address: Resource,
) -> Resource:
    """A generated invoice that nothing has been paid on yet; tax is on what discounts leave."""
    currency = subscription["currency_code"]
    tax_per_cent = TAX_PER_CENT[currency]
    sub_total = sum(line.amount_minor for line in lines)
    net = sub_total - sum(discount.amount_minor for discount in discounts)
    assert net >= 0
    tax = net * tax_per_cent // 100
    total = net + tax
    resource: Resource = {
        "id": invoice_id,
        "customer_id": subscription["customer_id"],
        "subscription_id": subscription["id"],
        "recurring": True,
        "status": "payment_due",
        "price_type": "tax_exclusive",
        "date": at,
        "due_date": due_at,
        "net_term_days": (due_at - at) // 86_400,
        "exchange_rate": EXCHANGE_RATES[currency],
        "total": total,
        "amount_paid": 0,
        "amount_adjusted": 0,
        "write_off_amount": 0,
        "credits_applied": 0,
        "amount_due": total,
        "updated_at": at,
        "resource_version": at * 1000,
        "deleted": False,
        "object": "invoice",
        "first_invoice": first,
        "amount_to_collect": total,
        "round_off_amount": 0,
        "has_advance_charges": False,
        "currency_code": currency,
        "base_currency_code": BASE_CURRENCY,
        "generated_at": at,
        "is_gifted": False,
        "term_finalized": True,
        "channel": "web",
        "tax": tax,
        "line_items": [line_item(line, subscription, tax_per_cent) for line in lines],
        "sub_total": sub_total,
        "linked_payments": [],
        "applied_credits": [],
        "adjustment_credit_notes": [],
        "issued_credit_notes": [],
        "linked_orders": [],
        "dunning_attempts": [],
        "billing_address": address,
    }
    if first:
        resource["new_sales_amount"] = total
    if tax_per_cent:
        resource["taxes"] = [
            {"object": "tax", "name": "VAT", "description": f"VAT @ {tax_per_cent}%", "amount": tax}
        ]
    if discounts:
        resource["discounts"] = [_discount(discount) for discount in discounts]
    return resource


def _discount(discount: Discount) -> Resource:
    resource: Resource = {
        "object": "discount",
        "entity_type": discount.entity_type,
        "description": discount.description,
        "amount": discount.amount_minor,
    }
    if discount.entity_id is not None:
        resource["entity_id"] = discount.entity_id
    if discount.code is not None:
        resource["coupon_set_code"] = discount.code
    return resource


def transaction(
    transaction_id: str,
    *,
    customer_id: str,
    subscription_id: str,
    kind: str,
    status: str,
    amount_minor: int,
    currency: str,
    method: str,
    at: int,
) -> Resource:
    """`kind` is payment, refund or payment_reversal; an offline payment has no gateway."""
    offline = method in {"cash", "check", "bank_transfer"}
    resource: Resource = {
        "id": transaction_id,
        "customer_id": customer_id,
        "subscription_id": subscription_id,
        "payment_method": method,
        "gateway": "not_applicable" if offline else "chargebee",
        "type": kind,
        "date": at,
        "exchange_rate": EXCHANGE_RATES[currency],
        "amount": amount_minor,
        "status": status,
        "updated_at": at,
        "resource_version": at * 1000,
        "deleted": False,
        "object": "transaction",
        "currency_code": currency,
        "base_currency_code": BASE_CURRENCY,
    }
    if not offline:
        resource["gateway_account_id"] = "gw_sandbox"
        resource["id_at_gateway"] = f"cb_{transaction_id.removeprefix('txn_')}"
    if kind == "payment":
        resource |= {"amount_unused": 0, "linked_invoices": [], "linked_refunds": []}
    return resource


def credit_note(
    note_id: str,
    subscription: Resource,
    lines: list[Line],
    *,
    invoice_id: str,
    reason: str,
    total_minor: int,
    at: int,
) -> Resource:
    """A refundable credit note, all of it still available; its lines include tax."""
    return {
        "id": note_id,
        "customer_id": subscription["customer_id"],
        "subscription_id": subscription["id"],
        "reference_invoice_id": invoice_id,
        "type": "refundable",
        "reason_code": reason,
        "status": "refund_due",
        "date": at,
        "price_type": "tax_exclusive",
        "exchange_rate": EXCHANGE_RATES[subscription["currency_code"]],
        "total": total_minor,
        "amount_allocated": 0,
        "amount_refunded": 0,
        "amount_available": total_minor,
        "updated_at": at,
        "resource_version": at * 1000,
        "deleted": False,
        "object": "credit_note",
        "currency_code": subscription["currency_code"],
        "round_off_amount": 0,
        "base_currency_code": BASE_CURRENCY,
        "sub_total": sum(line.amount_minor for line in lines),
        "line_items": [line_item(line, subscription, 0) for line in lines],
        "taxes": [],
        "line_item_taxes": [],
        "line_item_discounts": [],
        "linked_refunds": [],
        "allocations": [],
    }


def linked_payment(payment: Resource, applied_minor: int, at: int) -> Resource:
    """How an invoice names a payment."""
    return {
        "txn_id": payment["id"],
        "applied_amount": applied_minor,
        "applied_at": at,
        "txn_status": payment["status"],
        "txn_date": payment["date"],
        "txn_amount": payment["amount"],
    }


def linked_invoice(bill: Resource, applied_minor: int, at: int) -> Resource:
    """How a payment names an invoice."""
    return {
        "invoice_id": bill["id"],
        "applied_amount": applied_minor,
        "applied_at": at,
        "invoice_date": bill["date"],
        "invoice_total": bill["total"],
        "invoice_status": bill["status"],
    }


def issued_note(note: Resource) -> Resource:
    """How an invoice names a credit note that was issued against it."""
    return {
        "cn_id": note["id"],
        "cn_reason_code": note["reason_code"],
        "cn_date": note["date"],
        "cn_total": note["total"],
        "cn_status": note["status"],
    }
