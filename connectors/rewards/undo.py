"""Taking back what a billing site gave: unspent credit, a coupon that waits, a feature, free days.

Each undo is a call of its own with its own key and reading, because it can be lost as any other.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.rewards.gateway import (
    Absent,
    Caller,
    Conflict,
    Done,
    Found,
    GatewayUnavailableError,
    Granted,
    NotExecuted,
    Outcome,
    Prepared,
    ReadBack,
    Refused,
    RewardGateway,
    find_entry,
)
from connectors.rewards.policy import Policy
from schemas import ids
from schemas.program.amounts import money_text
from schemas.rewards import RevokeReward

DAY_SECONDS = 86_400
DESCRIPTION_CHARS_MAX = 250
USED = "an invoice has used the coupon"


class CreditUndo:
    """Deducts what is left of a promotional credit. What invoices have used stays used."""

    policy: Policy | None = None

    def __init__(self, gateway: RewardGateway) -> None:
        self._gateway = gateway

    async def prepare(
        self, granted: Granted, revoke: RevokeReward
    ) -> Prepared | Done | Refused | NotExecuted:
        given = granted.body
        customer, currency = given["customer_id"], given["currency_code"]
        balance = await self._gateway.credit_balance(customer, currency)
        if balance <= 0:
            return Refused("the credit is spent")
        description = f"Loyalty reward {revoke.reward} taken back: {revoke.reason}"
        deduct = {
            "customer_id": customer,
            "amount": min(given["amount"], balance),
            "currency_code": currency,
            "description": description[:DESCRIPTION_CHARS_MAX],
            "credit_type": given["credit_type"],
            "reference": ids.revocation(granted.command.reward_id),
        }
        return Prepared({"given": given["amount"], "deduct": deduct})

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        deduct = body["deduct"]
        outcome = await self._gateway.deduct_credit(deduct, key)
        match outcome:
            case Done(reference):
                return Done(reference, short=_spent(body))
            case Refused(reason):
                return await self._after_refusal(outcome, deduct, reason)
            case _:
                return outcome

    async def _after_refusal(
        self, refused: Refused, deduct: Mapping[str, Any], reason: str
    ) -> Outcome:
        """An invoice may have used some of it since the amount was decided."""
        try:
            balance = await self._gateway.credit_balance(
                deduct["customer_id"], deduct["currency_code"]
            )
        except GatewayUnavailableError as error:
            return NotExecuted(reason, error.retry_after)
        return refused if balance >= deduct["amount"] else NotExecuted(reason, 0.0, anew=True)

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        deduct = body["deduct"]
        taken = self._gateway.list_deductions(customer=deduct["customer_id"], since=since)
        reading = await find_entry(taken, deduct)
        return replace(reading, short=_spent(body)) if isinstance(reading, Found) else reading


class CouponUndo:
    """Takes a coupon off the subscription, for those invoices that have not used it."""

    policy: Policy | None = None

    def __init__(self, gateway: RewardGateway) -> None:
        self._gateway = gateway

    async def prepare(
        self, granted: Granted, revoke: RevokeReward
    ) -> Prepared | Done | Refused | NotExecuted:
        del revoke
        subscription, coupon = granted.body["subscription"], granted.body["coupon"]["id"]
        since = max(0, granted.command.occurred_at - DAY_SECONDS)
        held = await self._gateway.subscription(subscription)
        if held is None:
            return Refused(f"subscription {subscription} is gone")
        # One that lasts for some time is still there after the first invoice that used it.
        is_used = coupon in await self._gateway.invoiced_coupons(subscription, since)
        if coupon in held.coupons:
            return Prepared({"subscription": subscription, "coupon": coupon, "is_used": is_used})
        return Refused(USED) if is_used else Done(f"{subscription}:{coupon}")

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        outcome = await self._gateway.remove_coupon(body["subscription"], body["coupon"], key)
        return replace(outcome, short=_used(body)) if isinstance(outcome, Done) else outcome

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        subscription, coupon = body["subscription"], body["coupon"]
        held = await self._gateway.subscription(subscription)
        if held is None:
            return Conflict(f"subscription {subscription} is gone")
        if coupon in held.coupons:
            return Absent()
        # Used meanwhile is not taken back either: what is decided anew then says so.
        if not _used(body) and coupon in await self._gateway.invoiced_coupons(subscription, since):
            return Absent()
        return Found(f"{subscription}:{coupon}", short=_used(body))


class FeatureUndo:
    """Removes the override, unless somebody has given it another value since."""

    policy: Policy | None = None

    def __init__(self, gateway: RewardGateway) -> None:
        self._gateway = gateway

    async def prepare(
        self, granted: Granted, revoke: RevokeReward
    ) -> Prepared | Done | Refused | NotExecuted:
        del revoke
        subscription, override = granted.body["subscription"], granted.body["override"]
        feature = override["feature_id"]
        value = (await self._gateway.features(subscription)).get(feature)
        if value is None:
            return Done(f"{subscription}:{feature}")
        if value != override["value"]:
            return Refused(f"{feature} was given another value since: {value}")
        return Prepared({"subscription": subscription, "feature": feature})

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        return await self._gateway.remove_feature(body["subscription"], body["feature"], key)

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        del since
        subscription, feature = body["subscription"], body["feature"]
        held = await self._gateway.features(subscription)
        return Absent() if feature in held else Found(f"{subscription}:{feature}")


class FreeDaysUndo:
    """Moves the term's end back, where it is still exactly where the reward moved it.

    Where the free days have begun, the site refuses an end in the past. `days` makes the calls.
    """

    def __init__(self, gateway: RewardGateway, days: Caller) -> None:
        self._gateway = gateway
        self._days = days
        self.policy = days.policy

    async def prepare(
        self, granted: Granted, revoke: RevokeReward
    ) -> Prepared | Done | Refused | NotExecuted:
        del revoke
        subscription = granted.body["subscription"]
        before, moved = granted.body["from"], granted.body["until"]
        held = await self._gateway.subscription(subscription)
        if held is None:
            return Refused(f"subscription {subscription} is gone")
        if held.term_end == before:
            return Done(f"{subscription}:{before}")
        if held.term_end != moved:
            return Refused("the term's end has moved since")
        return Prepared({"subscription": subscription, "from": moved, "until": before})

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        return await self._days.carry_out(body, key)

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        return await self._days.read_back(body, since)


class NoUndo:
    """A kind that is the customer's once it was given; `reason` says why."""

    policy: Policy | None = None

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def prepare(
        self, granted: Granted, revoke: RevokeReward
    ) -> Prepared | Done | Refused | NotExecuted:
        del granted, revoke
        return Refused(self._reason)

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        del body, key
        raise AssertionError("it is refused before anything is sent")

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        del body, since
        raise AssertionError("it is refused before anything is sent")


def _spent(body: Mapping[str, Any]) -> str:
    deduct, given = body["deduct"], body["given"]
    if deduct["amount"] == given:
        return ""
    spent = money_text(given - deduct["amount"], deduct["currency_code"])
    return f"{spent} of {money_text(given, deduct['currency_code'])} were spent"


def _used(body: Mapping[str, Any]) -> str:
    return USED if body.get("is_used") else ""
