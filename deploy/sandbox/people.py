"""Made-up people. Personal fields carry `CANARY`, so that a search finds a leak. PURE."""

from typing import Any

CANARY = "pii-canary"
"""Stands in e-mail, names, company, street and card holder of every customer, and nowhere else."""

COUNTRIES = {"USD": "US", "EUR": "DE", "GBP": "GB", "JPY": "JP"}
LOCALES = {"USD": "en-US", "EUR": "de-DE", "GBP": "en-GB", "JPY": "ja-JP"}


def email(number: int) -> str:
    return f"{CANARY}+{number:05}@example.com"


def address(number: int, currency: str, kind: str = "billing_address") -> dict[str, Any]:
    return {
        "first_name": f"Given-{CANARY}",
        "last_name": f"Family-{CANARY}-{number:05}",
        "phone": f"+1555{number:07}",
        "line1": f"{number} {CANARY} Street",
        "city": "Nowhere",
        "country": COUNTRIES[currency],
        "zip": f"{number:05}",
        "validation_status": "not_validated",
        "object": kind,
    }


def customer(
    customer_id: str, number: int, currency: str, *, auto_collection: bool, created_at: int
) -> dict[str, Any]:
    """A customer as the API shows it; what is not known is left out, not null."""
    return {
        "id": customer_id,
        "first_name": f"Given-{CANARY}",
        "last_name": f"Family-{CANARY}-{number:05}",
        "email": email(number),
        "company": f"{CANARY} Trading {number:05}",
        "auto_collection": "on" if auto_collection else "off",
        "net_term_days": 0 if auto_collection else 14,
        "allow_direct_debit": False,
        "created_at": created_at,
        "taxability": "taxable",
        "updated_at": created_at,
        "locale": LOCALES[currency],
        "pii_cleared": "active",
        "channel": "web",
        "resource_version": created_at * 1000,
        "deleted": False,
        "object": "customer",
        "billing_address": address(number, currency),
        "card_status": "no_card",
        "promotional_credits": 0,
        "refundable_credits": 0,
        "excess_payments": 0,
        "unbilled_charges": 0,
        "preferred_currency_code": currency,
        "mrr": 0,
    }


def card(customer_id: str, number: int, source_id: str, *, created_at: int) -> dict[str, Any]:
    last4 = f"{number * 7 % 10_000:04}"
    return {
        "status": "valid",
        "gateway": "chargebee",
        "gateway_account_id": "gw_sandbox",
        "first_name": f"Given-{CANARY}",
        "last_name": f"Family-{CANARY}-{number:05}",
        "iin": "411111",
        "last4": last4,
        "card_type": "visa",
        "funding_type": "credit",
        "expiry_month": number % 12 + 1,
        "expiry_year": 2031,
        "created_at": created_at,
        "updated_at": created_at,
        "resource_version": created_at * 1000,
        "object": "card",
        "masked_number": f"************{last4}",
        "customer_id": customer_id,
        "payment_source_id": source_id,
    }


def payment_method(kind: str, token: str) -> dict[str, Any]:
    return {
        "object": "payment_method",
        "type": kind,
        "reference_id": token,
        "gateway": "chargebee",
        "gateway_account_id": "gw_sandbox",
        "status": "valid",
    }
