"""A billing site in memory behind the reward gateway's port, keys it forgets and faults."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

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

Fault = Literal["none", "lost_before", "lost_after", "throttled", "unreadable"]

KEY_LIFE_SECONDS = 30 * 60


@dataclass
class InMemoryGateway:
    """`faults` are used up, one per call; afterwards all is well. `clock` is by which keys die and
    credits are dated, `wall` by which a reading lags `stale_seconds` behind.
    """

    clock: Callable[[], int]
    wall: Callable[[], float]
    customers: set[str] = field(default_factory=set)
    held: dict[str, Subscription] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    stale_seconds: float = 0.0
    credits: list[tuple[float, GrantedCredit]] = field(default_factory=list)
    deductions: list[tuple[float, GrantedCredit]] = field(default_factory=list)
    spent: dict[str, int] = field(default_factory=dict)
    coupons: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    redeemed: set[str] = field(default_factory=set)
    invoiced: dict[str, set[str]] = field(default_factory=dict)
    overrides: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    _keys: dict[str, tuple[int, str, Outcome]] = field(default_factory=dict)

    def with_subscription(
        self, subscription: str = "sub_1", customer: str = "c1", **changes: Any
    ) -> "InMemoryGateway":
        values = {"status": "active", "currency": "USD", "created_at": 1, **changes}
        self.customers.add(customer)
        self.held[subscription] = Subscription(id=subscription, customer=customer, **values)
        return self

    def granted(self, reference: str) -> list[GrantedCredit]:
        return [credit for _, credit in self.credits if credit.reference == reference]

    async def add_credit(self, params: Mapping[str, Any], key: str) -> Outcome:
        return self._write(
            "add_credit", key, repr(sorted(params.items())), lambda: self._add(params)
        )

    def _add(self, params: Mapping[str, Any]) -> Outcome:
        if params["customer_id"] not in self.customers:
            return Refused(f"Customer {params['customer_id']} not found", "resource_not_found")
        credit = GrantedCredit(
            id=f"pc_{len(self.credits) + 1}",
            reference=params["reference"],
            customer=params["customer_id"],
            amount_minor=params["amount"],
            currency=params["currency_code"],
            created_at=self.clock(),
        )
        self.credits.append((self.wall(), credit))
        return Done(credit.id)

    async def list_credits(
        self, *, customer: str | None, since: int
    ) -> AsyncIterator[GrantedCredit]:
        self._read("list_credits")
        for made_at, credit in self.credits:
            visible = self.wall() - made_at >= self.stale_seconds
            if visible and credit.created_at > since and customer in {None, credit.customer}:
                yield credit

    async def deduct_credit(self, params: Mapping[str, Any], key: str) -> Outcome:
        return self._write(
            "deduct_credit", key, repr(sorted(params.items())), lambda: self._deduct(params)
        )

    def _deduct(self, params: Mapping[str, Any]) -> Outcome:
        customer, currency = params["customer_id"], params["currency_code"]
        if params["amount"] > self._balance(customer, currency):
            return Refused("amount : exceeds the promotional credits", "param_wrong_value")
        entry = GrantedCredit(
            id=f"pd_{len(self.deductions) + 1}",
            reference=params["reference"],
            customer=customer,
            amount_minor=params["amount"],
            currency=currency,
            created_at=self.clock(),
        )
        self.deductions.append((self.wall(), entry))
        return Done(entry.id)

    async def list_deductions(self, *, customer: str, since: int) -> AsyncIterator[GrantedCredit]:
        self._read("list_deductions")
        for made_at, entry in self.deductions:
            visible = self.wall() - made_at >= self.stale_seconds
            if visible and entry.created_at > since and customer == entry.customer:
                yield entry

    async def credit_balance(self, customer: str, currency: str) -> int:
        self._read("credit_balance")
        return self._balance(customer, currency)

    def _balance(self, customer: str, currency: str) -> int:
        def total(entries: list[tuple[float, GrantedCredit]]) -> int:
            return sum(
                each.amount_minor
                for _, each in entries
                if (each.customer, each.currency) == (customer, currency)
            )

        return total(self.credits) - total(self.deductions) - self.spent.get(currency, 0)

    async def ensure_coupon(self, params: Mapping[str, Any]) -> Outcome:
        self.calls.append("ensure_coupon")
        held = self.coupons.setdefault(params["id"], dict(params))
        if held != dict(params):
            return Refused(f"coupon {params['id']} exists with other terms", "coupon_differs")
        return Done(params["id"])

    async def ensure_code(self, code: str, coupon: str, coupon_set: str) -> Outcome:
        self.calls.append("ensure_code")
        if coupon not in self.coupons:
            return Refused(f"{coupon} not found", "resource_not_found")
        if self.codes.setdefault(code, coupon) != coupon:
            return Refused(f"code {code} redeems another coupon", "code_differs")
        return Done(code)

    async def apply_coupon(self, subscription: str, coupon: str, key: str) -> Outcome:
        request = f"{subscription} {coupon}"
        return self._write("apply_coupon", key, request, lambda: self._apply(subscription, coupon))

    def _apply(self, subscription: str, coupon: str) -> Outcome:
        held = self.held.get(subscription)
        if held is None or coupon not in {*self.coupons, *self.codes}:
            return Refused(f"{subscription} or {coupon} not found", "resource_not_found")
        if coupon in self.redeemed:
            return Refused(f"code {coupon} is redeemed", "resource_limit_exhausted")
        names = [coupon]
        if coupon in self.codes:
            names = [self.codes[coupon], coupon]
            self.redeemed.add(coupon)
        coupons = tuple(dict.fromkeys([*held.coupons, *names]))
        self.held[subscription] = replace(held, coupons=coupons)
        return Done(f"{subscription}:{coupon}")

    async def remove_coupon(self, subscription: str, coupon: str, key: str) -> Outcome:
        def remove() -> Outcome:
            held = self.held.get(subscription)
            if held is None or coupon not in held.coupons:
                return Refused(f"coupon {coupon} is not on the subscription", "invalid_request")
            rest = tuple(each for each in held.coupons if each != coupon)
            self.held[subscription] = replace(held, coupons=rest)
            return Done(f"{subscription}:{coupon}")

        return self._write("remove_coupon", key, f"{subscription} {coupon}", remove)

    async def set_feature(self, subscription: str, params: Mapping[str, Any], key: str) -> Outcome:
        request = f"{subscription} {sorted(params.items())}"
        return self._write("set_feature", key, request, lambda: self._set(subscription, params))

    def _set(self, subscription: str, params: Mapping[str, Any]) -> Outcome:
        feature = params["feature_id"]
        if subscription not in self.held or feature == "nothing":
            return Refused(f"{subscription} or {feature} not found", "resource_not_found")
        self.overrides.setdefault(subscription, {})[feature] = params["value"]
        return Done(f"{subscription}:{feature}")

    async def remove_feature(self, subscription: str, feature: str, key: str) -> Outcome:
        def remove() -> Outcome:
            self.overrides.get(subscription, {}).pop(feature, None)
            return Done(f"{subscription}:{feature}")

        return self._write("remove_feature", key, f"{subscription} {feature}", remove)

    async def features(self, subscription: str) -> dict[str, str]:
        self._read("features")
        return dict(self.overrides.get(subscription, {}))

    async def move_term_end(self, subscription: str, term_end: int, key: str) -> Outcome:
        def move() -> Outcome:
            held = self.held.get(subscription)
            if held is None or held.term_end is None:
                return Refused(f"{subscription} is in no term", "invalid_state_for_request")
            self.held[subscription] = replace(held, term_end=term_end)
            return Done(f"{subscription}:{term_end}")

        return self._write("move_term_end", key, f"{subscription} {term_end}", move)

    async def add_addon(self, subscription: str, params: Mapping[str, Any], key: str) -> Outcome:
        price = params["item_price_id"]

        def add() -> Outcome:
            held = self.held.get(subscription)
            if held is None or price == "nothing":
                return Refused(f"{subscription} or {price} not found", "resource_not_found")
            self.held[subscription] = replace(held, addons=(*held.addons, price))
            return Done(f"{subscription}:{price}")

        return self._write("add_addon", key, f"{subscription} {sorted(params.items())}", add)

    async def subscription(self, subscription: str) -> Subscription | None:
        self._read("subscription")
        return self.held.get(subscription)

    async def subscriptions(self, customer: str) -> list[Subscription]:
        self._read("subscriptions")
        return [each for each in self.held.values() if each.customer == customer]

    async def invoiced_coupons(self, subscription: str, since: int) -> set[str]:
        self._read("invoiced_coupons")
        return self.invoiced.get(subscription, set())

    def _read(self, call: str) -> None:
        self.calls.append(call)
        if self.faults and self.faults.pop(0) != "none":
            raise GatewayUnavailableError("no answer", retry_after=1)

    def _write(self, call: str, key: str, request: str, effect: Callable[[], Outcome]) -> Outcome:
        self.calls.append(call)
        fault = self.faults.pop(0) if self.faults else "none"
        if fault == "throttled":
            return NotExecuted("too many requests", 1)
        if fault == "lost_before":
            return Unknown("timed out")
        known = self._keys.get(key)
        if known is not None and self.clock() - known[0] < KEY_LIFE_SECONDS:
            assert known[1] == request, "the same key with another request"
            outcome = known[2]
        else:
            outcome = effect()
            self._keys[key] = (self.clock(), request, outcome)
        return Unknown("timed out") if fault in {"lost_after", "unreadable"} else outcome
