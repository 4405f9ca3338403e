"""Facts: everything that can change an account, reported from outside or written by time. PURE.

Names below are stored for ever on `loyalty.facts.v1`: change one by adding a version and an
upcaster in `codec`. Times are unix seconds UTC; money is integer minor units plus currency.
A fact holds no personal data beyond Chargebee's opaque customer id. No fact can hold itself, so the
garbage collector need not look at any (`gc=False`).
"""

from typing import Any, Literal

import msgspec

Scalar = str | int | float | bool
PeriodUnit = Literal["day", "week", "month", "year"]
LineKind = Literal["plan", "addon", "charge"]
RefundReason = Literal["refund", "chargeback", "late_failure"]


def _first_version() -> int:
    # A factory, not a plain default: `omit_defaults` leaves plain defaults out of the message.
    return 1


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One recurring line of a subscription, the same for product catalog 1.0 and 2.0.

    `amount_minor` is what the line costs per billing period. `unit_amount_minor` is absent where
    tiered or volume pricing has no single unit price.
    """

    price: str
    kind: LineKind
    amount_minor: int
    quantity: int = 1
    unit_amount_minor: int | None = None


class Subscription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a fact says a subscription was when it happened. `plan` is the plan line's price id."""

    id: str
    plan: str
    status: str
    currency: str
    period: int
    period_unit: PeriodUnit
    resource_version: int
    lines: tuple[Line, ...] = ()
    quantity: int = 1
    created_at: int | None = None
    started_at: int | None = None
    activated_at: int | None = None
    trial_end: int | None = None
    term_start: int | None = None
    term_end: int | None = None
    cancelled_at: int | None = None

    @property
    def amount_minor(self) -> int:
        """What plan and add-on lines cost together per billing period."""
        total = 0
        for line in self.lines:  # a generator would take twice as long, and every renewal asks
            if line.kind != "charge":
                total += line.amount_minor
        return total


class Fact(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="type",
    tag=True,
    gc=False,
):
    """The head of every fact.

    `id` is the natural key (see `ids`): the same fact delivered twice has the same id.
    `source` names the message that brought it (a Chargebee event id, a caller's id), or is empty
    for what the engine writes itself.
    """

    id: str
    site: str
    customer: str
    occurred_at: int
    source: str = ""
    v: int = msgspec.field(default_factory=_first_version)


class SubscriptionCreated(Fact, frozen=True, kw_only=True):
    """At sign-up, whether or not a trial comes first (then `subscription.status` is in_trial)."""

    subscription: Subscription


class SubscriptionActivated(Fact, frozen=True, kw_only=True):
    """A trial or a future start ended and the subscription became active."""

    subscription: Subscription
    from_trial: bool = False


class SubscriptionChanged(Fact, frozen=True, kw_only=True):
    """The subscription may have changed in value: the fold, which knows the old one, can tell."""

    subscription: Subscription


class SubscriptionRenewed(Fact, frozen=True, kw_only=True):
    """A new term began at `subscription.term_start`."""

    subscription: Subscription


class SubscriptionCancelled(Fact, frozen=True, kw_only=True):
    """`reason` is Chargebee's cancel_reason (not_paid, no_card …), empty if the customer asked."""

    subscription: Subscription
    reason: str = ""


class SubscriptionReactivated(Fact, frozen=True, kw_only=True):
    subscription: Subscription


class PaymentSucceeded(Fact, frozen=True, kw_only=True):
    """Money that one payment transaction applied to one invoice.

    `amount_minor` is the amount applied (credits are not money paid), `tax_minor` the share of it
    that is tax, absent when the message did not carry that invoice. `on_time` says the invoice was
    paid by its due date with no failed attempt before.
    """

    transaction: str
    invoice: str
    amount_minor: int
    currency: str
    tax_minor: int | None = None
    quantity: int = 1
    recurring: bool = False
    first_invoice: bool = False
    on_time: bool = True
    subscription: Subscription | None = None


class PaymentRefunded(Fact, frozen=True, kw_only=True):
    """Money of an earlier payment went back: refund, chargeback or late failure.

    `amount_minor` is what this transaction gave back. `invoice` narrows it to one invoice of the
    payment where the message says which.
    """

    payment_transaction: str
    transaction: str
    amount_minor: int
    currency: str
    reason: RefundReason = "refund"
    invoice: str = ""


class CustomerDeleted(Fact, frozen=True, kw_only=True):
    """The customer was deleted in Chargebee: the account is erased."""


class CustomEventReceived(Fact, frozen=True, kw_only=True):
    """Something another system reported. Only properties that a program names are kept."""

    name: str
    properties: dict[str, Scalar] = {}


class AdjustmentRequested(Fact, frozen=True, kw_only=True):
    """A person adds (positive) or removes (negative) points, and says who and why."""

    points: int
    actor: str
    reason: str
    program: str = ""


class TierAssigned(Fact, frozen=True, kw_only=True):
    """A person puts the customer in a tier, and says why; `until` absent holds it for good."""

    tier: str
    actor: str
    reason: str
    until: int | None = None


class RedemptionRequested(Fact, frozen=True, kw_only=True):
    """Somebody asks for a reward of the catalogue. `request` is the caller's id for it."""

    request: str
    reward: str
    actor: str = ""


class RedemptionCancelled(Fact, frozen=True, kw_only=True):
    """A request that was granted and has not reached the customer yet is taken back."""

    request: str
    actor: str
    reason: str


class RewardDelivered(Fact, frozen=True, kw_only=True):
    """Outcome: the reward reached the customer. `reference` is the gateway's id for it."""

    reward_id: str
    reference: str = ""


class RewardFailed(Fact, frozen=True, kw_only=True):
    """Outcome: the reward finally failed and never reached the customer."""

    reward_id: str
    reason: str


class TimeReached(Fact, frozen=True, kw_only=True):
    """The clock passed an instant at which this account had something due (`occurred_at`)."""


class ProgramPublished(Fact, frozen=True, kw_only=True):
    """A program version is known from this offset on. In every partition; `customer` is empty.

    `document` is the program as `schemas.program.model.Program` dumps it.
    """

    program: str
    version: int
    document: dict[str, Any]


AnyFact = (
    SubscriptionCreated
    | SubscriptionActivated
    | SubscriptionChanged
    | SubscriptionRenewed
    | SubscriptionCancelled
    | SubscriptionReactivated
    | PaymentSucceeded
    | PaymentRefunded
    | CustomerDeleted
    | CustomEventReceived
    | AdjustmentRequested
    | TierAssigned
    | RedemptionRequested
    | RedemptionCancelled
    | RewardDelivered
    | RewardFailed
    | TimeReached
    | ProgramPublished
)

SubscriptionFact = (
    SubscriptionCreated
    | SubscriptionActivated
    | SubscriptionChanged
    | SubscriptionRenewed
    | SubscriptionCancelled
    | SubscriptionReactivated
)
