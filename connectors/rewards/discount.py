"""Discounts on the next billing cycle: promotional credits and coupons, each with its read-back."""

import re
from base64 import b32encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from connectors.rewards.gateway import (
    Absent,
    Conflict,
    Done,
    Found,
    NotExecuted,
    Outcome,
    Prepared,
    ReadBack,
    Refused,
    RewardGateway,
    Subscription,
    find_entry,
)
from connectors.rewards.landing import BILLED_AGAIN, choose_subscription, land
from connectors.rewards.policy import Policy
from connectors.rewards.undo import CouponUndo, CreditUndo
from schemas import ids
from schemas.rewards import Discount, GrantReward

DESCRIPTION_CHARS_MAX = 250
REFERENCE_CHARS_MAX = 500
COUPON_ID_CHARS_MAX = 50
"""Ids may have 100 characters, names 50, and both must be unique: one text serves as both."""
SET_MARK_CHARS = 3
"""A set of codes is named after its coupon: a hyphen and two digits more."""
CODE_MARK = "LOYAL"


class PromotionalCreditExecutor:
    """Money on the customer's account, which any of their next invoices uses up."""

    policy: Policy | None = None

    def __init__(self, gateway: RewardGateway) -> None:
        self._gateway = gateway
        self.undo = CreditUndo(gateway)

    async def prepare(self, command: GrantReward) -> Prepared | Refused | NotExecuted:
        grant = _discount(command)
        if grant.percent:
            return Refused("a promotional credit is an amount; a percentage needs a coupon")
        if len(ids.revocation(command.reward_id)) > REFERENCE_CHARS_MAX:
            return Refused(
                f"the reward id and a mark are longer than {REFERENCE_CHARS_MAX} characters"
            )
        currency = await self._currency(command, grant)
        if currency not in grant.amounts_minor:
            return _no_amount(grant, currency)
        description = (
            f"Loyalty reward {command.reward} of program {command.program},"
            f" version {command.program_version}"
        )
        amount = grant.amounts_minor[currency]
        body = {
            "customer_id": command.customer,
            "amount": amount,
            "currency_code": currency,
            "description": description[:DESCRIPTION_CHARS_MAX],
            "credit_type": "loyalty_credits",
            "reference": command.reward_id,
        }
        return Prepared(body, worth_minor=amount, currency=currency)

    async def _currency(self, command: GrantReward, grant: Discount) -> str:
        if command.currency:
            return command.currency
        held = await self._gateway.subscriptions(command.customer)
        chosen = choose_subscription(held, lands_on=command.lands_on)
        if chosen is not None:
            return chosen.currency
        # Without a subscription a program in one currency leaves no choice.
        return next(iter(grant.amounts_minor)) if len(grant.amounts_minor) == 1 else ""

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        return await self._gateway.add_credit(body, key)

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        given = self._gateway.list_credits(customer=body["customer_id"], since=since)
        return await find_entry(given, body)


