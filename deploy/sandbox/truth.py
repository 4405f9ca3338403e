"""What really happened to each customer's money: the oracle that audits compare with. PURE."""

from typing import Literal

import msgspec

Kind = Literal[
    "subscription_created",
    "subscription_activated",
    "subscription_changed",
    "subscription_renewed",
    "subscription_cancelled",
    "subscription_reactivated",
    "payment",
    "refund",
    "chargeback",
    "late_failure",
    "customer_deleted",
]


class Happening(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened, under the ids that the API gave it.

    A payment of several invoices is one happening per invoice. `transaction` of a refund or a
    chargeback is the one that gave the money back, `payment` the one it came from.
    """

    kind: Kind
    customer: str
    at: int
    subscription: str = ""
    price: str = ""
    quantity: int = 0
    term_start: int = 0
    resource_version: int = 0
    transaction: str = ""
    payment: str = ""
    invoice: str = ""
    amount_minor: int = 0
    currency: str = ""


class CouponUse(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon put on a subscription, taken off it, or used by an invoice; `code` redeemed it."""

    coupon: str
    subscription: str
    customer: str
    at: int
    invoice: str = ""
    amount_minor: int = 0
    code: str = ""


class Benefit(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscription gained or lost: `what` is a feature, an add-on's price, or "term_end".

    `value` is the feature's value (empty: removed), the quantity, or the instant it was moved to.
    """

    subscription: str
    customer: str
    what: str
    value: str
    at: int


class Truth:
    """Append-only; `money` is in the order in which things happened."""

    def __init__(self) -> None:
        self.money: list[Happening] = []
        self.coupons_applied: list[CouponUse] = []
        self.coupons_used: list[CouponUse] = []
        self.coupons_removed: list[CouponUse] = []
        self.benefits: list[Benefit] = []
