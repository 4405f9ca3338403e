"""The reward gateway on Chargebee: calls of `ChargebeeClient`, answers as outcome values."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from connectors.chargebee.client import ChargebeeClient, SubscriptionState
from connectors.chargebee.errors import (
    CallError,
    CallNotExecutedError,
    CallRefusedError,
    CallUncertainError,
)
from connectors.rewards.gateway import (
    Done,
    GatewayUnavailableError,
    GrantedCredit,
    NotExecuted,
    Outcome,
    Refused,
    Subscription,
    Unknown,
)

COUPON_TERMS = (
    "discount_type",
    "discount_amount",
    "discount_percentage",
    "currency_code",
    "apply_on",
    "duration_type",
    "period",
    "period_unit",
)
ALREADY_THERE = frozenset({"duplicate_entry", "resource_already_exists"})
NOT_FOUND = "resource_not_found"
INCREMENT, DECREMENT = "increment", "decrement"
COUPONS_REMEMBERED_MAX = 10_000
UNREADABLE_WAIT_SECONDS = 10.0
CREATE_AGAIN_SECONDS = 2.0


class ChargebeeGateway:
    """One site's gateway."""

    def __init__(self, client: ChargebeeClient) -> None:
        self._client = client
        self._coupons_seen: dict[str, None] = {}
        self._sets_seen: dict[str, None] = {}

    async def add_credit(self, params: Mapping[str, Any], key: str) -> Outcome:
        try:
            credit = await self._client.add_promotional_credit(params, idempotency_key=key)
        except CallError as error:
            return _outcome(error)
        return Done(credit.id)

    async def list_credits(
        self, *, customer: str | None, since: int
    ) -> AsyncIterator[GrantedCredit]:
        async for credit in self._list(INCREMENT, customer, since):
            yield credit

    async def deduct_credit(self, params: Mapping[str, Any], key: str) -> Outcome:
        try:
            credit = await self._client.deduct_promotional_credit(params, idempotency_key=key)
        except CallError as error:
            return _outcome(error)
        return Done(credit.id)

    async def list_deductions(self, *, customer: str, since: int) -> AsyncIterator[GrantedCredit]:
        async for credit in self._list(DECREMENT, customer, since):
            yield credit

    async def _list(
        self, kind: str, customer: str | None, since: int
    ) -> AsyncIterator[GrantedCredit]:
        try:
            async for credit in self._client.list_promotional_credits(
                customer=customer, since=since
            ):
                if credit.kind == kind:
                    yield GrantedCredit(
                        id=credit.id,
                        reference=credit.reference,
                        customer=credit.customer,
                        amount_minor=credit.amount_minor,
                        currency=credit.currency,
                        created_at=credit.created_at,
                    )
        except CallError as error:
            raise _unavailable(error) from error

    async def credit_balance(self, customer: str, currency: str) -> int:
        try:
            return (await self._client.promotional_balances(customer)).get(currency, 0)
        except CallRefusedError as error:
            if error.code == NOT_FOUND:
                return 0
            raise _unavailable(error) from error
        except CallError as error:
            raise _unavailable(error) from error

    async def ensure_coupon(self, params: Mapping[str, Any]) -> Outcome:
        coupon = str(params["id"])
        if coupon in self._coupons_seen:
            return Done(coupon)
        try:
            await self._client.create_coupon(params)
        except CallRefusedError as error:
            if error.code not in ALREADY_THERE:
                return _outcome(error)
            differs = await self._compare_coupon(coupon, params)
            if differs is not None:
                return differs
        except CallUncertainError as error:
            # The id is ours, so that creating it again shows whether it is there.
            return NotExecuted(error.reason, CREATE_AGAIN_SECONDS)
        except CallError as error:
            return _outcome(error)
        _remember(self._coupons_seen, coupon)
        return Done(coupon)

    async def _compare_coupon(self, coupon: str, params: Mapping[str, Any]) -> Outcome | None:
        try:
            held = await self._client.retrieve_coupon(coupon)
        except CallError as error:
            return NotExecuted(error.reason, CREATE_AGAIN_SECONDS)
        for term in COUPON_TERMS:
            wanted, there = params.get(term), held.get(term)
            if wanted is not None and not _same_term(wanted, there):
                reason = f"coupon {coupon} exists with other terms: {term} is {there!r}"
                return Refused(reason, "coupon_differs")
        status = held.get("status", "active")
        if status != "active":
            return Refused(f"coupon {coupon} is {status}", "coupon_not_active")
        return None

    async def ensure_code(self, code: str, coupon: str, coupon_set: str) -> Outcome:
        try:
            await self._ensure_set(coupon, coupon_set)
            await self._client.add_coupon_code(coupon_set, code)
        except CallRefusedError as error:
            # It may be there from an earlier attempt; what a repeat is told is not documented.
            return await self._compare_code(code, coupon, error)
        except CallUncertainError as error:
            return NotExecuted(error.reason, CREATE_AGAIN_SECONDS)
        except CallError as error:
            return _outcome(error)
        return Done(code)

    async def _ensure_set(self, coupon: str, coupon_set: str) -> None:
        if coupon_set in self._sets_seen:
            return
        try:
            await self._client.create_coupon_set(coupon_set, coupon)
        except CallRefusedError as error:
            if error.code not in ALREADY_THERE:
                raise
        _remember(self._sets_seen, coupon_set)

    async def _compare_code(self, code: str, coupon: str, refused: CallRefusedError) -> Outcome:
        try:
            held = await self._client.retrieve_coupon_code(code)
        except CallRefusedError:
            return _outcome(refused)
        except CallError as error:
            return NotExecuted(error.reason, CREATE_AGAIN_SECONDS)
        if held.get("coupon_id") != coupon:
            reason = f"code {code} redeems another coupon: {held.get('coupon_id')}"
            return Refused(reason, "code_differs")
        return Done(code)

    async def apply_coupon(self, subscription: str, coupon: str, key: str) -> Outcome:
        try:
            await self._client.apply_coupon(subscription, coupon, idempotency_key=key)
        except CallError as error:
            return _outcome(error)
        return Done(f"{subscription}:{coupon}")

    async def remove_coupon(self, subscription: str, coupon: str, key: str) -> Outcome:
        try:
            await self._client.remove_coupon(subscription, coupon, idempotency_key=key)
        except CallError as error:
            return _outcome(error)
        return Done(f"{subscription}:{coupon}")

    async def subscription(self, subscription: str) -> Subscription | None:
        try:
            return _subscription(await self._client.retrieve_subscription(subscription))
        except CallRefusedError as error:
            if error.code == NOT_FOUND:
                return None
            raise _unavailable(error) from error
        except CallError as error:
            raise _unavailable(error) from error

    async def subscriptions(self, customer: str) -> list[Subscription]:
        try:
            held = await self._client.list_subscriptions(customer)
        except CallError as error:
            raise _unavailable(error) from error
        return [_subscription(state) for state in held]

    async def set_feature(self, subscription: str, params: Mapping[str, Any], key: str) -> Outcome:
        try:
            await self._client.override_entitlement(
                subscription, "upsert", params, idempotency_key=key
            )
        except CallError as error:
            return _outcome(error)
        return Done(f"{subscription}:{params['feature_id']}")

    async def remove_feature(self, subscription: str, feature: str, key: str) -> Outcome:
        try:
            await self._client.override_entitlement(
                subscription, "remove", {"feature_id": feature}, idempotency_key=key
            )
        except CallError as error:
            return _outcome(error)
        return Done(f"{subscription}:{feature}")

    async def features(self, subscription: str) -> dict[str, str]:
        try:
            return await self._client.list_entitlement_overrides(subscription)
        except CallError as error:
            raise _unavailable(error) from error

    async def move_term_end(self, subscription: str, term_end: int, key: str) -> Outcome:
        try:
            await self._client.change_term_end(subscription, term_end, idempotency_key=key)
        except CallError as error:
            return _outcome(error)
        return Done(f"{subscription}:{term_end}")

    async def add_addon(self, subscription: str, params: Mapping[str, Any], key: str) -> Outcome:
        try:
            await self._client.add_item(subscription, params, idempotency_key=key)
        except CallError as error:
            return _outcome(error)
        return Done(f"{subscription}:{params['item_price_id']}")

    async def invoiced_coupons(self, subscription: str, since: int) -> set[str]:
        try:
            return await self._client.list_invoiced_coupons(subscription, since=since)
        except CallError as error:
            raise _unavailable(error) from error


