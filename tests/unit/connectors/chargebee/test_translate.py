"""What each Chargebee event becomes, and why others become nothing."""

from typing import Any

import pytest
from chargebee import EventType

from connectors.chargebee.ignored import UNKNOWN
from connectors.chargebee.translate import HANDLERS, translate
from schemas.codec import FACTS
from schemas.facts import (
    AnyFact,
    CustomerDeleted,
    Line,
    PaymentRefunded,
    PaymentSucceeded,
    Subscription,
    SubscriptionActivated,
    SubscriptionCancelled,
    SubscriptionChanged,
    SubscriptionCreated,
    SubscriptionFact,
    SubscriptionReactivated,
    SubscriptionRenewed,
)
from schemas.translation import UntranslatableError
from tests.support import chargebee as cb
from tests.support.chargebee import T0

SITE = "acme-test"


def facts_of(event: cb.Json) -> tuple[AnyFact, ...]:
    return translate(cb.body(event), SITE).facts


def fact_of(event: cb.Json) -> AnyFact:
    facts = facts_of(event)
    assert len(facts) == 1
    return facts[0]


def reason_of(event: cb.Json) -> str:
    translation = translate(cb.body(event), SITE)
    assert translation.facts == ()
    return translation.ignored


def error_of(event: cb.Json) -> str:
    with pytest.raises(UntranslatableError) as raised:
        translate(cb.body(event), SITE)
    return str(raised.value)


SNAPSHOT = Subscription(
    id="sub_1",
    plan="pro-monthly",
    status="active",
    currency="EUR",
    period=1,
    period_unit="month",
    resource_version=T0 * 1000 + 7,
    lines=(
        Line(
            price="pro-monthly", kind="plan", amount_minor=1000, quantity=2, unit_amount_minor=500
        ),
    ),
    quantity=2,
    created_at=T0,
    started_at=T0,
    activated_at=T0,
    term_start=T0,
    term_end=T0 + cb.MONTH,
)
HEAD: dict[str, Any] = {
    "site": SITE,
    "customer": "cust_1",
    "occurred_at": T0,
    "source": "ev_1",
}


# Payments


def test_a_payment_becomes_one_fact_with_what_it_paid_for() -> None:
    assert fact_of(cb.payment_succeeded()) == PaymentSucceeded(
        **HEAD,
        id="payment:txn_1:inv_1",
        transaction="txn_1",
        invoice="inv_1",
        amount_minor=1000,
        currency="EUR",
        tax_minor=160,
        quantity=2,
        recurring=True,
        first_invoice=False,
        on_time=True,
        subscription=SNAPSHOT,
    )


def test_a_payment_over_several_invoices_becomes_a_fact_for_each() -> None:
    paid = cb.transaction(
        amount=2500,
        linked_invoices=[
            {"invoice_id": "inv_1", "applied_amount": 1000},
            {"invoice_id": "inv_2", "applied_amount": 1500},
        ],
    )
    first, second = facts_of(cb.payment_succeeded(transaction=paid))
    assert isinstance(first, PaymentSucceeded)
    assert isinstance(second, PaymentSucceeded)
    assert (first.id, first.amount_minor, first.tax_minor) == ("payment:txn_1:inv_1", 1000, 160)
    # The message does not carry the second invoice: nothing is claimed about it.
    assert (second.id, second.amount_minor) == ("payment:txn_1:inv_2", 1500)
    assert (second.tax_minor, second.on_time, second.subscription) == (None, False, None)


def test_only_money_applied_earns_never_credits_or_what_is_unused() -> None:
    part = cb.transaction(linked_invoices=[{"invoice_id": "inv_1", "applied_amount": 442}])
    fact = fact_of(cb.payment_succeeded(transaction=part))
    assert isinstance(fact, PaymentSucceeded)
    assert fact.amount_minor == 442


@pytest.mark.parametrize(
    "linked", [[], [{"invoice_id": "inv_1", "applied_amount": 0}], [{"invoice_id": "inv_1"}]]
)
def test_a_payment_that_pays_nothing_is_ignored(linked: list[cb.Json]) -> None:
    event = cb.payment_succeeded(transaction=cb.transaction(linked_invoices=linked))
    assert "No money was applied" in reason_of(event)


