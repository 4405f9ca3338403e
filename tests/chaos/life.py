"""What happens to the customers of one run, as messages, from its seed. PURE.

Every kind of fact, redelivered and out of order, most as facts and some as Chargebee events; and
some bytes that are neither. A message knows its fact, so that the audit need not ask the engine.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from schemas import facts, ids
from schemas.codec import FACTS
from tests.support import chargebee

SITE = "chaos"
CURRENCY = "EUR"
DAY = 86_400
ACTIVATION_SECONDS = 14 * DAY
RAW_RATIO = 0.12
REPEAT_RATIO = 0.08
LATE_RATIO = 0.05
BROKEN_RATIO = 0.002
LATE_BY_MAX = 300
RECENT_MAX = 4_000
PLANS = ("basic", "pro", "business")

Where = Literal["facts", "raw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`fact` is the natural key it stands for, empty where the bytes are broken."""

    where: Where
    customer: str
    fact: str
    value: bytes


@dataclass(slots=True)
class _Customer:
    """What has happened to a customer so far."""

    id: str
    plan: int = 0
    changes: int = 0
    terms: int = 0
    payments: int = 0
    others: int = 0


class Life:
    """An endless stream of messages. `began_at` is unix seconds: welcomes of 14 days ago become
    spendable in the `lasts_seconds` that follow it, by time alone.
    """

    def __init__(self, seed: int, *, customers: int, began_at: int, lasts_seconds: int) -> None:
        self._rng = random.Random(f"life {seed}")
        self._customers = customers
        self._born_at = began_at - ACTIVATION_SECONDS
        self._lasts_seconds = lasts_seconds
        self._known: list[_Customer] = []
        self._recent: list[Message] = []
        self._late: list[tuple[int, Message]] = []
        self._said = 0

    def __iter__(self) -> Iterator[Message]:
        while True:
            yield self._next()

    def rest(self) -> list[Message]:
        """What is late and has not been said yet."""
        late, self._late = self._late, []
        return [message for _, message in late]

    def _next(self) -> Message:
        self._said += 1
        rng = self._rng
        if self._late and self._late[0][0] <= self._said:
            return self._late.pop(0)[1]
        if rng.random() < BROKEN_RATIO:
            return self._broken()
        if self._recent and rng.random() < REPEAT_RATIO:
            return rng.choice(self._recent)
        message = self._new()
        if len(self._recent) < RECENT_MAX:
            self._recent.append(message)
        else:
            self._recent[rng.randrange(RECENT_MAX)] = message
        if rng.random() < LATE_RATIO:
            self._late.append((self._said + rng.randint(1, LATE_BY_MAX), message))
            self._late.sort(key=lambda each: each[0])
            return self._next()
        return message

    def _broken(self) -> Message:
        where: Where = self._rng.choice(("facts", "raw"))
        customer = f"c{self._rng.randrange(self._customers)}"
        return Message(where=where, customer=customer, fact="", value=b'{"no": %d' % self._said)

    def _new(self) -> Message:
        rng = self._rng
        if len(self._known) < self._customers and (not self._known or rng.random() < 0.2):
            self._known.append(_Customer(f"c{len(self._known)}"))
            return self._say(self._created(self._known[-1]))
        customer = rng.choice(self._known)
        if rng.random() < RAW_RATIO:
            return self._event(customer)
        make = rng.choices(
            (self._paid, self._refunded, self._renewed, self._changed, self._reviewed,
             self._adjusted),
            (60, 8, 12, 8, 9, 3),
        )[0]  # fmt: skip
        return self._say(make(customer))

    @staticmethod
    def _say(fact: facts.AnyFact) -> Message:
        return Message(
            where="facts", customer=fact.customer, fact=fact.id, value=FACTS.encode(fact)
        )

    def _at(self) -> int:
        return self._born_at + self._rng.randint(0, self._lasts_seconds)

    def _subscription(self, customer: _Customer, at: int) -> facts.Subscription:
        plan = PLANS[customer.plan]
        price = 1000 * (customer.plan + 1)
        return facts.Subscription(
            id=f"s-{customer.id}",
            plan=plan,
            status="active",
            currency=CURRENCY,
            period=1,
            period_unit="month",
            resource_version=1000 * self._born_at + customer.changes,
            lines=(facts.Line(price=plan, kind="plan", amount_minor=price),),
            created_at=self._born_at,
            term_start=at,
        )

    def _created(self, customer: _Customer) -> facts.AnyFact:
        at = self._at()
        subscription = self._subscription(customer, at)
        return facts.SubscriptionCreated(
            id=ids.subscription_created(subscription.id),
            site=SITE,
            customer=customer.id,
            occurred_at=at,
            subscription=subscription,
        )

    def _paid(self, customer: _Customer) -> facts.AnyFact:
        customer.payments += 1
        transaction = f"t-{customer.id}-{customer.payments}"
        invoice = f"i-{customer.id}-{customer.payments}"
        return facts.PaymentSucceeded(
            id=ids.payment(transaction, invoice),
            site=SITE,
            customer=customer.id,
            occurred_at=self._at(),
            transaction=transaction,
            invoice=invoice,
            amount_minor=self._rng.randint(1, 20_000),
            currency=CURRENCY,
        )

    def _refunded(self, customer: _Customer) -> facts.AnyFact:
        """Of a payment that was, or of the next one, which then finds its refund waiting."""
        customer.others += 1
        number = self._rng.randint(1, customer.payments + 1)
        refund = f"r-{customer.id}-{customer.others}"
        return facts.PaymentRefunded(
            id=ids.refund(refund),
            site=SITE,
            customer=customer.id,
            occurred_at=self._at(),
            payment_transaction=f"t-{customer.id}-{number}",
            transaction=refund,
            amount_minor=self._rng.randint(1, 10_000),
            currency=CURRENCY,
        )

    def _renewed(self, customer: _Customer) -> facts.AnyFact:
        customer.terms += 1
        at = self._born_at + 31 * DAY * customer.terms
        subscription = self._subscription(customer, at)
        return facts.SubscriptionRenewed(
            id=ids.subscription_renewed(subscription.id, at),
            site=SITE,
            customer=customer.id,
            occurred_at=self._at(),
            subscription=subscription,
        )

    def _changed(self, customer: _Customer) -> facts.AnyFact:
        customer.changes += 1
        customer.plan = self._rng.randrange(len(PLANS))
        at = self._at()
        subscription = self._subscription(customer, at)
        return facts.SubscriptionChanged(
            id=ids.subscription_changed(subscription.id, subscription.resource_version),
            site=SITE,
            customer=customer.id,
            occurred_at=at,
            subscription=subscription,
        )

    def _reviewed(self, customer: _Customer) -> facts.AnyFact:
        customer.others += 1
        name = f"{customer.id}-{customer.others}"
        return facts.CustomEventReceived(
            id=ids.custom(name),
            site=SITE,
            customer=customer.id,
            occurred_at=self._at(),
            source=name,
            name="review_submitted",
            properties={"stars": self._rng.randint(1, 5)},
        )

    def _adjusted(self, customer: _Customer) -> facts.AnyFact:
        customer.others += 1
        return facts.AdjustmentRequested(
            id=ids.adjustment(f"{customer.id}-{customer.others}"),
            site=SITE,
            customer=customer.id,
            occurred_at=self._at(),
            points=self._rng.choice((-150, -20, 20, 150)),
            actor="support",
            reason="goodwill",
        )

    def _event(self, customer: _Customer) -> Message:
        """A payment as Chargebee tells it."""
        customer.payments += 1
        transaction = f"t-{customer.id}-{customer.payments}"
        invoice = f"i-{customer.id}-{customer.payments}"
        amount = self._rng.randint(1, 20_000)
        document = chargebee.payment_succeeded(
            transaction=chargebee.transaction(
                transaction,
                customer_id=customer.id,
                subscription_id=f"s-{customer.id}",
                amount=amount,
                linked_invoices=[{"invoice_id": invoice, "applied_amount": amount}],
            ),
            invoice=chargebee.invoice(
                invoice, customer_id=customer.id, subscription_id=f"s-{customer.id}"
            ),
            customer=chargebee.customer(customer.id),
            subscription=chargebee.subscription_pc2(id=f"s-{customer.id}", customer_id=customer.id),
        )
        document.update(id=f"ev-{transaction}", occurred_at=self._at())
        return Message(
            where="raw",
            customer=customer.id,
            fact=ids.payment(transaction, invoice),
            value=json.dumps(document).encode(),
        )
