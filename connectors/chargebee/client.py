"""Chargebee's API as this project needs it: the official SDK in async mode, behind plain types.

Reads are retried here, because they change nothing; writes never are: whoever sends one decides,
knowing what a `CallError` says about its effect. The SDK's own retries stay off: they never end on
a 429 and make up a new idempotency key.
"""

import asyncio
import ipaddress
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
from chargebee import Chargebee
from prometheus_client import Histogram
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from connectors.chargebee.certificates import share_tls_context
from connectors.chargebee.errors import (
    WAIT_WHEN_THROTTLED_SECONDS,
    CallError,
    CallNotExecutedError,
    CallUncertainError,
    sort_error,
)
from connectors.chargebee.limits import Bucket
from connectors.chargebee.lines import lines_of
from connectors.chargebee.payloads import Subscription
from schemas.facts import PeriodUnit

REQUEST_SECONDS = Histogram(
    "cactus_chargebee_request_seconds",
    "Calls to Chargebee's API by operation and HTTP status (0: no answer)",
    ["operation", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 80),
)

IDEMPOTENCY_HEADER = "chargebee-idempotency-key"
PAGE_LIMIT = 100
PAGES_MAX = 200
READ_ATTEMPTS = 4
UNCERTAIN_READ_WAIT_SECONDS = 1.0
COUPON_NAMES = ("entity_id", "coupon_id", "coupon_set_code")
"""Where the discounts of an invoice and of its lines name a coupon, or the code it came by."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteAccess:
    """One Chargebee site. `api_url` replaces https://{site}.chargebee.com, for a sandbox.

    `throttled_seconds` pass after an answer 429 that does not say how long to wait.
    """

    site: str
    api_key: str = field(repr=False)
    api_url: str = ""
    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    throttled_seconds: float = WAIT_WHEN_THROTTLED_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """One page of the Events API: event objects as a webhook would bring them, oldest first."""

    events: list[dict[str, Any]]
    next_offset: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionalCredit:
    """One entry of a customer's promotional credits. `kind` is increment or decrement."""

    id: str
    customer: str
    reference: str
    kind: str
    amount_minor: int
    currency: str
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionState:
    """What a subscription is now; `coupons` are the ids waiting for its next invoices and the codes
    they were redeemed by, `addons` the prices of its add-ons. `amount_minor` is what plan and
    add-ons cost per billing period, of `period` times `period_unit`.
    """

    id: str
    customer: str
    status: str
    currency: str
    created_at: int
    coupons: tuple[str, ...] = ()
    term_end: int | None = None
    addons: tuple[str, ...] = ()
    amount_minor: int = 0
    period: int = 1
    period_unit: PeriodUnit = "month"


class BadApiUrlError(ValueError):
    """The address of a site cannot be used."""