def test_an_old_payload_without_linked_invoices_paid_the_invoice_it_carries() -> None:
    old = cb.without(cb.transaction(amount=1000, amount_unused=100), "linked_invoices")
    fact = fact_of(cb.payment_succeeded(transaction=old))
    assert isinstance(fact, PaymentSucceeded)
    assert (fact.id, fact.amount_minor) == ("payment:txn_1:inv_1", 900)


@pytest.mark.parametrize("kind", ["authorization", "refund", "payment_reversal"])
def test_only_a_transaction_of_type_payment_earns(kind: str) -> None:
    assert kind in reason_of(cb.payment_succeeded(transaction=cb.transaction(type=kind)))


@pytest.mark.parametrize("status", ["in_progress", "voided", "failure", "late_failure", "timeout"])
def test_only_a_successful_payment_earns(status: str) -> None:
    assert status in reason_of(cb.payment_succeeded(transaction=cb.transaction(status=status)))


@pytest.mark.parametrize(
    ("applied", "total", "tax", "share"),
    [
        (1000, 1000, 160, 160),
        (500, 1000, 160, 80),
        (333, 1000, 161, 54),  # 53.613
        (25, 1000, 100, 3),  # 2.5, half up
        (1, 1000, 0, 0),
        (1000, 0, 0, None),
    ],
)
def test_tax_is_apportioned_to_the_nearest_minor_unit(
    applied: int, total: int, tax: int, share: int | None
) -> None:
    event = cb.payment_succeeded(
        transaction=cb.transaction(
            linked_invoices=[{"invoice_id": "inv_1", "applied_amount": applied}]
        ),
        invoice=cb.invoice(total=total, tax=tax),
    )
    fact = fact_of(event)
    assert isinstance(fact, PaymentSucceeded)
    assert fact.tax_minor == share


@pytest.mark.parametrize(
    ("attributes", "on_time"),
    [
        ({"due_date": T0, "paid_at": T0 + 2}, True),  # the card is charged a second after
        ({"due_date": T0, "paid_at": T0 + cb.DAY + 1}, False),
        ({"due_date": T0 + 14 * cb.DAY, "paid_at": T0 + 14 * cb.DAY}, True),
        ({"dunning_attempts": [{"attempt": 0}]}, False),
        ({"status": "payment_due"}, False),  # a part payment
        ({"due_date": None}, True),
    ],
)
def test_a_payment_is_on_time_whole_by_its_due_date_without_a_failed_attempt(
    attributes: cb.Json, on_time: bool
) -> None:
    fact = fact_of(cb.payment_succeeded(invoice=cb.invoice(**attributes)))
    assert isinstance(fact, PaymentSucceeded)
    assert fact.on_time is on_time


def test_a_payment_for_another_subscription_than_the_contents_carries_none() -> None:
    fact = fact_of(cb.payment_succeeded(invoice=cb.invoice(subscription_id="sub_2")))
    assert isinstance(fact, PaymentSucceeded)
    assert fact.subscription is None


def test_a_payment_belongs_to_who_paid() -> None:
    """The refund of it has only the transaction: both must meet in one account."""
    paid = cb.payment_succeeded(transaction=cb.transaction(customer_id="parent"))
    gone = cb.payment_refunded(transaction=cb.refund(customer_id="parent"))
    assert fact_of(paid).customer == fact_of(gone).customer == "parent"


# Money back


def test_a_refund_names_the_payment_and_the_invoice_it_gives_back() -> None:
    assert fact_of(cb.payment_refunded()) == PaymentRefunded(
        **HEAD,
        id="refund:txn_r1",
        payment_transaction="txn_1",
        transaction="txn_r1",
        amount_minor=400,
        currency="EUR",
        reason="refund",
        invoice="inv_1",
    )


def test_a_refund_for_credit_notes_of_several_invoices_names_none() -> None:
    notes = [{"cn_reference_invoice_id": "inv_1"}, {"cn_reference_invoice_id": "inv_2"}]
    fact = fact_of(cb.payment_refunded(transaction=cb.refund(linked_credit_notes=notes)))
    assert isinstance(fact, PaymentRefunded)
    assert fact.invoice == ""


