"""What truly happened at the others, from the sandbox's own ledger, by whom it is about. PURE.

A channel is where effects of one kind on one customer come one after the other: they can be held,
in their order, against what should have happened.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

Channel = tuple[str, str]
"""(kind, customer)."""
Effects = dict[Channel, list[str]]


def happened(ledger: Mapping[str, Any]) -> Effects:
    """Every effect there was, as a text that names its reward and its worth."""
    found: Effects = defaultdict(list)
    for credit in ledger["promotional_credits"]:
        if credit.get("reference"):
            sign = "+" if credit["type"] == "increment" else "-"
            worth = f"{sign}{credit['amount']} {credit['currency_code']}"
            found["credit", credit["customer_id"]].append(f"{credit['reference']} {worth}")
    terms = {coupon["id"]: _terms(coupon) for coupon in ledger["coupons"]}
    for use in ledger["coupons_applied"]:
        text = f"{use['coupon']} {terms[use['coupon']]}"
        found["coupon", use["customer"]].append(text)
    for use in ledger["coupons_removed"]:
        found["coupon removed", use["customer"]].append(use["coupon"])
    for benefit in ledger["benefits"]:
        found[benefit["what"], benefit["customer"]].append(benefit["value"])
    for order in ledger["orders"]:
        value = order["rewards"][0]["value"]
        text = f"{order['external_id']} {value['denomination']:g} {value['currency_code']}"
        found["order", _customer(order["external_id"] or "")].append(text)
    for given in ledger["given"]:
        data = given["data"]
        text = f"{given['message_id']} {given['kind']} {data['payload']}"
        found["webhook", data["customer"]].append(text)
    return dict(found)


def _customer(reward_id: str) -> str:
    return reward_id.split(":")[1] if ":" in reward_id else ""


def _terms(coupon: Mapping[str, Any]) -> str:
    if coupon["discount_type"] == "percentage":
        return f"{coupon['discount_percentage']:g} %"
    return f"{coupon['discount_amount']} {coupon['currency_code']}"
