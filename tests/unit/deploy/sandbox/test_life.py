"""The billing life: what happens in it, that it is repeatable, and that its money adds up."""

from collections import Counter, defaultdict
from typing import Any

import orjson
import pytest

from deploy.sandbox.catalog import CURRENCIES
from deploy.sandbox.joining import Mix
from deploy.sandbox.life import Habits, Life, LifeSettings
from deploy.sandbox.people import CANARY
from deploy.sandbox.site import Action
from deploy.sandbox.terms import DAY
from tests.support.sandbox import live

BY_API = Action("api", "a key")


@pytest.fixture(scope="module")
def year() -> Life:
    return live(customers=400)


def events_of(life: Life, event_type: str) -> list[dict[str, Any]]:
    kept = life.site.events.kept(life.site.now)
    return [orjson.loads(event.body) for event in kept if event.type == event_type]


def test_the_same_seed_lives_the_same_life_to_the_byte() -> None:
    assert live(seed=7).site.events.digest == live(seed=7).site.events.digest


def test_another_seed_lives_another_life() -> None:
    assert live(seed=7).site.events.digest != live(seed=8).site.events.digest


def test_the_size_of_the_steps_does_not_change_the_life() -> None:
    assert live(step_days=1).site.events.digest == live(step_days=73).site.events.digest


def test_a_grant_to_one_customer_leaves_everybody_elses_events_alone() -> None:
    plain, granted = live(customers=30), Life(LifeSettings(customers=30))
    granted.advance(granted.settings.start + 100 * DAY)
    lucky = next(one for one in granted.members.values() if one.active)
    granted.promotions.add(
        lucky.customer, 500, lucky.price.currency, BY_API, description="a reward"
    )
    granted.advance(granted.end)

    def notes(life: Life) -> list[tuple[str, str, int]]:
        return [
            (note.id, note.type, note.occurred_at)
            for note in life.site.events.notes
            if note.customer != lucky.id
        ]

    assert notes(plain) == notes(granted)


@pytest.mark.parametrize(
    "event_type",
    [
        "customer_created",
        "customer_changed",
        "customer_deleted",
        "card_added",
        "card_expired",
        "subscription_created",
        "subscription_activated",
        "subscription_changed",
        "subscription_renewed",
        "subscription_cancelled",
        "subscription_reactivated",
        "subscription_shipping_address_updated",
        "invoice_generated",
        "invoice_updated",
        "transaction_created",
        "transaction_updated",
        "payment_initiated",
        "payment_succeeded",
        "payment_failed",
        "payment_refunded",
        "dunning_updated",
        "credit_note_created",
        "promotional_credits_added",
        "promotional_credits_deducted",
        "subscription_constellation_shifted",
    ],
)
def test_a_year_has_events_of_this_type(year: Life, event_type: str) -> None:
    assert any(note.type == event_type for note in year.site.events.notes)


@pytest.mark.parametrize(
    "kind", ["payment", "refund", "chargeback", "late_failure", "subscription_renewed"]
)
def test_the_truth_of_a_year_knows_this_kind(year: Life, kind: str) -> None:
    assert any(happening.kind == kind for happening in year.site.truth.money)


def test_every_currency_and_both_terms_are_sold(year: Life) -> None:
    assert {one.price.currency for one in year.members.values()} == set(CURRENCIES)
    assert {one.price.unit for one in year.members.values()} == {"month", "year"}


def test_each_payment_in_the_truth_is_what_its_transaction_applied(year: Life) -> None:
    applied: dict[str, int] = defaultdict(int)
    for happening in year.site.truth.money:
        if happening.kind == "payment":
            applied[happening.transaction] += happening.amount_minor
    for transaction_id, amount_minor in applied.items():
        transaction = year.site.transactions[transaction_id]
        links = transaction["linked_invoices"]
        assert transaction["amount"] == amount_minor
        assert sum(link["applied_amount"] for link in links) == amount_minor


def test_some_payments_pay_several_invoices(year: Life) -> None:
    counts = Counter(one.transaction for one in year.site.truth.money if one.kind == "payment")
    assert max(counts.values()) > 1


def test_refunds_of_a_payment_never_exceed_it_and_some_come_in_parts(year: Life) -> None:
    refunds: dict[str, list[int]] = defaultdict(list)
    for happening in year.site.truth.money:
        if happening.kind == "refund":
            refunds[happening.payment].append(happening.amount_minor)
    for payment, parts in refunds.items():
        assert 0 < sum(parts) <= year.site.transactions[payment]["amount"]
    assert any(len(parts) > 1 for parts in refunds.values())