def test_a_refund_is_ignored_until_it_succeeded() -> None:
    event = cb.payment_refunded(transaction=cb.refund(status="in_progress"))
    assert "in_progress" in reason_of(event)
    assert "under way" in reason_of(event | {"event_type": "refund_initiated"})


@pytest.mark.parametrize(
    "attributes",
    [
        {"refunded_txn_id": None, "reference_transaction_id": "txn_1"},
        {"refunded_txn_id": None, "linked_payments": [{"id": "txn_1"}]},
        {"refunded_txn_id": None},  # the invoice in the content has one payment
    ],
)
def test_the_refunded_payment_is_found_however_the_payload_says_it(attributes: cb.Json) -> None:
    fact = fact_of(cb.payment_refunded(transaction=cb.refund(**attributes)))
    assert isinstance(fact, PaymentRefunded)
    assert fact.payment_transaction == "txn_1"


def test_a_refund_of_an_unknown_payment_is_untranslatable_not_lost() -> None:
    refund = cb.refund(refunded_txn_id=None)
    assert "several payments" in error_of(
        cb.payment_refunded(
            transaction=refund,
            invoice=cb.invoice(linked_payments=[{"txn_id": "txn_1"}, {"txn_id": "txn_2"}]),
        )
    )
    assert "which payment" in error_of(
        cb.payment_refunded(transaction=refund, invoice=cb.invoice(linked_payments=[]))
    )


@pytest.mark.parametrize(
    "event_type", ["payment_refunded", "transaction_created", "transaction_updated"]
)
def test_a_reversal_is_a_chargeback(event_type: str) -> None:
    reversal = cb.refund("txn_cb", type="payment_reversal", amount=1000)
    fact = fact_of(cb.event(event_type, transaction=reversal))
    assert isinstance(fact, PaymentRefunded)
    assert (fact.id, fact.reason, fact.amount_minor) == ("refund:txn_cb", "chargeback", 1000)


@pytest.mark.parametrize("event_type", ["transaction_updated", "payment_failed"])
def test_a_payment_that_fails_late_gives_its_money_back(event_type: str) -> None:
    fact = fact_of(cb.event(event_type, transaction=cb.transaction(status="late_failure")))
    assert fact == PaymentRefunded(
        **HEAD,
        id="late_failure:txn_1",
        payment_transaction="txn_1",
        transaction="txn_1",
        amount_minor=1000,
        currency="EUR",
        reason="late_failure",
    )


def test_a_failed_payment_and_other_transactions_are_ignored() -> None:
    failed = cb.transaction(status="failure")
    assert "no money moved" in reason_of(cb.event("payment_failed", transaction=failed))
    settled = cb.event("transaction_updated", transaction=cb.transaction())
    assert "late failure" in reason_of(settled)


# Subscriptions

BY_TYPE: list[tuple[str, type[SubscriptionFact], str]] = [
    ("subscription_created", SubscriptionCreated, "subscription_created:sub_1"),
    ("subscription_activated", SubscriptionActivated, "subscription_activated:sub_1"),
    ("subscription_started", SubscriptionActivated, "subscription_activated:sub_1"),
    ("subscription_changed", SubscriptionChanged, f"subscription_changed:sub_1:{T0 * 1000 + 7}"),
    ("subscription_paused", SubscriptionChanged, f"subscription_changed:sub_1:{T0 * 1000 + 7}"),
    ("subscription_resumed", SubscriptionChanged, f"subscription_changed:sub_1:{T0 * 1000 + 7}"),
    ("subscription_renewed", SubscriptionRenewed, f"subscription_renewed:sub_1:{T0}"),
    ("subscription_cancelled", SubscriptionCancelled, f"subscription_cancelled:sub_1:{T0}"),
    ("subscription_deleted", SubscriptionCancelled, f"subscription_cancelled:sub_1:{T0}"),
    (
        "subscription_reactivated",
        SubscriptionReactivated,
        f"subscription_reactivated:sub_1:{T0 * 1000 + 7}",
    ),
]


