"""Sentences about a customer, as the guide and the years say them, told to the fold as facts.

`pays 20.00 USD`, `is refunded 5.00 USD t1`, `signs up for pro at 20.00 USD a month`. Payments are
called t1, t2, … in their order. Who has several subscriptions names one first: `phone: renews`.
"""

import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from schemas import ids
from schemas.facts import AnyFact, Scalar, Subscription
from schemas.points import AnyPointsEvent
from schemas.program import amounts, periods
from tests.support.story import (
    CUSTOMER,
    Story,
    activated,
    adjusted,
    assigned,
    cancelled,
    changed,
    created,
    deleted,
    delivered,
    failed,
    happened,
    paid,
    reactivated,
    refunded,
    renewed,
    request_cancelled,
    requested,
    subscription,
)
from tests.support.year import SITE

TIME_PASSES = "time passes"

_WORD = re.compile(r'\w+="[^"]*"|\S+')
_NAMED = re.compile(r"(?P<name>\w+): (?P<rest>.*)")


class Teller:
    """Tells sentences to a story. Times are local in `zone`."""

    def __init__(self, story: Story, zone: ZoneInfo) -> None:
        self.story = story
        self.facts: list[AnyFact] = []
        self._zone = zone
        self._subscriptions: dict[str, Subscription] = {}
        self._name = "sub_1"
        self._payments: list[str] = []
        self._count = 0

    def instant(self, local: str) -> int:
        return periods.to_instant(datetime.fromisoformat(local), self._zone)

    def tell(self, when: str, happens: str) -> list[AnyPointsEvent]:
        """What time brings until then, and what the sentence brings."""
        at = self.instant(when)
        events = self.story.lives_until(at)
        if happens != TIME_PASSES:
            events += self.story.tell(self.fact(happens, at))
        return events

    def fact(self, happens: str, at: int) -> AnyFact:
        """The fact that a sentence stands for. Raises ValueError for one that nobody knows."""
        named = _NAMED.fullmatch(happens)
        if named:
            self._name, happens = named["name"], named["rest"]
        self._count += 1
        words = _WORD.findall(happens)
        for beginning, build in _SENTENCES.items():
            if happens.startswith(beginning):
                fact = build(self, words[len(beginning.split()) :], at)
                self.facts.append(fact)
                return fact
        raise ValueError(f"no sentence of {__name__} begins as {happens!r} does")

    def _pays(self, words: list[str], at: int) -> AnyFact:
        amount, currency, *rest = words
        tax = amounts.parse_money(rest[-1], currency) if rest[:2] == ["with", "tax"] else None
        name = f"t{len(self._payments) + 1}"
        self._payments.append(name)
        return paid(
            name,
            amounts.parse_money(amount, currency),
            at,
            currency=currency,
            on_time="late" not in rest,
            tax_minor=tax,
            subscription=self._subscriptions.get(self._name),
        )

    def _is_refunded(self, words: list[str], at: int) -> AnyFact:
        amount, currency, *rest = words
        payment = rest[-1] if rest else self._payments[-1]
        return refunded(f"r{self._count}", payment, amounts.parse_money(amount, currency), at)

    def _charges_back(self, words: list[str], at: int) -> AnyFact:
        [payment] = words
        return refunded(f"r{self._count}", payment, 0, at, reason="chargeback")

    def _subscribed(self, words: list[str], at: int, *, status: str = "active") -> Subscription:
        """`pro at 10.00 USD a month`, with `x 3` before `at` for a quantity."""
        plan, *rest = words
        quantity = int(rest[1]) if rest[0] == "x" else 1
        amount, currency, _, unit, *_ = rest[rest.index("at") + 1 :]
        known = self._subscriptions.get(self._name)
        self._subscriptions[self._name] = subscription(
            at,
            name=self._name,
            plan=plan,
            quantity=quantity,
            amount_minor=amounts.parse_money(amount, currency) * quantity,
            currency=currency,
            period_unit=unit,  # type: ignore[arg-type]
            status=status,
            started_at=at if known is None else known.started_at or at,
        )
        return self._subscriptions[self._name]

    def _signs_up(self, words: list[str], at: int) -> AnyFact:
        status = "in_trial" if words[-2:] == ["on", "trial"] else "active"
        return created(self._subscribed(words, at, status=status), at)

    def _seen(self, at: int, status: str = "active") -> Subscription:
        """The subscription as it is, in a term that begins now."""
        known = self._subscriptions[self._name]
        self._subscriptions[self._name] = subscription(
            at,
            name=self._name,
            plan=known.plan,
            quantity=known.quantity,
            amount_minor=known.amount_minor,
            currency=known.currency,
            period_unit=known.period_unit,
            status=status,
            started_at=known.started_at or at,
            term_start=at,
        )
        return self._subscriptions[self._name]

    def _event(self, words: list[str], at: int) -> AnyFact:
        name, *properties = words
        values: dict[str, Scalar] = {}
        for each in properties:
            key, _, value = each.partition("=")
            values[key] = int(value) if value.isdecimal() else value.strip('"')
        return happened(name, at, properties=values)

    def _is_put_in(self, words: list[str], at: int) -> AnyFact:
        until = self.instant(words[2]) if len(words) > 2 else None
        return assigned(str(self._count), words[0], at, until=until)

    def _reward_id(self, reward: str) -> str:
        return ids.reward_id(SITE, CUSTOMER, reward, self.story.account.ledger.fired[reward])


_SENTENCES: dict[str, Callable[[Teller, list[str], int], AnyFact]] = {
    "pays": Teller._pays,
    "is refunded": Teller._is_refunded,
    "charges back": Teller._charges_back,
    "signs up for": Teller._signs_up,
    "ends the trial": lambda told, _, at: activated(told._seen(at), at),
    "changes to": lambda told, words, at: changed(told._subscribed(words, at), at),
    "renews": lambda told, _, at: renewed(told._seen(at), at),
    "cancels": lambda told, _, at: cancelled(told._seen(at, "cancelled"), at),
    "comes back": lambda told, _, at: reactivated(told._seen(at), at),
    "event": Teller._event,
    "is given": lambda told, words, at: adjusted(f"a{told._count}", int(words[0]), at),
    "loses": lambda told, words, at: adjusted(f"a{told._count}", -int(words[0]), at),
    "asks for": lambda _, words, at: requested(words[2], words[0], at),
    "takes back": lambda _, words, at: request_cancelled(words[0], at),
    "is put in": Teller._is_put_in,
    "gets": lambda told, words, at: delivered(told._reward_id(words[0]), at),
    "does not get": lambda told, words, at: failed(told._reward_id(words[0]), at),
    "is deleted": lambda _, __, at: deleted(at),
}
