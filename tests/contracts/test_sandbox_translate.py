"""A lived year, read by the connector: its facts are what really happened, and nothing else."""

import pytest

from connectors.chargebee.translate import translate
from deploy.audit.truth import FACT_IDS
from deploy.sandbox.events import Event
from deploy.sandbox.joining import Mix
from deploy.sandbox.life import Life, LifeSettings
from deploy.sandbox.people import CANARY
from schemas.codec import FACTS
from schemas.facts import AnyFact, PaymentRefunded, PaymentSucceeded

SITE = "acme-test"


@pytest.mark.parametrize("catalog_1", [0.0, 0.5, 1.0])
def test_the_facts_of_a_year_are_exactly_what_happened(catalog_1: float) -> None:
    life = Life(LifeSettings(customers=150, mix=Mix(catalog_1=catalog_1)))
    facts: dict[str, AnyFact] = {}

    def take(event: Event) -> None:
        facts.update((fact.id, fact) for fact in translate(event.body, SITE).facts)

    life.site.listeners.append(take)
    life.advance(life.end)

    happened = {FACT_IDS[one.kind](one): one for one in life.site.truth.money}
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