class ChargebeeClient:
    """The calls of one site. Every call waits for its turn in `bucket`.

    Raises only the kinds of `CallError`, nothing of the SDK or of the transport.
    """

    def __init__(
        self,
        access: SiteAccess,
        bucket: Bucket,
        *,
        read_attempts: int = READ_ATTEMPTS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.site = access.site
        self._bucket = bucket
        self._read_attempts = read_attempts
        self._sleep = sleep
        self._total_seconds = access.connect_seconds + access.read_seconds
        self._throttled_seconds = access.throttled_seconds
        self._sdk = _build_sdk(access)

    async def list_events(
        self, *, after: int | None, offset: str | None = None, limit: int = PAGE_LIMIT
    ) -> EventPage:
        """Events that occurred after `after` (unix seconds), oldest first, one page."""
        params: dict[str, Any] = {"limit": limit, "sort_by": {"asc": "occurred_at"}}
        if after is not None:
            params["occurred_at"] = {"after": str(after)}
        rows, next_offset = await self._page("event", self._sdk.Event.list, params, offset)
        return EventPage(events=rows, next_offset=next_offset)

    async def add_promotional_credit(
        self, params: Mapping[str, Any], *, idempotency_key: str
    ) -> PromotionalCredit:
        """Params as POST /promotional_credits/add has them."""
        answer = await self._write(
            "promotional_credit_add", self._sdk.PromotionalCredit.add, params, idempotency_key
        )
        return _promotional_credit(answer.promotional_credit.raw_data)

    async def deduct_promotional_credit(
        self, params: Mapping[str, Any], *, idempotency_key: str
    ) -> PromotionalCredit:
        """Params as POST /promotional_credits/deduct has them. Always name an amount: without one
        it takes everything.
        """
        assert params.get("amount", 0) > 0
        answer = await self._write(
            "promotional_credit_deduct", self._sdk.PromotionalCredit.deduct, params, idempotency_key
        )
        return _promotional_credit(answer.promotional_credit.raw_data)

    async def promotional_balances(self, customer: str) -> dict[str, int]:
        """Unspent promotional credits in minor units by currency."""
        answer = await self._read(
            "customer_retrieve", lambda: self._sdk.Customer.retrieve(customer)
        )
        row = answer.customer.raw_data
        preferred = row.get("preferred_currency_code")
        balances = {str(preferred): int(row.get("promotional_credits") or 0)} if preferred else {}
        for entry in row.get("balances") or ():
            balances[str(entry.get("currency_code"))] = int(entry.get("promotional_credits") or 0)
        return balances

    async def list_promotional_credits(
        self, *, customer: str | None, since: int
    ) -> AsyncIterator[PromotionalCredit]:
        """Credits created after `since`; of all customers where `customer` is None."""
        params: dict[str, Any] = {"limit": PAGE_LIMIT, "created_at": {"after": str(since)}}
        if customer is not None:
            params["customer_id"] = {"is": customer}
        listing = self._sdk.PromotionalCredit.list
        async for row in self._rows("promotional_credit", listing, params):
            yield _promotional_credit(row)

    async def create_coupon(self, params: Mapping[str, Any]) -> None:
        """Params as POST /coupons/create_for_items has them. The id is ours: no key is needed."""
        await self._write("coupon_create", self._sdk.Coupon.create_for_items, params, None)

    async def retrieve_coupon(self, coupon: str) -> dict[str, Any]:
        answer = await self._read("coupon_retrieve", lambda: self._sdk.Coupon.retrieve(coupon))
        return dict(answer.coupon.raw_data)

    async def create_coupon_set(self, coupon_set: str, coupon: str) -> None:
        """An empty set of codes for a coupon; its id, at most 50 characters, is its name too."""
        params = {"id": coupon_set, "name": coupon_set, "coupon_id": coupon}
        await self._write("coupon_set_create", self._sdk.CouponSet.create, params, None)

    async def add_coupon_code(self, coupon_set: str, code: str) -> None:
        await self._write(
            "coupon_code_add",
            lambda params, headers: self._sdk.CouponSet.add_coupon_codes(
                coupon_set, params, headers
            ),
            {"code": [code]},
            None,
        )

    async def retrieve_coupon_code(self, code: str) -> dict[str, Any]:
        answer = await self._read(
            "coupon_code_retrieve", lambda: self._sdk.CouponCode.retrieve(code)
        )
        return dict(answer.coupon_code.raw_data)

    async def apply_coupon(self, subscription: str, coupon: str, *, idempotency_key: str) -> None:
        """Adds a coupon, by its id or by a code, to those that the next invoice uses."""
        await self._write(
            "coupon_apply",
            lambda params, headers: self._sdk.Subscription.update_for_items(
                subscription, params, headers
            ),
            {"coupon_ids": [coupon], "replace_coupon_list": False},
            idempotency_key,
        )

    async def remove_coupon(self, subscription: str, coupon: str, *, idempotency_key: str) -> None:
        """Takes `coupon` off those that the subscription's next invoice uses."""
        await self._write(
            "coupon_remove",
            lambda params, headers: self._sdk.Subscription.remove_coupons(
                subscription, params, headers
            ),
            {"coupon_ids": [coupon]},
            idempotency_key,
        )

    async def override_entitlement(
        self,
        subscription: str,
        action: Literal["upsert", "remove"],
        override: Mapping[str, Any],
        *,
        idempotency_key: str,
    ) -> None:
        """One override as POST /subscriptions/{id}/entitlement_overrides has it."""
        await self._write(
            "entitlement_override",
            lambda params, headers: (
                self._sdk.EntitlementOverride.add_entitlement_override_for_subscription(
                    subscription, params, headers
                )
            ),
            {"action": action, "entitlement_overrides": [dict(override)]},
            idempotency_key,
        )

    async def list_entitlement_overrides(self, subscription: str) -> dict[str, str]:
        """Value by feature, of the overrides that are in force."""

        def listing(asked: dict[str, Any]) -> Awaitable[Any]:
            answer: Awaitable[Any] = (
                self._sdk.EntitlementOverride.list_entitlement_override_for_subscription(
                    subscription, asked
                )
            )
            return answer

        rows = self._rows("entitlement_override", listing, {"limit": PAGE_LIMIT})
        return {str(row["feature_id"]): str(row.get("value", "")) async for row in rows}

    async def change_term_end(
        self, subscription: str, term_end: int, *, idempotency_key: str
    ) -> None:
        """Moves the end of the present term, without an invoice for the difference."""
        await self._write(
            "term_end_change",
            lambda params, headers: self._sdk.Subscription.change_term_end(
                subscription, params, headers
            ),
            {"term_ends_at": term_end, "prorate": False, "invoice_immediately": False},
            idempotency_key,
        )

    async def add_item(
        self, subscription: str, item: Mapping[str, Any], *, idempotency_key: str
    ) -> None:
        """Adds one item to those of the subscription, without an invoice at once."""
        await self._write(
            "item_add",
            lambda params, headers: self._sdk.Subscription.update_for_items(
                subscription, params, headers
            ),
            {
                "subscription_items": [dict(item)],
                "replace_items_list": False,
                "prorate": False,
                "invoice_immediately": False,
            },
            idempotency_key,
        )

    async def retrieve_subscription(self, subscription: str) -> SubscriptionState:
        answer = await self._read(
            "subscription_retrieve", lambda: self._sdk.Subscription.retrieve(subscription)
        )
        return _subscription(answer.subscription.raw_data)

    async def list_subscriptions(self, customer: str) -> list[SubscriptionState]:
        params = {"limit": PAGE_LIMIT, "customer_id": {"is": customer}}
        listing = self._sdk.Subscription.list
        rows = [row async for row in self._rows("subscription", listing, params)]
        return [_subscription(row) for row in rows]

    async def list_invoiced_coupons(self, subscription: str, *, since: int) -> set[str]:
        """Ids of the coupons that invoices dated after `since` have used, and their codes."""
        return set(await self.count_invoiced_coupons(subscription, since=since))

    async def count_invoiced_coupons(self, subscription: str, *, since: int) -> Counter[str]:
        """How many of the invoices dated after `since` have used each coupon."""
        params = {
            "limit": PAGE_LIMIT,
            "subscription_id": {"is": subscription},
            "date": {"after": str(since)},
        }
        coupons: Counter[str] = Counter()
        async for row in self._rows("invoice", self._sdk.Invoice.list, params):
            discounts = [*row.get("discounts", ()), *row.get("line_item_discounts", ())]
            named = {each.get(name) for each in discounts for name in COUPON_NAMES}
            coupons.update(named - {None})
        return coupons

    async def _rows(
        self, resource: str, listing: Any, params: dict[str, Any]
    ) -> AsyncIterator[dict[str, Any]]:
        offset: str | None = None
        for _ in range(PAGES_MAX):
            rows, offset = await self._page(resource, listing, params, offset)
            for row in rows:
                yield row
            if offset is None:
                return
        raise CallUncertainError(
            f"more than {PAGES_MAX} pages of {resource}: the listing is cut short"
        )

    async def _page(
        self, resource: str, listing: Any, params: dict[str, Any], offset: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        asked = params if offset is None else {**params, "offset": offset}
        answer = await self._read(f"{resource}_list", lambda: listing(asked))
        rows = [getattr(entry, resource).raw_data for entry in answer.list]
        return rows, answer.next_offset or None

    async def _read(self, operation: str, call: Callable[[], Awaitable[Any]]) -> Any:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._read_attempts),
            retry=retry_if_exception(_may_pass),
            wait=_wait_before_reading_again,
            sleep=self._sleep,
            reraise=True,
        )
        return await retrying(self._call, operation, call)

    async def _write(
        self, operation: str, call: Any, params: Mapping[str, Any], key: str | None
    ) -> Any:
        assert key is None or len(key) <= 100
        headers = {} if key is None else {IDEMPOTENCY_HEADER: key}
        return await self._call(operation, lambda: call(dict(params), headers))

    async def _call(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        await self._bucket.acquire()
        started, status = time.monotonic(), 0
        try:
            async with asyncio.timeout(self._total_seconds):
                answer = await call()
            status = int(getattr(answer, "http_status_code", 200))
            return answer
        except Exception as error:
            sorted_error = sort_error(error, self._throttled_seconds)
            status = sorted_error.status
            await self._hold_back(sorted_error)
            raise sorted_error from error
        finally:
            elapsed = time.monotonic() - started
            REQUEST_SECONDS.labels(operation, str(status)).observe(elapsed)

    async def _hold_back(self, error: CallError) -> None:
        if not isinstance(error, CallNotExecutedError):
            return
        # Jitter, so that the roles do not come back in step.
        error.retry_after *= 1 + random.random() / 4  # noqa: S311
        if error.for_all:
            await self._bucket.pause(error.retry_after)


def _may_pass(error: BaseException) -> bool:
    """Whether the same read may succeed soon. A wrong key stays wrong: the caller must hear it."""
    if isinstance(error, CallNotExecutedError | CallUncertainError):
        return error.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    return False


def _wait_before_reading_again(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, CallNotExecutedError):
        return error.retry_after
    return float(UNCERTAIN_READ_WAIT_SECONDS * 2 ** (state.attempt_number - 1))


def _build_sdk(access: SiteAccess) -> Any:
    # At DEBUG the SDK logs whole payloads, which hold personal data.
    logging.getLogger("chargebee").setLevel(logging.INFO)
    share_tls_context()
    scheme, address = _api_address(access.api_url)
    sdk = Chargebee(
        api_key=access.api_key,
        site=access.site,
        protocol=scheme,
        connection_time_out=access.connect_seconds,
        read_time_out=access.read_seconds,
        use_async_client=True,
    )
    if address:
        # The SDK works its address out once, in its constructor: this is the only way to change it.
        sdk.env.api_endpoint = address
    return sdk


def _api_address(api_url: str) -> tuple[str, str]:
    """`(scheme, address of the API)`; plain http only ever leads to this machine."""
    if not api_url:
        return "https", ""
    parts = urlsplit(api_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadApiUrlError(f"{api_url!r} is no http(s) address of a Chargebee API")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise BadApiUrlError(
            f"{api_url!r}: plain http is allowed for a sandbox on this machine only; use https"
        )
    base = api_url.rstrip("/")
    return parts.scheme, base if base.endswith("/api/v2") else f"{base}/api/v2"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _promotional_credit(row: Mapping[str, Any]) -> PromotionalCredit:
    return PromotionalCredit(
        id=str(row["id"]),
        customer=str(row.get("customer_id", "")),
        reference=str(row.get("reference") or ""),
        kind=str(row.get("type", "")),
        amount_minor=int(row.get("amount") or 0),
        currency=str(row.get("currency_code", "")),
        created_at=int(row.get("created_at") or 0),
    )


def _subscription(row: Mapping[str, Any]) -> SubscriptionState:
    return SubscriptionState(
        id=str(row["id"]),
        customer=str(row.get("customer_id", "")),
        status=str(row.get("status", "")),
        currency=str(row.get("currency_code", "")),
        created_at=int(row.get("created_at") or 0),
        coupons=tuple(
            str(coupon[name])
            for coupon in row.get("coupons") or ()
            for name in ("coupon_id", "coupon_code")
            if coupon.get(name)
        ),
        term_end=row.get("current_term_end"),
        addons=(
            *(str(addon["id"]) for addon in row.get("addons") or ()),
            *(
                str(item["item_price_id"])
                for item in row.get("subscription_items") or ()
                if item.get("item_type") == "addon"
            ),
        ),
        amount_minor=_amount_minor(row),
        period=int(row.get("billing_period") or 1),
        period_unit=row.get("billing_period_unit") or "month",
    )


def _amount_minor(row: Mapping[str, Any]) -> int:
    """As a fact would tell it: without what is billed only when something happens."""
    try:
        lines = lines_of(msgspec.convert(row, Subscription))
    except msgspec.ValidationError as error:
        raise CallUncertainError(f"subscription {row['id']} makes no sense: {error}") from error
    return sum(line.amount_minor for line in lines if line.kind != "charge")
