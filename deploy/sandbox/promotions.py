"""Promotional credits and coupons: granted through the API, spent by the next invoice. PURE."""

from typing import Any

import msgspec

from deploy.sandbox.codes import Codes
from deploy.sandbox.errors import bad_request, not_found, wrong_value
from deploy.sandbox.money import Discount
from deploy.sandbox.site import BY_SCHEDULE, Action, Burst, Resource, Site
from deploy.sandbox.terms import DAY, add_months
from deploy.sandbox.truth import CouponUse

_DAYS = {"day": 1, "week": 7}


class _Entry(msgspec.Struct, frozen=True):
    """A promotional credit to be: `extra` holds description, credit_type and reference."""

    kind: str
    amount_minor: int
    currency: str
    extra: dict[str, str]


class Promotions:
    """What takes money off an invoice before anybody pays; balances are per currency."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.codes = Codes(site)
        self._balances: dict[tuple[str, str], int] = {}

    def balance(self, customer_id: str, currency: str) -> int:
        return self._balances.get((customer_id, currency), 0)

    def add(
        self, customer: Resource, amount_minor: int, currency: str, action: Action, **extra: str
    ) -> Resource:
        """Add credit and tell of it. `extra`: description, credit_type, reference."""
        return self._grant(_Entry("increment", amount_minor, currency, extra), customer, action)

    def deduct(
        self,
        customer: Resource,
        amount_minor: int | None,
        currency: str,
        action: Action,
        **extra: str,
    ) -> Resource:
        """Take credit away; no amount takes all. More than there is, is refused."""
        balance = self.balance(customer["id"], currency)
        amount = balance if amount_minor is None else amount_minor
        if amount > balance:
            raise wrong_value("amount", f"exceeds the promotional credits of {balance} {currency}")
        return self._grant(_Entry("decrement", amount, currency, extra), customer, action)

    def _grant(self, entry: _Entry, customer: Resource, action: Action) -> Resource:
        burst = self._site.burst(customer["id"])
        made = self._enter(entry, customer, action)
        burst.add(_credit_event(entry.kind), customer=customer, promotional_credit=made)
        burst.send(action)
        return made

    def _enter(self, entry: _Entry, customer: Resource, action: Action) -> Resource:
        site, currency = self._site, entry.currency
        signed = entry.amount_minor if entry.kind == "increment" else -entry.amount_minor
        closing = self.balance(customer["id"], currency) + signed
        assert closing >= 0
        self._balances[customer["id"], currency] = closing
        self._show_balances(customer)
        owner = customer["id"] if action.source != "api" else f"{customer['id']}/api"
        made: Resource = {
            "id": site.identities.next(owner, "pc_"),
            "customer_id": customer["id"],
            "type": entry.kind,
            "amount": entry.amount_minor,
            "credit_type": "general",
            "closing_balance": closing,
            "created_at": site.now,
            "object": "promotional_credit",
            "currency_code": currency,
        } | entry.extra
        if action.user is not None:
            made["done_by"] = action.user
        site.promotional_credits[made["id"]] = made
        return made

    def _show_balances(self, customer: Resource) -> None:
        preferred = customer["preferred_currency_code"]
        customer["promotional_credits"] = self.balance(customer["id"], preferred)
        balances = [
            {
                "promotional_credits": amount,
                "excess_payments": 0,
                "refundable_credits": 0,
                "unbilled_charges": 0,
                "object": "customer_balance",
                "currency_code": currency,
                "balance_currency_code": currency,
            }
            for (owner, currency), amount in self._balances.items()
            if owner == customer["id"] and amount
        ]
        customer.pop("balances", None)
        if balances:
            customer["balances"] = balances
        self._site.touch(customer)

    def spend(
        self, customer: Resource, currency: str, up_to_minor: int, invoice_id: str, burst: Burst
    ) -> Discount | None:
        """Put the customer's credit towards an invoice of which `up_to_minor` is left."""
        amount = min(self.balance(customer["id"], currency), up_to_minor)
        if amount == 0:
            return None
        description = f"Applied to the invoice # {invoice_id}"
        entry = _Entry("decrement", amount, currency, {"description": description})
        made = self._enter(entry, customer, BY_SCHEDULE)
        burst.add("promotional_credits_deducted", customer=customer, promotional_credit=made)
        return Discount(
            entity_type="promotional_credits",
            entity_id=None,
            description="Promotional Credits",
            amount_minor=amount,
        )

    def create_coupon(self, params: dict[str, Any], action: Action) -> Resource:
        """`params` are those of the API, already checked one by one; the id is the caller's."""
        site = self._site
        if params["id"] in site.coupons:
            raise bad_request("duplicate_entry", f"id : {params['id']} is already taken", "id")
        coupon: Resource = {
            "discount_type": "percentage",
            "duration_type": "forever",
            "status": "active",
            "apply_discount_on": "not_applicable",
            "created_at": site.now,
            "updated_at": site.now,
            "resource_version": site.now * 1000,
            "object": "coupon",
            "redemptions": 0,
            "deleted": False,
        } | params
        _check_discount(coupon)
        site.coupons[coupon["id"]] = coupon
        burst = site.burst("site")
        burst.add("coupon_created", coupon=coupon)
        burst.send(action)
        return coupon

    def apply_coupons(
        self, subscription: Resource, coupon_ids: list[str], *, replace: bool
    ) -> None:
        """Attach coupons for the next invoices, by their ids or by codes that redeem them; one that
        is attached already by its id stays as it is.
        """
        kept = [] if replace else list(subscription.get("coupons", ()))
        attached = {entry["coupon_id"] for entry in kept}
        fresh = [self._named(name, subscription) for name in coupon_ids]
        for coupon, code in fresh:
            if coupon["id"] in attached:
                if code is not None:
                    message = f"Coupon {coupon['id']} is on the subscription already"
                    raise bad_request("invalid_request", message, "coupon_ids")
                continue
            attached.add(coupon["id"])
            kept.append(self._attach(coupon, subscription, code))
        _set_coupons(subscription, kept)

    def remove_coupons(self, subscription: Resource, coupon_ids: list[str] | None) -> None:
        """Detach the coupons named, or all."""
        attached = subscription.get("coupons", [])
        present = {entry["coupon_id"] for entry in attached}
        for coupon_id in coupon_ids or ():
            if coupon_id not in present:
                raise bad_request(
                    "invalid_request", f"coupon {coupon_id} is not on the subscription"
                )
        gone = present if coupon_ids is None else set(coupon_ids)
        self._site.truth.coupons_removed += [
            CouponUse(
                coupon=coupon_id,
                subscription=subscription["id"],
                customer=subscription["customer_id"],
                at=self._site.now,
            )
            for coupon_id in sorted(gone)
        ]
        _set_coupons(subscription, [one for one in attached if one["coupon_id"] not in gone])

    def _named(self, name: str, subscription: Resource) -> tuple[Resource, str | None]:
        """A coupon, and the code where it is named by one."""
        coupon_id = self.codes.redeemable(name)
        if coupon_id is None:
            return self._applicable(name, subscription), None
        return self._applicable(coupon_id, subscription), name

    def _applicable(self, coupon_id: str, subscription: Resource) -> Resource:
        coupon = self._site.coupons.get(coupon_id)
        if coupon is None:
            raise not_found("Coupon", coupon_id, "coupon_ids")
        if coupon.get("valid_till", self._site.now) < self._site.now:
            raise bad_request("resource_limit_exhausted", f"Coupon {coupon_id} has expired")
        if coupon["redemptions"] >= coupon.get("max_redemptions", coupon["redemptions"] + 1):
            raise bad_request(
                "resource_limit_exhausted", f"Coupon {coupon_id} has no redemptions left"
            )
        if (
            coupon.get("currency_code", subscription["currency_code"])
            != (subscription["currency_code"])
        ):
            raise bad_request(
                "invalid_request", f"Coupon {coupon_id} is in another currency", "coupon_ids"
            )
        return coupon

    def _attach(self, coupon: Resource, subscription: Resource, code: str | None) -> Resource:
        site = self._site
        coupon["redemptions"] += 1
        site.touch(coupon)
        entry: Resource = {"coupon_id": coupon["id"], "applied_count": 0, "object": "coupon"}
        if code is not None:
            entry["coupon_code"] = code
            self.codes.redeem(code)
        if coupon["duration_type"] == "limited_period":
            entry["apply_till"] = _ends_at(coupon, site.now)
        site.truth.coupons_applied.append(
            CouponUse(
                coupon=coupon["id"],
                subscription=subscription["id"],
                customer=subscription["customer_id"],
                at=site.now,
                code=code or "",
            )
        )
        return entry

    def use_coupons(
        self, subscription: Resource, sub_total_minor: int, invoice_id: str
    ) -> list[Discount]:
        """What the subscription's coupons take off this invoice; a one-time coupon is then gone."""
        site, rest = self._site, sub_total_minor
        discounts: list[Discount] = []
        kept: list[Resource] = []
        for entry in subscription.get("coupons", ()):
            if entry.get("apply_till", site.now) < site.now:
                continue
            coupon = site.coupons[entry["coupon_id"]]
            amount = min(rest, _discount_minor(coupon, sub_total_minor))
            rest -= amount
            entry["applied_count"] += 1
            if coupon["duration_type"] != "one_time":
                kept.append(entry)
            discounts.append(
                Discount(
                    entity_type="document_level_coupon",
                    entity_id=coupon["id"],
                    description=str(coupon.get("invoice_name", coupon["name"])),
                    amount_minor=amount,
                    code=entry.get("coupon_code"),
                )
            )
            site.truth.coupons_used.append(
                CouponUse(
                    coupon=coupon["id"],
                    subscription=subscription["id"],
                    customer=subscription["customer_id"],
                    at=site.now,
                    invoice=invoice_id,
                    amount_minor=amount,
                    code=entry.get("coupon_code", ""),
                )
            )
        if discounts:
            _set_coupons(subscription, kept)
        return discounts