def test_every_invoice_adds_up(year: Life) -> None:
    for invoice in year.site.invoices.values():
        discounts = sum(one["amount"] for one in invoice.get("discounts", ()))
        assert invoice["total"] == invoice["sub_total"] - discounts + invoice["tax"]
        covered = invoice["amount_paid"] + invoice["credits_applied"] + invoice["amount_due"]
        assert covered == invoice["total"], invoice["id"]
        assert (invoice["amount_due"] == 0) == (invoice["status"] == "paid")


def test_an_invoice_that_credit_covers_is_paid_without_a_payment(year: Life) -> None:
    free = [
        one
        for one in year.site.invoices.values()
        if one["status"] == "paid" and one["amount_paid"] == 0
    ]
    paid_for = {one.invoice for one in year.site.truth.money if one.kind == "payment"}
    assert free
    assert not paid_for & {one["id"] for one in free}


def test_versions_of_a_resource_only_grow(year: Life) -> None:
    seen: dict[tuple[str, str], int] = {}
    for event in year.site.events.kept(year.site.now):
        for name, resource in orjson.loads(event.body)["content"].items():
            if isinstance(resource, dict) and "resource_version" in resource:
                key = (name, str(resource.get("id", resource.get("masked_number"))))
                assert seen.get(key, 0) <= resource["resource_version"]
                seen[key] = resource["resource_version"]


def test_absent_is_missing_and_never_null(year: Life) -> None:
    assert not any(b"null" in event.body for event in year.site.events.kept(year.site.now))


def test_personal_data_carries_the_canary(year: Life) -> None:
    for event in events_of(year, "subscription_renewed"):
        customer = event["content"]["customer"]
        for field in ("first_name", "last_name", "email", "company"):
            assert CANARY in customer[field]


def test_an_address_change_changes_nothing_of_value() -> None:
    habits = Habits(address=1, upgrade=0, downgrade=0, quantity=0, cancel=0)
    life = Life(LifeSettings(customers=5, days=60, habits=habits))
    life.advance(life.end)
    prices: dict[str, set[str]] = defaultdict(set)
    for event in events_of(life, "subscription_changed"):
        subscription = event["content"]["subscription"]
        prices[subscription["id"]].add(repr(subscription["subscription_items"]))
        assert "invoice" not in event["content"]
    assert prices
    assert all(len(seen) == 1 for seen in prices.values())


def test_an_upgrade_credits_the_old_price_and_charges_the_new_one() -> None:
    habits = Habits(upgrade=1, downgrade=0, quantity=0, cancel=0, refund=0)
    life = Life(LifeSettings(customers=40, days=60, habits=habits))
    life.advance(life.end)
    changed = [
        event["content"]
        for event in events_of(life, "subscription_changed")
        if "credit_notes" in event["content"] and "invoice" in event["content"]
    ]
    assert changed
    for content in changed:
        old = content["credit_notes"][0]["line_items"][0]["entity_id"]
        new = content["subscription"]["subscription_items"][0]["item_price_id"]
        assert old != new
        assert content["invoice"]["line_items"][0]["entity_id"] == new
        assert content["invoice"]["credits_applied"] > 0


def test_catalog_1_has_plans_where_catalog_2_has_items() -> None:
    life = Life(LifeSettings(customers=20, days=90, mix=Mix(catalog_1=1)))
    life.advance(life.end)
    renewed = events_of(life, "subscription_renewed")
    assert renewed
    for event in renewed:
        subscription = event["content"]["subscription"]
        assert "subscription_items" not in subscription
        assert subscription["plan_amount"] == (
            subscription["plan_quantity"] * subscription["plan_unit_price"]
        )
        lines = event["content"]["invoice"]["line_items"]
        assert {line["entity_type"] for line in lines} == {"plan"}


def test_dunning_that_runs_out_cancels_for_want_of_payment(year: Life) -> None:
    cancelled = [
        one for one in year.site.subscriptions.values() if one.get("cancel_reason") == "not_paid"
    ]
    assert cancelled
    assert all(one["status"] == "cancelled" for one in cancelled)


def test_events_older_than_ninety_days_are_not_found() -> None:
    life = live(customers=60)
    oldest = life.site.events.notes[0]
    assert life.site.events.retrieve(oldest.id, life.site.now) is None
    newest = life.site.events.notes[-1]
    assert life.site.events.retrieve(newest.id, life.site.now) is not None
    assert all(
        event.occurred_at >= life.site.now - 90 * DAY
        for event in life.site.events.kept(life.site.now)
    )


def test_a_thousand_customers_make_twenty_thousand_events_in_a_year() -> None:
    assert len(live(customers=1000, step_days=30).site.events.notes) > 20_000
