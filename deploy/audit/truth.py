"""Hold the facts log against what really happened in a sandbox. PURE.

A sandbox tells its happenings from the inside, without webhooks or API in between: each must be one
fact of the log, with the same money, and no money may have moved that it knows nothing of.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from deploy.audit.tally import Check, Tally
from deploy.sandbox.truth import Happening, Kind
from schemas import ids
from schemas.facts import AnyFact, PaymentRefunded, PaymentSucceeded

NAME = "truth"
SENTENCE = "What happened at the billing site is one fact each, with the same money, and no more."

FACT_IDS: Mapping[Kind, Callable[[Happening], str]] = {
    "payment": lambda one: ids.payment(one.transaction, one.invoice),
    "refund": lambda one: ids.refund(one.transaction),
    "chargeback": lambda one: ids.refund(one.transaction),
    "late_failure": lambda one: ids.late_failure(one.payment),
    "subscription_created": lambda one: ids.subscription_created(one.subscription),
    "subscription_activated": lambda one: ids.subscription_activated(one.subscription),
    "subscription_changed": lambda one: ids.subscription_changed(
        one.subscription, one.resource_version
    ),
    "subscription_renewed": lambda one: ids.subscription_renewed(one.subscription, one.term_start),
    "subscription_cancelled": lambda one: ids.subscription_cancelled(one.subscription, one.at),
    "subscription_reactivated": lambda one: ids.subscription_reactivated(
        one.subscription, one.resource_version
    ),
    "customer_deleted": lambda one: ids.customer_deleted(one.customer),
}
"""The id of the fact that must tell of what happened."""


class _Told(msgspec.Struct):
    """The part of the answer that is compared."""

    money: list[Happening]


class Truth:
    """Takes the facts of a log, in any order and as often as they stand there.

    `told` is the JSON that `/sandbox/truth` answers, asked for when everything that happened has
    been sent; facts of other sites than `site` are none of its business.
    """

    def __init__(self, told: bytes, site: str) -> None:
        self._site = site
        self._tally = Tally(NAME, SENTENCE)
        self._happened: dict[tuple[str, str], Happening] = {}
        self._found: set[tuple[str, str]] = set()
        for one in msgspec.json.decode(told, type=_Told).money:
            key = (one.customer, FACT_IDS[one.kind](one))
            self._tally.examined += 1
            if self._happened.setdefault(key, one) is not one:
                self._tally.breach(f"{key[1]} of {key[0]} happened twice under one id")

    def take(self, fact: AnyFact) -> None:
        if fact.site != self._site:
            return
        key = (fact.customer, fact.id)
        if key in self._found:
            return
        self._found.add(key)
        one, moved = self._happened.get(key), _money(fact)
        if one is None:
            if moved is not None:
                self._tally.breach(f"{fact.id} of {fact.customer} never happened")
        elif moved is not None and moved != (one.amount_minor, one.currency):
            self._tally.breach(
                f"{fact.id} of {fact.customer} says {moved[0]} {moved[1]}, and it was"
                f" {one.amount_minor} {one.currency}"
            )

    def check(self) -> Check:
        """When every fact has been taken."""
        for customer, fact in sorted(self._happened.keys() - self._found):
            self._tally.breach(f"{fact} of {customer} happened and is not in the log")
        return self._tally.check()


def check_truth(told: bytes, site: str, facts: Iterable[AnyFact]) -> Check:
    """The whole comparison at once."""
    truth = Truth(told, site)
    for fact in facts:
        truth.take(fact)
    return truth.check()


def _money(fact: AnyFact) -> tuple[int, str] | None:
    if isinstance(fact, PaymentSucceeded | PaymentRefunded):
        return fact.amount_minor, fact.currency
    return None