def _credit_event(kind: str) -> str:
    added = kind == "increment"
    return "promotional_credits_added" if added else "promotional_credits_deducted"


def _set_coupons(subscription: Resource, entries: list[Resource]) -> None:
    subscription.pop("coupons", None)
    if entries:
        subscription["coupons"] = entries


def _check_discount(coupon: Resource) -> None:
    kind = coupon["discount_type"]
    if kind == "percentage" and not 0 < coupon.get("discount_percentage", 0) <= 100:
        raise wrong_value("discount_percentage", "is needed and lies between 0.01 and 100")
    if kind == "fixed_amount":
        if coupon.get("discount_amount", 0) <= 0:
            raise wrong_value("discount_amount", "is needed and is greater than 0")
        if "currency_code" not in coupon:
            raise wrong_value("currency_code", "is needed for a fixed amount")
    for param in ("period", "period_unit"):
        if coupon["duration_type"] == "limited_period" and param not in coupon:
            raise wrong_value(param, "is needed for a limited period")
        if coupon["duration_type"] != "limited_period" and param in coupon:
            raise wrong_value(param, "is for a limited period only")


def _ends_at(coupon: Resource, since: int) -> int:
    """Until when a coupon for a limited period is on invoices."""
    period, unit = int(coupon["period"]), str(coupon["period_unit"])
    if unit in _DAYS:
        return since + period * _DAYS[unit] * DAY
    return add_months(since, period * (12 if unit == "year" else 1))


def _discount_minor(coupon: Resource, sub_total_minor: int) -> int:
    if coupon["discount_type"] == "percentage":
        return int(sub_total_minor * coupon["discount_percentage"] / 100)
    return int(coupon.get("discount_amount", 0))
