"""The names a program's expressions may use: each field, its kind, and where it comes from. PURE.

fact, payment, subscription, change and account hold the fields below; event holds the properties
of the custom event. A field that a fact does not carry is missing: test with
`has(payment.tax_minor)`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from schemas.facts import (
    AnyFact,
    CustomEventReceived,
    PaymentSucceeded,
    Subscription,
    SubscriptionCancelled,
)
from schemas.program.amounts import minor_digits

Kind = Literal["int", "double", "string", "bool", "list", "any"]
Scalar = str | int | float | bool | tuple[str, ...]


class Missing:
    """The value of a field that the fact does not carry."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "missing"


MISSING: Final = Missing()


class AccountFigures(msgspec.Struct, frozen=True, gc=False):
    """What an expression may know of the account, as it stood before the fact."""

    balance: int = 0
    pending: int = 0
    lifetime: int = 0
    deficit: int = 0
    tier: str = ""


ChangeKind = Literal["plan", "quantity", "addons", "price"]


class Change(msgspec.Struct, frozen=True, gc=False):
    """What an upgrade or downgrade changed; `kind` is the first of these that differs.

    `difference_minor` is new less old per month, in whole minor units, halves away from zero; None
    where the currency changed.
    """

    from_plan: str
    to_plan: str
    kind: ChangeKind
    quantity_before: int
    quantity_after: int
    difference_minor: int | None


class Given(msgspec.Struct, frozen=True, gc=False):
    """What an expression is evaluated over: the fact, the trigger it pulls, the account before it.

    `subscription` is the fact's own, or the one the caller knows to be meant; `change` is what an
    upgrade or downgrade changed of it.
    """

    fact: AnyFact
    trigger: str
    zone: ZoneInfo
    subscription: Subscription | None = None
    account: AccountFigures = AccountFigures()
    change: Change | None = None


Read = Callable[[Given], Scalar | Missing]


@dataclass(frozen=True, slots=True)
class Field:
    kind: Kind
    read: Read
    meaning: str


PAYMENT_TRIGGERS = frozenset({"payment_succeeded", "first_payment", "on_time_payment"})
EVENT_TRIGGERS = frozenset({"custom"})
CHANGE_TRIGGERS = frozenset({"plan_upgraded", "plan_downgraded"})


def _local(part: Callable[[datetime], int]) -> Read:
    return lambda given: part(datetime.fromtimestamp(given.fact.occurred_at, given.zone))


def _reason(given: Given) -> Scalar | Missing:
    return given.fact.reason if isinstance(given.fact, SubscriptionCancelled) else MISSING


def _payment(read: Callable[[PaymentSucceeded], Scalar | None]) -> Read:
    def of_payment(given: Given) -> Scalar | Missing:
        if not isinstance(given.fact, PaymentSucceeded):
            return MISSING
        value = read(given.fact)
        return MISSING if value is None else value

    return of_payment


def _subscription(read: Callable[[Subscription], Scalar | None]) -> Read:
    def of_subscription(given: Given) -> Scalar | Missing:
        if given.subscription is None:
            return MISSING
        value = read(given.subscription)
        return MISSING if value is None else value

    return of_subscription


def _change(read: Callable[[Change], Scalar | None]) -> Read:
    def of_change(given: Given) -> Scalar | Missing:
        if given.change is None or given.trigger not in CHANGE_TRIGGERS:
            return MISSING
        value = read(given.change)
        return MISSING if value is None else value

    return of_change


def _account(read: Callable[[AccountFigures], Scalar]) -> Read:
    return lambda given: read(given.account)


def read_event(name: str) -> Read:
    """Reads one property of the custom event."""

    def of_event(given: Given) -> Scalar | Missing:
        if not isinstance(given.fact, CustomEventReceived):
            return MISSING
        return given.fact.properties.get(name, MISSING)

    return of_event


def _addons(subscription: Subscription) -> tuple[str, ...]:
    return tuple(line.price for line in subscription.lines if line.kind == "addon")


def _major(payment: PaymentSucceeded) -> float:
    return payment.amount_minor / float(10 ** minor_digits(payment.currency))