@pytest.mark.parametrize(("event_type", "kind", "natural_key"), BY_TYPE)
def test_a_subscription_event_becomes_its_fact(
    event_type: str, kind: type[SubscriptionFact], natural_key: str
) -> None:
    fact = fact_of(cb.subscription_event(event_type))
    assert isinstance(fact, kind)
    assert fact.id == natural_key
    assert fact.subscription == SNAPSHOT


@pytest.mark.parametrize(
    ("event_type", "twin"),
    [
        ("subscription_created", "subscription_created_with_backdating"),
        ("subscription_activated", "subscription_activated_with_backdating"),
        ("subscription_changed", "subscription_changed_with_backdating"),
        ("subscription_cancelled", "subscription_canceled_with_backdating"),
        ("subscription_reactivated", "subscription_reactivated_with_backdating"),
    ],
)
def test_a_backdated_twin_is_the_same_fact(event_type: str, twin: str) -> None:
    assert fact_of(cb.subscription_event(event_type)) == fact_of(cb.subscription_event(twin))


@pytest.mark.parametrize("event_type", [row[0] for row in BY_TYPE])
def test_both_product_catalogs_make_the_same_fact(event_type: str) -> None:
    old = cb.subscription_event(event_type, subscription=cb.subscription_pc1())
    assert fact_of(old) == fact_of(cb.subscription_event(event_type))


def test_an_activation_says_whether_a_trial_came_first() -> None:
    trial = cb.subscription_pc2(trial_end=T0)
    from_trial = fact_of(cb.subscription_event("subscription_activated", subscription=trial))
    direct = fact_of(cb.subscription_event("subscription_activated"))
    assert isinstance(from_trial, SubscriptionActivated)
    assert isinstance(direct, SubscriptionActivated)
    assert (from_trial.from_trial, direct.from_trial) == (True, False)


def test_a_start_with_a_trial_waits_for_the_activation() -> None:
    trial = cb.subscription_pc2(status="in_trial")
    event = cb.subscription_event("subscription_started", subscription=trial)
    assert "in_trial" in reason_of(event)


def test_a_cancellation_says_why_and_when() -> None:
    ended = cb.subscription_pc2(status="cancelled", cancelled_at=T0 - 5, cancel_reason="not_paid")
    fact = fact_of(cb.subscription_event("subscription_cancelled", subscription=ended))
    assert isinstance(fact, SubscriptionCancelled)
    assert (fact.id, fact.reason) == (f"subscription_cancelled:sub_1:{T0 - 5}", "not_paid")


def test_a_renewal_without_its_term_is_untranslatable() -> None:
    lost = cb.without(cb.subscription_pc2(), "current_term_start")
    assert "current_term_start" in error_of(
        cb.subscription_event("subscription_renewed", subscription=lost)
    )


def test_renewed_items_renew_the_subscription_only_with_its_plan() -> None:
    later = cb.subscription_pc2(activated_at=T0 - cb.MONTH, started_at=T0 - cb.MONTH)
    whole = cb.subscription_event(
        "subscription_items_renewed", subscription=later, invoice=cb.invoice()
    )
    assert fact_of(whole).id == f"subscription_renewed:sub_1:{T0}"
    addon = {"entity_type": "addon_item_price", "date_from": T0}
    some = cb.subscription_event(
        "subscription_items_renewed", subscription=later, invoice=cb.invoice(line_items=[addon])
    )
    assert "inside the plan's term" in reason_of(some)
    first = cb.subscription_event("subscription_items_renewed", invoice=cb.invoice())
    assert "first term" in reason_of(first)


@pytest.mark.parametrize("spelling", ["subscriptions", "subscription"])
def test_a_deleted_customer_is_a_fact_with_either_list_spelling(spelling: str) -> None:
    """Chargebee's typings name the list in the singular, its payloads in the plural."""
    content: cb.Json = {"customer": cb.customer(), spelling: [cb.subscription_pc1()]}
    event = cb.event("customer_deleted", **content)
    assert fact_of(event) == CustomerDeleted(**HEAD, id="customer_deleted:cust_1")


