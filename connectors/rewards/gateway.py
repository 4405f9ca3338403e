"""The ports through which rewards leave: the gateway to a billing site, and one executor per kind.

What a call did is a value, not an exception, because the ledger must answer every case.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.rewards.policy import Policy
from schemas.facts import PeriodUnit
from schemas.rewards import GrantReward, RevokeReward


@dataclass(frozen=True, slots=True)
class Done:
    """The effect exists; `reference` is the gateway's id for it.

    `handed` is what the customer is to be shown, a code or a link. It is as good as money: it stays
    in the ledger, and no topic carries it. `short` says what of it could not be done.
    """

    reference: str
    handed: str = ""
    short: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway will not do it, however often it is asked."""

    reason: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """Certainly no effect; worth another try after `retry_after` seconds.

    `anew`: not of this call, which has become wrong, but of one that is decided again. `until` is
    the instant of the engine's time from which on it is worth none any more.
    """

    reason: str
    retry_after: float
    anew: bool = False
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The effect may or may not exist."""

    reason: str


Outcome = Done | Refused | NotExecuted | Unknown


@dataclass(frozen=True, slots=True)
class Found:
    """The effect exists; the fields are those of `Done`."""

    reference: str
    handed: str = ""
    short: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """A complete reading that does not show the effect. It may be stale: one is not proof."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """The gateway holds something for this reward that is not what was sent."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    reason: str
    retry_after: float


ReadBack = Found | Absent | Conflict | Unreadable


@dataclass(frozen=True, slots=True)
class Prepared:
    """The call to make, complete: stored before it is made, sent again only as it is.

    `worth_minor` is the money it gives in `currency`, 0 where it is no certain sum.
    """

    body: dict[str, Any]
    worth_minor: int = 0
    currency: str = ""


class GatewayUnavailableError(Exception):
    """A reading failed; nothing was changed by it."""

    def __init__(self, reason: str, *, retry_after: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription as the gateway shows it now; `coupons` wait for its next invoices.

    Of a coupon that was redeemed by a code both names are there. `term_end` is when its present
    term ends, None outside of one; `addons` are the item prices of its add-ons. `amount_minor` is
    what it costs per billing period, of `period` times `period_unit`.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedCredit:
    """A promotional credit the gateway holds, or one it took away again. `reference` is the id of
    the reward or of its revocation.
    """

    id: str
    reference: str
    customer: str
    amount_minor: int
    currency: str
    created_at: int


class RewardGateway(Protocol):
    """What rewards need of one billing site. Readings raise `GatewayUnavailableError`; so may a
    `prepare` or a `read_back` that makes them, and the dispatcher asks again later.
    """

    async def add_credit(self, params: Mapping[str, Any], key: str) -> Outcome: ...

    def list_credits(self, *, customer: str | None, since: int) -> AsyncIterator[GrantedCredit]:
        """Credits given after `since`, of every customer where `customer` is None."""
        ...

    async def deduct_credit(self, params: Mapping[str, Any], key: str) -> Outcome: ...

    def list_deductions(self, *, customer: str, since: int) -> AsyncIterator[GrantedCredit]:
        """Credits of a customer that were taken away after `since`."""
        ...

    async def credit_balance(self, customer: str, currency: str) -> int:
        """What of the customer's credits is not spent yet, in minor units."""
        ...

    async def ensure_coupon(self, params: Mapping[str, Any]) -> Outcome:
        """A coupon with exactly these terms exists afterwards. Safe to repeat."""
        ...

    async def ensure_code(self, code: str, coupon: str, coupon_set: str) -> Outcome:
        """A code that redeems this coupon once exists afterwards, in a set of codes which is made
        where it is missing. Safe to repeat.
        """
        ...

    async def apply_coupon(self, subscription: str, coupon: str, key: str) -> Outcome:
        """`coupon` is a coupon's id, or a code that redeems one: a second time it is refused."""
        ...

    async def remove_coupon(self, subscription: str, coupon: str, key: str) -> Outcome: ...

    async def subscription(self, subscription: str) -> Subscription | None: ...

    async def subscriptions(self, customer: str) -> list[Subscription]: ...

    async def invoiced_coupons(self, subscription: str, since: int) -> set[str]:
        """Coupons that invoices dated after `since` have used, and the codes they came by."""
        ...

    async def set_feature(self, subscription: str, params: Mapping[str, Any], key: str) -> Outcome:
        """An entitlement override with exactly these terms stands afterwards. Safe to repeat."""
        ...

    async def remove_feature(self, subscription: str, feature: str, key: str) -> Outcome:
        """No override of the feature stands afterwards. Safe to repeat."""
        ...

    async def features(self, subscription: str) -> dict[str, str]:
        """The values of the overrides that stand, by feature."""
        ...

    async def move_term_end(self, subscription: str, term_end: int, key: str) -> Outcome:
        """The present term ends at this instant afterwards. Safe to repeat."""
        ...

    async def add_addon(
        self, subscription: str, params: Mapping[str, Any], key: str
    ) -> Outcome: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A reward that was delivered, and the call that did it."""

    command: GrantReward
    body: Mapping[str, Any]
    reference: str


class Caller(Protocol):
    """Makes one kind of call and reads its effect. `policy` is its own, or None for everybody's."""

    @property
    def policy(self) -> Policy | None: ...

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome: ...

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        """Whether the effect of `body`, first sent after `since`, exists."""
        ...


class Undo(Caller, Protocol):
    """Takes back what one kind of grant gave, as far as that can be done."""

    async def prepare(
        self, granted: Granted, revoke: RevokeReward
    ) -> Prepared | Done | Refused | NotExecuted:
        """Decides the call; may read, never writes. `Done`: there is nothing left to take back."""
        ...


class Executor(Caller, Protocol):
    """Carries out one kind of grant."""

    @property
    def undo(self) -> Undo: ...

    async def prepare(self, command: GrantReward) -> Prepared | Refused | NotExecuted:
        """Decides the call; may read, never writes."""
        ...


async def find_entry(entries: AsyncIterator[GrantedCredit], body: Mapping[str, Any]) -> ReadBack:
    """The one entry that a call with this body made, by its reference."""
    found = [entry async for entry in entries if entry.reference == body["reference"]]
    if not found:
        return Absent()
    if len(found) > 1:
        return Conflict(f"there {len(found)} times: {', '.join(entry.id for entry in found)}")
    [entry] = found
    if (entry.amount_minor, entry.currency) != (body["amount"], body["currency_code"]):
        return Conflict(f"{entry.id} is {entry.amount_minor} {entry.currency}")
    return Found(entry.id)


async def list_granted(gateway: RewardGateway, *, since: int) -> dict[str, list[GrantedCredit]]:
    """Every promotional credit of the site that carries a reference, by reference: for audits."""
    granted: dict[str, list[GrantedCredit]] = {}
    async for credit in gateway.list_credits(customer=None, since=since):
        if credit.reference:
            granted.setdefault(credit.reference, []).append(credit)
    return granted
