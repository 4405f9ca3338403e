"""Plan changes as Chargebee tells them, from the webhook to the points."""

from typing import Any

from connectors.chargebee.translate import translate
from schemas.points import AnyPointsEvent, PointsReversed
from tests.support import chargebee as cb
from tests.support.story import DAY, T0, YEAR, Story, earned, only, story

RULES = (
    '- {id: pay, on: payment_succeeded, points: {per: {EUR: "1.00"}}}',
    "- {id: climb, on: plan_upgraded, points: 100, clawback_within: P30D}",
    "- {id: down, on: plan_downgraded, points: 1}",
    "- {id: year, on: annual_renewal, points: 500}",
)
MONTH = 31 * DAY
LARGER = [cb.plan_item(item_price_id="max-monthly", unit_price=1_000, amount=2_000)]
YEARLY = [cb.plan_item(item_price_id="pro-yearly", unit_price=6_000, amount=12_000)]


def happens(told: Story, event_type: str, at: int, /, **content: Any) -> list[AnyPointsEvent]:
    """An event about the subscription, whose `resource_version` follows the clock."""
    attributes = content.pop("subscription", {})
    seen = cb.subscription_pc2(**{"resource_version": at * 1_000, **attributes})
    event = cb.event(event_type, at=at, subscription=seen, customer=cb.customer(), **content)
    return [
        each for fact in translate(cb.body(event), "acme-test").facts for each in told.tell(fact)
    ]


def ignored(event_type: str, **attributes: Any) -> str:
    """Why an event about the subscription becomes no fact."""
    event = cb.subscription_event(event_type, subscription=cb.subscription_pc2(**attributes))
    return translate(cb.body(event), "acme-test").ignored


def pays(told: Story, at: int, name: str, amount_minor: int) -> list[AnyPointsEvent]:
    event = cb.payment_succeeded(
        transaction=cb.transaction(
            f"txn_{name}",
            amount=amount_minor,
            linked_invoices=[{"invoice_id": f"inv_{name}", "applied_amount": amount_minor}],
        ),
        invoice=cb.invoice(f"inv_{name}"),
    )
    facts = translate(cb.body({**event, "occurred_at": at}), "acme-test").facts
    return [each for fact in facts for each in told.tell(fact)]


def term(start: int, days: int) -> dict[str, int]:
    return {"current_term_start": start, "current_term_end": start + days * DAY}


def begun() -> Story:
    told = story(*RULES)
    happens(told, "subscription_created", T0, subscription=term(T0, 31))
    return told


def test_a_planned_change_counts_when_it_happens_and_once() -> None:
    told = begun()
    planned = {"has_scheduled_changes": True, "subscription_items": LARGER}
    assert "planned and can still be undone" in ignored("subscription_changes_scheduled", **planned)
    larger = {**term(T0 + MONTH, 31), "subscription_items": LARGER}
    change = happens(told, "subscription_changed", T0 + MONTH, subscription=larger)
    renewal = happens(told, "subscription_renewed", T0 + MONTH + 1, subscription=larger)
    assert (earned(change), earned(renewal)) == ([("climb", 100)], [])


def test_a_planned_change_that_is_taken_back_never_counts() -> None:
    told = begun()
    assert ignored("subscription_changes_scheduled", subscription_items=LARGER)
    assert "planned" in ignored("subscription_scheduled_changes_removed")
    renewal = happens(told, "subscription_renewed", T0 + MONTH, subscription=term(T0 + MONTH, 31))
    assert earned(renewal) == []


def test_a_planned_change_told_by_its_renewal_alone_counts() -> None:
    told = begun()
    larger = {**term(T0 + MONTH, 31), "subscription_items": LARGER}
    renewal = happens(told, "subscription_renewed", T0 + MONTH, subscription=larger)
    assert earned(renewal) == [("climb", 100)]


def test_a_planned_change_to_a_yearly_plan_completes_its_year_a_year_later() -> None:
    told = begun()
    yearly = {"subscription_items": YEARLY, "billing_period": 1, "billing_period_unit": "year"}
    assert ignored("subscription_changes_scheduled", **yearly)
    first, second = T0 + MONTH, T0 + MONTH + YEAR
    begins = {**yearly, **term(first, 365)}
    assert earned(happens(told, "subscription_changed", first, subscription=begins)) == []
    assert earned(happens(told, "subscription_renewed", first + 1, subscription=begins)) == []
    ends = {**yearly, **term(second, 365)}
    assert earned(happens(told, "subscription_renewed", second, subscription=ends)) == [
        ("year", 500)
    ]


def test_a_change_in_the_middle_of_a_term_earns_its_rule_and_what_is_paid_and_nothing_twice() -> (
    None
):
    """The change carries the prorated invoice and the credit for what was not used."""
    told = begun()
    assert earned(pays(told, T0, "first", 1_000)) == [("pay", 10)]
    middle = T0 + 15 * DAY
    larger = {**term(T0, 31), "subscription_items": LARGER, "resource_version": middle * 1_000}
    prorated: dict[str, Any] = {
        "subscription": larger,
        "invoice": cb.invoice("inv_prorated", total=1_000, amount_paid=500, credits_applied=500),
        "credit_notes": [{"id": "cn_1", "reason_code": "subscription_change", "total": 500}],
    }
    assert earned(happens(told, "subscription_changed", middle, **prorated)) == [("climb", 100)]
    assert earned(pays(told, middle, "prorated", 500)) == [("pay", 5)]
    twin = "subscription_changed_with_backdating"
    assert happens(told, twin, middle, **prorated) == []
    assert pays(told, middle, "prorated", 500) == []
    later = {**term(T0 + MONTH, 31), "subscription_items": LARGER}
    assert earned(happens(told, "subscription_renewed", T0 + MONTH, subscription=later)) == []
    assert earned(pays(told, T0 + MONTH, "second", 2_000)) == [("pay", 20)]
    assert told.lifetime == 10 + 100 + 5 + 20


def test_after_a_downgrade_only_what_is_still_paid_earns() -> None:
    """The credit of a downgrade pays a part of the next invoice; money pays the rest."""
    told = begun()
    pays(told, T0, "first", 1_000)
    smaller = {**term(T0, 31), "subscription_items": [cb.plan_item(amount=600)]}
    change = happens(
        told,
        "subscription_changed",
        T0 + 15 * DAY,
        subscription=smaller,
        credit_notes=[{"id": "cn_1", "reason_code": "subscription_change", "total": 200}],
    )
    assert earned(change) == [("down", 1)]
    assert earned(pays(told, T0 + MONTH, "second", 400)) == [("pay", 4)]
    assert told.lifetime == 10 + 1 + 4


def test_an_upgrade_that_is_cancelled_soon_is_taken_back() -> None:
    told = begun()
    larger = {**term(T0, 31), "subscription_items": LARGER}
    happens(told, "subscription_changed", T0 + DAY, subscription=larger)
    scheduled = ignored("subscription_cancellation_scheduled", status="non_renewing")
    assert "planned" in scheduled
    ended = {**larger, "status": "cancelled", "cancelled_at": T0 + 10 * DAY}
    events = happens(told, "subscription_cancelled", T0 + 10 * DAY, subscription=ended)
    event = only(events, PointsReversed)
    assert (event.points, event.cause.trigger) == (100, "subscription_cancelled")
    assert told.lifetime == 0
