"""Subscriptions in the shape of product catalog 1.0 or 2.0. PURE."""

from typing import Any, Literal

from deploy.sandbox.catalog import BASE_CURRENCY, EXCHANGE_RATES, Price

CatalogVersion = Literal[1, 2]


def subscription(
    subscription_id: str,
    customer_id: str,
    price: Price,
    quantity: int,
    *,
    catalog: CatalogVersion,
    created_at: int,
) -> dict[str, Any]:
    """A subscription that has not begun a term: `start_trial` or `begin_term` comes next."""
    resource: dict[str, Any] = {
        "id": subscription_id,
        "customer_id": customer_id,
        "status": "active",
        "created_at": created_at,
        "started_at": created_at,
        "updated_at": created_at,
        "has_scheduled_changes": False,
        "channel": "web",
        "resource_version": created_at * 1000,
        "deleted": False,
        "object": "subscription",
        "currency_code": price.currency,
        "due_invoices_count": 0,
        "mrr": 0,
        "exchange_rate": EXCHANGE_RATES[price.currency],
        "base_currency_code": BASE_CURRENCY,
    }
    put_on_plan(resource, price, quantity, catalog)
    return resource


def put_on_plan(
    resource: dict[str, Any], price: Price, quantity: int, catalog: CatalogVersion
) -> None:
    resource["billing_period"] = 1
    resource["billing_period_unit"] = price.unit
    amount = price.amount_minor * quantity
    if catalog == 1:
        resource["plan_id"] = price.id
        resource["plan_quantity"] = quantity
        resource["plan_unit_price"] = price.amount_minor
        resource["plan_amount"] = amount
        resource["plan_free_quantity"] = 0
        return
    addons = [
        item for item in resource.get("subscription_items", ()) if item["item_type"] == "addon"
    ]
    resource["subscription_items"] = [
        {
            "item_price_id": price.id,
            "item_type": "plan",
            "quantity": quantity,
            "unit_price": price.amount_minor,
            "amount": amount,
            "free_quantity": 0,
            "object": "subscription_item",
        },
        *addons,
    ]


def start_trial(resource: dict[str, Any], start: int, end: int) -> None:
    resource["status"] = "in_trial"
    resource["trial_start"] = start
    resource["trial_end"] = end
    resource["next_billing_at"] = end


def begin_term(resource: dict[str, Any], start: int, end: int) -> None:
    resource["status"] = "active"
    resource["current_term_start"] = start
    resource["current_term_end"] = end
    resource["next_billing_at"] = end
    resource.setdefault("activated_at", start)


def cancel(resource: dict[str, Any], at: int, reason: str | None) -> None:
    resource["status"] = "cancelled"
    resource["cancelled_at"] = at
    resource["mrr"] = 0
    if resource.get("current_term_end", 0) > at:
        resource["current_term_end"] = at
    resource.pop("next_billing_at", None)
    if reason is not None:
        resource["cancel_reason"] = reason
        resource["cancel_reason_code"] = reason.replace("_", " ").title()


def reactivate(resource: dict[str, Any], start: int, end: int) -> None:
    for gone in ("cancelled_at", "cancel_reason", "cancel_reason_code"):
        resource.pop(gone, None)
    begin_term(resource, start, end)


def monthly_value(price: Price, quantity: int) -> int:
    return price.amount_minor * quantity // price.months