# Lines and defaults


def lines_of(subscription: cb.Json) -> tuple[Line, ...]:
    fact = fact_of(cb.subscription_event("subscription_changed", subscription=subscription))
    assert isinstance(fact, SubscriptionChanged)
    return fact.subscription.lines


def test_addons_and_charges_are_lines_of_both_catalogs() -> None:
    old = cb.subscription_pc1(
        addons=[{"id": "seats", "quantity": 3, "unit_price": 100}],
        event_based_addons=[{"id": "setup", "quantity": 1, "unit_price": 900}],
    )
    new = cb.subscription_pc2(
        subscription_items=[
            {"item_price_id": "seats", "item_type": "addon", "quantity": 3, "unit_price": 100},
            cb.plan_item(),
            {"item_price_id": "setup", "item_type": "charge", "quantity": 1, "unit_price": 900},
        ]
    )
    assert lines_of(old) == lines_of(new)
    assert [(line.kind, line.amount_minor) for line in lines_of(new)] == [
        ("plan", 1000),
        ("addon", 300),
        ("charge", 900),
    ]


def test_an_amount_that_is_not_stated_is_unit_times_billed_quantity() -> None:
    old = cb.without(cb.subscription_pc1(plan_quantity=5, plan_free_quantity=2), "plan_amount")
    item = cb.without(cb.plan_item(quantity=5, free_quantity=2), "amount")
    assert lines_of(old)[0].amount_minor == 1500
    assert lines_of(cb.subscription_pc2(subscription_items=[item]))[0].amount_minor == 1500


def test_a_stated_amount_wins_because_tiers_have_no_unit_price() -> None:
    item = cb.without(cb.plan_item(quantity=6, amount=300_000), "unit_price")
    (line,) = lines_of(cb.subscription_pc2(subscription_items=[item]))
    assert (line.amount_minor, line.unit_amount_minor, line.quantity) == (300_000, None, 6)


def test_a_payload_of_both_shapes_counts_once() -> None:
    both = cb.subscription_pc1(subscription_items=[cb.plan_item()])
    assert lines_of(both) == lines_of(cb.subscription_pc2())


def test_a_line_of_an_unknown_kind_raises_no_value() -> None:
    items = [cb.plan_item(), cb.plan_item(item_price_id="x", item_type="bundle")]
    assert lines_of(cb.subscription_pc2(subscription_items=items))[1].kind == "charge"


def test_old_payloads_get_defaults() -> None:
    old = cb.without(
        cb.subscription_pc1(),
        "billing_period",
        "billing_period_unit",
        "resource_version",
        "currency_code",
    )
    fact = fact_of(cb.subscription_event("subscription_changed", subscription=old))
    assert isinstance(fact, SubscriptionChanged)
    snapshot = fact.subscription
    assert (snapshot.period, snapshot.period_unit) == (1, "month")
    assert (snapshot.resource_version, snapshot.currency) == (T0 * 1000, "EUR")


@pytest.mark.parametrize(
    ("subscription", "complaint"),
    [
        (cb.without(cb.subscription_pc1(), "plan_id"), "plan_id"),
        (cb.subscription_pc2(subscription_items=[cb.plan_item(item_type="addon")]), "plan"),
        (cb.without(cb.subscription_pc2(), "status"), "status"),
        (cb.without(cb.subscription_pc2(), "id"), "id"),
        (cb.subscription_pc2(billing_period_unit="fortnight"), "fortnight"),
        (cb.subscription_pc2(billing_period=0), "billing_period"),
        (cb.subscription_pc2(id="a\u0000b"), "id"),
    ],
)
def test_a_subscription_that_lacks_what_a_fact_needs_is_untranslatable(
    subscription: cb.Json, complaint: str
) -> None:
    event = cb.subscription_event("subscription_changed", subscription=subscription)
    assert complaint in error_of(event)


