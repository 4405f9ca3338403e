"""The facts log against what really happened, over a small life."""

from functools import lru_cache
from typing import Any

import msgspec
import pytest

from connectors.chargebee.translate import translate
from deploy.audit.truth import check_truth
from deploy.sandbox.events import Event
from deploy.sandbox.life import Life, LifeSettings
from deploy.sandbox.truth import Happening
from schemas import ids
from schemas.facts import AnyFact, PaymentRefunded, PaymentSucceeded

SITE = "acme-test"


@lru_cache
def lived() -> tuple[tuple[Happening, ...], tuple[AnyFact, ...]]:
    """What happened, and the facts that webhooks became."""
    life = Life(LifeSettings(customers=40, days=200))
    events: list[Event] = []
    life.site.listeners.append(events.append)
    life.advance(life.end)
    facts = [fact for event in events for fact in translate(event.body, SITE).facts]
    return tuple(life.site.truth.money), tuple(facts)


def told(happened: list[Happening] | None = None) -> bytes:
    """As the sandbox answers."""
    money = lived()[0] if happened is None else happened
    return msgspec.json.encode({"digest": "x", "money": money})


def changed(kind: type[Any], **changes: Any) -> list[AnyFact]:
    """The facts, the first of a kind changed: it counts before those that repeat it."""
    facts = list(lived()[1])
    at = next(index for index, fact in enumerate(facts) if isinstance(fact, kind))
    facts[at] = msgspec.structs.replace(facts[at], **changes)
    return facts


def test_a_life_is_its_facts_however_often_they_are_told() -> None:
    _, facts = lived()

    check = check_truth(told(), SITE, [*facts, *facts])

    assert check.breaches == 0
    assert check.examined == len(lived()[0]) > 100


def test_what_happened_and_is_not_in_the_log_is_named() -> None:
    _, facts = lived()
    lost = next(fact for fact in facts if isinstance(fact, PaymentSucceeded))
    rest = [fact for fact in facts if fact.id != lost.id]

    check = check_truth(told(), SITE, rest)

    assert check.examples == (f"{lost.id} of {lost.customer} happened and is not in the log",)


@pytest.mark.parametrize("kind", [PaymentSucceeded, PaymentRefunded])
def test_money_that_never_moved_is_named(kind: type[Any]) -> None:
    _, facts = lived()
    real = next(fact for fact in facts if isinstance(fact, kind))
    invented = msgspec.structs.replace(real, id=ids.payment("txn_x", "inv_x"))

    check = check_truth(told(), SITE, [*facts, invented])

    assert check.examples == (f"payment:txn_x:inv_x of {real.customer} never happened",)


@pytest.mark.parametrize("changes", [{"amount_minor": 1}, {"currency": "CHF"}])
def test_another_amount_than_was_paid_is_named(changes: dict[str, Any]) -> None:
    [said] = check_truth(told(), SITE, changed(PaymentSucceeded, **changes)).examples

    assert "and it was" in said


def test_facts_of_other_sites_are_left_alone() -> None:
    _, facts = lived()
    paid = next(fact for fact in facts if isinstance(fact, PaymentSucceeded))
    foreign = msgspec.structs.replace(paid, site="other", id=ids.payment("txn_x", "inv_x"))

    assert check_truth(told(), SITE, [*facts, foreign]).breaches == 0


def test_one_id_for_two_happenings_is_named() -> None:
    happened, facts = lived()

    check = check_truth(told([*happened, happened[3]]), SITE, facts)

    assert check.breaches == 1
    assert "happened twice under one id" in check.examples[0]
