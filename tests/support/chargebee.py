"""Chargebee events as webhooks bring them, in both product catalogs, with personal data to lose."""

import json
from collections.abc import Mapping
from typing import Any

CANARIES = (
    "Petra Kanarienvogel",
    "petra.kanari@example.org",
    "+4930555010155",
    "Vogelweg 7",
    "203.0.113.77",
    "************4321",
    "deliver behind the aviary",
)
"""Personal data that every built event carries and no fact may."""

NAME, EMAIL, PHONE, STREET, ADDRESS_IP, CARD, NOTE = CANARIES

CUSTOMER = "cust_1"
SUBSCRIPTION = "sub_1"
T0 = 1_764_547_200
DAY = 86_400
MONTH = 30 * DAY

Json = dict[str, Any]


def event(event_type: str, /, *, at: int = T0, id: str = "ev_1", **content: Any) -> Json:  # noqa: A002
    """The bare event object; `content` are its resources."""
    return {
        "id": id,
        "occurred_at": at,
        "source": "scheduled_job",
        "user": EMAIL,
        "object": "event",
        "api_version": "v2",
        "content": content,
        "event_type": event_type,
        "webhook_status": "not_configured",
    }


def body(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()


def customer(id: str = CUSTOMER, **attributes: Any) -> Json:  # noqa: A002
    first, last = NAME.split()
    return {
        "id": id,
        "first_name": first,
        "last_name": last,
        "email": EMAIL,
        "phone": PHONE,
        "created_from_ip": ADDRESS_IP,
        "billing_address": address(),
        "preferred_currency_code": "EUR",
        "resource_version": T0 * 1000,
        "cf_delivery_note": NOTE,
        "object": "customer",
        **attributes,
    }


def address() -> Json:
    first, last = NAME.split()
    return {"first_name": first, "last_name": last, "line1": STREET, "phone": PHONE}


def subscription_pc1(**attributes: Any) -> Json:
    """Ten euros a month for two seats, in product catalog 1.0."""
    return {
        **_subscription(),
        "plan_id": "pro-monthly",
        "plan_quantity": 2,
        "plan_unit_price": 500,
        "plan_amount": 1000,
        "plan_free_quantity": 0,
        **attributes,
    }


def subscription_pc2(**attributes: Any) -> Json:
    """The same subscription in product catalog 2.0."""
    return {**_subscription(), "subscription_items": [plan_item()], **attributes}


def plan_item(**attributes: Any) -> Json:
    return {
        "item_price_id": "pro-monthly",
        "item_type": "plan",
        "quantity": 2,
        "unit_price": 500,
        "amount": 1000,
        "free_quantity": 0,
        "object": "subscription_item",
        **attributes,
    }


def _subscription() -> Json:
    return {
        "id": SUBSCRIPTION,
        "customer_id": CUSTOMER,
        "status": "active",
        "currency_code": "EUR",
        "billing_period": 1,
        "billing_period_unit": "month",
        "current_term_start": T0,
        "current_term_end": T0 + MONTH,
        "next_billing_at": T0 + MONTH,
        "created_at": T0,
        "started_at": T0,
        "activated_at": T0,
        "updated_at": T0,
        "created_from_ip": ADDRESS_IP,
        "resource_version": T0 * 1000 + 7,
        "shipping_address": address(),
        "cf_delivery_note": NOTE,
        "object": "subscription",
        "mrr": 0,
    }


def invoice(id: str = "inv_1", **attributes: Any) -> Json:  # noqa: A002
    """Ten euros of which 1.60 are tax, paid at once."""
    return {
        "id": id,
        "customer_id": CUSTOMER,
        "subscription_id": SUBSCRIPTION,
        "recurring": True,
        "status": "paid",
        "date": T0,
        "due_date": T0,
        "paid_at": T0 + 1,
        "total": 1000,
        "tax": 160,
        "amount_paid": 1000,
        "first_invoice": False,
        "currency_code": "EUR",
        "line_items": [
            {
                "id": "li_1",
                "date_from": T0,
                "date_to": T0 + MONTH,
                "quantity": 2,
                "amount": 1000,
                "entity_type": "plan_item_price",
                "entity_id": "pro-monthly",
                "description": NOTE,
            }
        ],
        "linked_payments": [{"txn_id": "txn_1", "applied_amount": 1000, "txn_status": "success"}],
        "dunning_attempts": [],
        "billing_address": address(),
        "object": "invoice",
        **attributes,
    }


def transaction(id: str = "txn_1", **attributes: Any) -> Json:  # noqa: A002
    """A payment of ten euros, all of it applied to inv_1."""
    return {
        "id": id,
        "customer_id": CUSTOMER,
        "subscription_id": SUBSCRIPTION,
        "type": "payment",
        "status": "success",
        "date": T0,
        "amount": 1000,
        "amount_unused": 0,
        "currency_code": "EUR",
        "masked_card_number": CARD,
        "linked_invoices": [{"invoice_id": "inv_1", "applied_amount": 1000}],
        "object": "transaction",
        **attributes,
    }


def refund(id: str = "txn_r1", **attributes: Any) -> Json:  # noqa: A002
    """Four of the ten euros given back."""
    payment_only = ("linked_invoices", "amount_unused")
    whole = {name: value for name, value in transaction(id).items() if name not in payment_only}
    return {
        **whole,
        "type": "refund",
        "amount": 400,
        "refunded_txn_id": "txn_1",
        "linked_credit_notes": [{"cn_id": "cn_1", "cn_reference_invoice_id": "inv_1"}],
        **attributes,
    }


def without(document: Mapping[str, Any], *names: str) -> Json:
    return {name: value for name, value in document.items() if name not in names}


def payment_succeeded(**content: Any) -> Json:
    parts = {
        "transaction": transaction(),
        "invoice": invoice(),
        "customer": customer(),
        "subscription": subscription_pc2(),
        **content,
    }
    return event("payment_succeeded", **parts)


def payment_refunded(**content: Any) -> Json:
    parts = {
        "transaction": refund(),
        "invoice": invoice(),
        "credit_note": {"id": "cn_1", "reference_invoice_id": "inv_1", "object": "credit_note"},
        "customer": customer(),
        "subscription": subscription_pc2(),
        **content,
    }
    return event("payment_refunded", **parts)


def subscription_event(event_type: str, /, **content: Any) -> Json:
    """With the 2.0 subscription, unless `content` says otherwise."""
    parts = {"subscription": subscription_pc2(), "customer": customer(), **content}
    return event(event_type, **parts)