def _remember(seen: dict[str, None], name: str) -> None:
    if len(seen) >= COUPONS_REMEMBERED_MAX:
        seen.pop(next(iter(seen)))
    seen[name] = None


def _outcome(error: CallError) -> Outcome:
    if isinstance(error, CallRefusedError):
        return Refused(error.reason, error.code)
    if isinstance(error, CallNotExecutedError):
        return NotExecuted(error.reason, error.retry_after)
    return Unknown(error.reason)


def _unavailable(error: CallError) -> GatewayUnavailableError:
    wait = error.retry_after if isinstance(error, CallNotExecutedError) else UNREADABLE_WAIT_SECONDS
    return GatewayUnavailableError(error.reason, retry_after=wait)


def _same_term(wanted: Any, there: Any) -> bool:
    if isinstance(wanted, int | float) and isinstance(there, int | float):
        return float(wanted) == float(there)
    return str(wanted) == str(there)


def _subscription(state: SubscriptionState) -> Subscription:
    return Subscription(
        id=state.id,
        customer=state.customer,
        status=state.status,
        currency=state.currency,
        created_at=state.created_at,
        coupons=state.coupons,
        term_end=state.term_end,
        addons=state.addons,
        amount_minor=state.amount_minor,
        period=state.period,
        period_unit=state.period_unit,
    )
