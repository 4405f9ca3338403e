"""A lived year, read by the connector: its facts are what really happened, and nothing else."""

from collections.abc import Callable

import pytest

from connectors.chargebee.translate import translate
from deploy.sandbox.events import Event
from deploy.sandbox.joining import Mix
from deploy.sandbox.life import Life, LifeSettings
from deploy.sandbox.people import CANARY
from deploy.sandbox.truth import Happening, Kind
from schemas import ids
from schemas.codec import FACTS
from schemas.facts import AnyFact, PaymentRefunded, PaymentSucceeded

SITE = "acme-test"


KEYS: dict[Kind, Callable[[Happening], str]] = {
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
"""The key of the fact that must tell of what happened."""


@pytest.mark.parametrize("catalog_1", [0.0, 0.5, 1.0])
def test_the_facts_of_a_year_are_exactly_what_happened(catalog_1: float) -> None:
    life = Life(LifeSettings(customers=150, mix=Mix(catalog_1=catalog_1)))
    facts: dict[str, AnyFact] = {}

    def take(event: Event) -> None:
        facts.update((fact.id, fact) for fact in translate(event.body, SITE).facts)

    life.site.listeners.append(take)
    life.advance(life.end)

    happened = {KEYS[one.kind](one): one for one in life.site.truth.money}
    assert set(facts) == set(happened)
    for key, fact in facts.items():
        assert fact.customer == happened[key].customer
        if isinstance(fact, PaymentSucceeded | PaymentRefunded):
            assert fact.amount_minor == happened[key].amount_minor
            assert fact.currency == happened[key].currency
        if isinstance(fact, PaymentRefunded):
            assert fact.payment_transaction == happened[key].payment


def test_no_personal_data_gets_into_the_facts() -> None:
    life = Life(LifeSettings(customers=60))
    bodies: list[bytes] = []
    encoded: list[bytes] = []

    def take(event: Event) -> None:
        bodies.append(event.body)
        encoded.extend(FACTS.encode(fact) for fact in translate(event.body, SITE).facts)

    life.site.listeners.append(take)
    life.advance(life.end)

    canary = CANARY.encode()
    assert any(canary in body for body in bodies)
    assert encoded
    assert not any(canary in fact for fact in encoded)
