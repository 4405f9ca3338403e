"""Discounts on the next billing cycle: promotional credits and coupons, each with its read-back."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from connectors.rewards.gateway import (
    Absent,
    Conflict,
    Done,
    Found,
    GatewayUnavailableError,
    NotExecuted,
    Outcome,
    Prepared,
    ReadBack,
    Refused,
    RewardGateway,
    Unreadable,
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
        try:
            currency = await self._currency(command, grant)
        except GatewayUnavailableError as error:
            return NotExecuted(error.reason, error.retry_after)
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
        chosen = choose_subscription(await self._gateway.subscriptions(command.customer))
        if chosen is not None:
            return chosen.currency
        # Without a subscription a program in one currency leaves no choice.
        return next(iter(grant.amounts_minor)) if len(grant.amounts_minor) == 1 else ""

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        return await self._gateway.add_credit(body, key)

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        try:
            held = [
                credit
                async for credit in self._gateway.list_credits(
                    customer=body["customer_id"], since=since
                )
                if credit.reference == body["reference"]
            ]
        except GatewayUnavailableError as error:
            return Unreadable(error.reason, error.retry_after)
        if not held:
            return Absent()
        if len(held) > 1:
            return Conflict(f"given {len(held)} times: {', '.join(credit.id for credit in held)}")
        credit = held[0]
        if (credit.amount_minor, credit.currency) != (body["amount"], body["currency_code"]):
            return Conflict(f"{credit.id} is {credit.amount_minor} {credit.currency}")
        return Found(credit.id)


class CouponExecutor:
    """A one-time coupon on the subscription's next invoice.

    Its id holds rule, program version and the customer's how-manieth firing it is: all customers
    share a coupon, and still each firing of one customer can be told apart when reading back.
    """

    policy: Policy | None = None

    def __init__(self, gateway: RewardGateway) -> None:
        self._gateway = gateway
        self.undo = CouponUndo(gateway)

    async def prepare(self, command: GrantReward) -> Prepared | Refused | NotExecuted:
        grant = _discount(command)
        try:
            chosen = await land(self._gateway, command, BILLED_AGAIN)
        except GatewayUnavailableError as error:
            return NotExecuted(error.reason, error.retry_after)
        if chosen is None:
            return Refused("the customer has no subscription with a next invoice for a coupon")
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
        coupon = coupon_id(command, "" if grant.percent else chosen.currency)
        common = {"apply_on": "invoice_amount", "duration_type": "one_time"}
        return Prepared(
            {
                "subscription": chosen.id,
                "coupon": {"id": coupon, "name": coupon, **common, **terms},
            },
            worth_minor=terms.get("discount_amount", 0),
            currency=terms.get("currency_code", ""),
        )

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        ensured = await self._gateway.ensure_coupon(body["coupon"])
        if not isinstance(ensured, Done):
            return ensured
        return await self._gateway.apply_coupon(body["subscription"], body["coupon"]["id"], key)

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        coupon, subscription = body["coupon"]["id"], body["subscription"]
        try:
            held = await self._gateway.subscription(subscription)
            if held is None:
                return Conflict(f"subscription {subscription} is gone")
            # An invoice in the meantime takes a one-time coupon off the subscription.
            if coupon in held.coupons or coupon in await self._gateway.invoiced_coupons(
                subscription, since
            ):
                return Found(f"{subscription}:{coupon}")
        except GatewayUnavailableError as error:
            return Unreadable(error.reason, error.retry_after)
        return Absent()


def coupon_id(command: GrantReward, currency: str) -> str:
    """Stable, at most 50 characters, only letters, digits, hyphen and underscore.

    Chargebee treats a coupon in use as unchangeable, so the program's version is part of it.
    """
    ordinal = command.reward_id.rpartition(":")[2]
    parts = (command.program, command.reward, f"v{command.program_version}", currency, ordinal)
    exact = "-".join(part for part in ("cactus", *parts) if part)
    if len(exact) <= COUPON_ID_CHARS_MAX and re.fullmatch(r"[A-Za-z0-9_-]+", exact):
        return exact
    digest = sha256("\n".join(parts).encode()).hexdigest()[:16]
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", exact)[: COUPON_ID_CHARS_MAX - len(digest) - 1]
    return f"{readable}-{digest}"


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