FIELDS: Mapping[str, Mapping[str, Field]] = {
    "fact": {
        "trigger": Field("string", lambda given: given.trigger, "the trigger that was pulled"),
        "occurred_at": Field("int", lambda given: given.fact.occurred_at, "unix seconds"),
        "year": Field("int", _local(lambda at: at.year), "in the program's zone"),
        "month": Field("int", _local(lambda at: at.month), "1 to 12, in the program's zone"),
        "day": Field("int", _local(lambda at: at.day), "1 to 31, in the program's zone"),
        "weekday": Field("int", _local(lambda at: at.isoweekday()), "1 Monday to 7 Sunday"),
        "hour": Field("int", _local(lambda at: at.hour), "0 to 23, in the program's zone"),
        "reason": Field("string", _reason, "of a cancellation, empty when the customer asked"),
    },
    "payment": {
        "amount": Field("double", _payment(_major), "in major units, for comparing"),
        "amount_minor": Field("int", _payment(lambda p: p.amount_minor), "in minor units"),
        "tax_minor": Field("int", _payment(lambda p: p.tax_minor), "missing where not known"),
        "currency": Field("string", _payment(lambda p: p.currency), "ISO 4217"),
        "quantity": Field("int", _payment(lambda p: p.quantity), "of the plan line"),
        "recurring": Field("bool", _payment(lambda p: p.recurring), "paid for a recurring invoice"),
        "first_invoice": Field("bool", _payment(lambda p: p.first_invoice), "a first invoice"),
        "on_time": Field("bool", _payment(lambda p: p.on_time), "by the due date, at first try"),
        "invoice": Field("string", _payment(lambda p: p.invoice), "the invoice's id"),
        "transaction": Field("string", _payment(lambda p: p.transaction), "the transaction's id"),
    },
    "subscription": {
        "id": Field("string", _subscription(lambda s: s.id), "the subscription's id"),
        "plan": Field("string", _subscription(lambda s: s.plan), "the plan's price id"),
        "status": Field("string", _subscription(lambda s: s.status), "in_trial, active …"),
        "currency": Field("string", _subscription(lambda s: s.currency), "ISO 4217"),
        "amount_minor": Field(
            "int", _subscription(lambda s: s.amount_minor), "plan and add-ons per billing period"
        ),
        "quantity": Field("int", _subscription(lambda s: s.quantity), "of the plan"),
        "period": Field("int", _subscription(lambda s: s.period), "billed every this many units"),
        "period_unit": Field("string", _subscription(lambda s: s.period_unit), "day … year"),
        "addons": Field("list", _subscription(_addons), "price ids of the add-ons"),
        "created_at": Field("int", _subscription(lambda s: s.created_at), "unix seconds"),
        "started_at": Field("int", _subscription(lambda s: s.started_at), "unix seconds"),
        "activated_at": Field("int", _subscription(lambda s: s.activated_at), "unix seconds"),
        "trial_end": Field("int", _subscription(lambda s: s.trial_end), "unix seconds"),
        "term_start": Field("int", _subscription(lambda s: s.term_start), "unix seconds"),
        "term_end": Field("int", _subscription(lambda s: s.term_end), "unix seconds"),
        "cancelled_at": Field("int", _subscription(lambda s: s.cancelled_at), "unix seconds"),
    },
    "change": {
        "from_plan": Field("string", _change(lambda c: c.from_plan), "the old plan's price id"),
        "to_plan": Field("string", _change(lambda c: c.to_plan), "the new plan's price id"),
        "kind": Field("string", _change(lambda c: c.kind), "plan, quantity, addons or price"),
        "difference_minor": Field(
            "int", _change(lambda c: c.difference_minor), "new less old per month, in minor units"
        ),
        "quantity_before": Field("int", _change(lambda c: c.quantity_before), "of the plan"),
        "quantity_after": Field("int", _change(lambda c: c.quantity_after), "of the plan"),
    },
    "account": {
        "balance": Field("int", _account(lambda a: a.balance), "spendable points"),
        "pending": Field("int", _account(lambda a: a.pending), "points not yet spendable"),
        "lifetime": Field("int", _account(lambda a: a.lifetime), "earned less reversed"),
        "deficit": Field("int", _account(lambda a: a.deficit), "owed to later credits"),
        "tier": Field("string", _account(lambda a: a.tier), "the level's id, empty for none"),
    },
    "event": {},
}
"""Root → field. `event` takes any property name."""


def known_for(root: str) -> frozenset[str] | None:
    """The triggers under which a root says anything, None for every one."""
    triggers = {"payment": PAYMENT_TRIGGERS, "event": EVENT_TRIGGERS, "change": CHANGE_TRIGGERS}
    return triggers.get(root)


def samples(kind: Kind) -> tuple[Any, ...]:
    """Values of a kind on which an expression is tried before it is accepted."""
    return {
        "int": (7,),
        "double": (7.5,),
        "string": ("sample",),
        "bool": (True, False),
        "list": (("sample",),),
        "any": (7, 7.5, "sample", True),
    }[kind]