# Envelopes


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (b"", "not a Chargebee event"),
        (b"{", "not a Chargebee event"),
        (b"[]", "not a Chargebee event"),
        (b"\xff\xfe", "not a Chargebee event"),
        (b"[" * 100_000, "not a Chargebee event"),
        (b'{"id":"e","event_type":"x","content":' + b"[" * 100_000, "not a Chargebee event"),
        (b'{"id":"e"}', "event_type"),
        (b'{"id":"e","event_type":"x","object":"invoice"}', "'invoice'"),
        (b'{"id":"e","event_type":"x","api_version":"v1"}', "API version 2"),
        (b'{"id":"e","event_type":"payment_succeeded","content":{}}', "occurred_at"),
        (b'{"id":"e","event_type":"payment_succeeded","occurred_at":1}', "content"),
        (b'{"id":"e","event_type":"payment_succeeded","occurred_at":1,"content":{}}', "transact"),
        (b'{"id":"e","event_type":"customer_deleted","occurred_at":1,"content":{}}', "customer"),
    ],
)
def test_a_broken_body_is_untranslatable_for_a_clear_reason(broken: bytes, complaint: str) -> None:
    with pytest.raises(UntranslatableError, match=complaint):
        translate(broken, SITE)


@pytest.mark.parametrize("at", [-1, T0 * 1000, 10**30])
def test_a_time_that_is_no_unix_second_is_untranslatable(at: int) -> None:
    """A time in milliseconds would expire every point of the account."""
    assert "occurred_at" in error_of(cb.payment_succeeded() | {"occurred_at": at})


def test_an_unknown_event_type_is_ignored_for_a_reason() -> None:
    event = cb.event("moon_landed", customer=cb.customer())
    translation = translate(cb.body(event), SITE)
    assert (translation.ignored, translation.customer) == (UNKNOWN, "cust_1")


@pytest.mark.parametrize("event_type", sorted(each.value for each in EventType))
def test_every_event_type_of_chargebee_is_known_and_says_why_it_is_ignored(
    event_type: str,
) -> None:
    """Over what such events have in common; content that is not read may hold anything."""
    content: cb.Json = {
        "customer": cb.customer(),
        "subscription": cb.subscription_pc2(),
        "transaction": cb.refund() if "refund" in event_type else cb.transaction(),
        "invoice": cb.invoice(),
        "credit_notes": [{"id": "cn_1"}],
        "unbilled_charge": [{"id": "ub_1"}],
    }
    translation = translate(cb.body(cb.event(event_type, **content)), SITE)
    assert translation.ignored != UNKNOWN
    assert bool(translation.facts) != bool(translation.ignored)
    if event_type not in HANDLERS:
        assert translation.ignored.endswith(".")


def test_what_our_own_rewards_cause_in_chargebee_earns_nothing() -> None:
    for caused in (
        "promotional_credits_added",
        "promotional_credits_deducted",
        "coupon_created",
        "coupon_codes_added",
        "entitlement_overrides_updated",
        "entitlement_overrides_auto_removed",
        "subscription_entitlements_updated",
        "customer_changed",
    ):
        assert reason_of(cb.event(caused, customer=cb.customer()))


# Personal data


@pytest.mark.parametrize("event_type", sorted(HANDLERS))
def test_no_personal_data_gets_into_a_fact(event_type: str) -> None:
    kind = {
        "payment_refunded": cb.refund(),
        "payment_failed": cb.transaction(status="late_failure"),
    }
    event = cb.event(
        event_type,
        customer=cb.customer(),
        subscription=cb.subscription_pc1(activated_at=0, started_at=0),
        transaction=kind.get(event_type, cb.transaction(status=_status(event_type))),
        invoice=cb.invoice(),
        card={"masked_number": cb.CARD, "customer_id": "cust_1"},
    )
    facts = facts_of(event)
    assert facts
    assert all(canary in cb.body(event).decode() for canary in (cb.EMAIL, cb.STREET, cb.CARD))
    encoded = b"".join(FACTS.encode(fact) for fact in facts).decode()
    words = [word for canary in cb.CANARIES for word in (canary, *canary.split())]
    assert [word for word in words if len(word) > 3 and word in encoded] == []


def _status(event_type: str) -> str:
    return "late_failure" if event_type.startswith("transaction_") else "success"


# Keys