class CouponExecutor:
    """A coupon on the subscription's next invoice, or on those of its next billing cycles.

    Its id holds rule, program version and the customer's how-manieth firing it is: all customers
    share a coupon, and still each firing of one customer can be told apart when reading back. Where
    it is redeemed by a code, the code is the reward's alone, and its reference.
    """

    policy: Policy | None = None

    def __init__(self, gateway: RewardGateway) -> None:
        self._gateway = gateway
        self.undo = CouponUndo(gateway)

    async def prepare(self, command: GrantReward) -> Prepared | Refused | NotExecuted:
        grant = _discount(command)
        chosen = await land(self._gateway, command, BILLED_AGAIN)
        if not isinstance(chosen, Subscription):
            return chosen
        terms: dict[str, Any]
        if grant.percent:
            terms = {"discount_type": "percentage", "discount_percentage": float(grant.percent)}
        elif chosen.currency in grant.amounts_minor:
            terms = {
                "discount_type": "fixed_amount",
                "discount_amount": grant.amounts_minor[chosen.currency],
                "currency_code": chosen.currency,
            }
        else:
            return _no_amount(grant, chosen.currency)
        terms |= {"apply_on": "invoice_amount", **_duration(grant.periods, chosen)}
        coupon = coupon_id(command, terms.get("currency_code", ""), _cycles(terms))
        body = {
            "subscription": chosen.id,
            "coupon": {"id": coupon, "name": coupon, **terms},
        }
        if grant.single_use:
            body["code"] = code_of(command.reward_id)
            body["set"] = set_of(coupon, command.reward_id)
        return Prepared(
            body,
            worth_minor=terms.get("discount_amount", 0) * grant.periods,
            currency=terms.get("currency_code", ""),
        )

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        coupon, code = body["coupon"]["id"], body.get("code")
        ensured = await self._gateway.ensure_coupon(body["coupon"])
        if isinstance(ensured, Done) and code is not None:
            ensured = await self._gateway.ensure_code(code, coupon, body["set"])
        if not isinstance(ensured, Done):
            return ensured
        applied = await self._gateway.apply_coupon(body["subscription"], code or coupon, key)
        return Done(code) if code is not None and isinstance(applied, Done) else applied

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        subscription, code = body["subscription"], body.get("code")
        coupon = code or body["coupon"]["id"]
        held = await self._gateway.subscription(subscription)
        if held is None:
            return Conflict(f"subscription {subscription} is gone")
        # An invoice in the meantime takes a one-time coupon off the subscription.
        if coupon in held.coupons or coupon in await self._gateway.invoiced_coupons(
            subscription, since
        ):
            return Found(code or f"{subscription}:{coupon}")
        return Absent()


def _duration(periods: int, subscription: Subscription) -> dict[str, Any]:
    """A coupon lasts for a time: for so many terms of this subscription, counted from now, it is on
    exactly so many of its invoices, for the first of them comes within one term.
    """
    if periods == 1:
        return {"duration_type": "one_time"}
    return {
        "duration_type": "limited_period",
        "period": periods * subscription.period,
        "period_unit": subscription.period_unit,
    }


def _cycles(terms: Mapping[str, Any]) -> str:
    return f"{terms['period']}{terms['period_unit']}" if "period" in terms else ""


def coupon_id(command: GrantReward, currency: str, lasts: str = "") -> str:
    """Stable, only letters, digits, hyphen and underscore; a set's mark still fits behind it.

    Chargebee treats a coupon in use as unchangeable, so the program's version is part of it, and so
    is what differs by subscription.
    """
    ordinal = command.reward_id.rpartition(":")[2]
    version = f"v{command.program_version}"
    parts = [command.program, command.reward, version, currency, ordinal]
    if lasts:
        parts.append(lasts)
    chars_max = COUPON_ID_CHARS_MAX - (SET_MARK_CHARS if _discount(command).single_use else 0)
    exact = "-".join(part for part in ("cactus", *parts) if part)
    if len(exact) <= chars_max and re.fullmatch(r"[A-Za-z0-9_-]+", exact):
        return exact
    digest = sha256("\n".join(parts).encode()).hexdigest()[:16]
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", exact)[: chars_max - len(digest) - 1]
    return f"{readable}-{digest}"


def code_of(reward_id: str) -> str:
    """The reward's own code: capital letters and digits, the same for ever."""
    digest = sha256(reward_id.encode()).digest()
    return CODE_MARK + b32encode(digest[:20]).decode()


def set_of(coupon: str, reward_id: str) -> str:
    """One of 256 sets of a coupon's codes, for Chargebee takes a thousand codes in a set."""
    return f"{coupon}-{sha256(reward_id.encode()).hexdigest()[-2:]}"


def _discount(command: GrantReward) -> Discount:
    assert isinstance(command.grant, Discount)
    return command.grant


def _no_amount(grant: Discount, currency: str) -> Refused:
    known = ", ".join(sorted(grant.amounts_minor)) or "no currency at all"
    if not currency:
        return Refused(
            f"the customer's currency is not known: no subscription; the reward names {known}"
        )
    return Refused(f"the reward names no amount in {currency}, only in {known}")
