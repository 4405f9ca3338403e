"""The key of a raw record: the customer, wherever an event names one."""

import pytest

from connectors.chargebee.customers import raw_key
from tests.support import chargebee as cb
from tests.unit.connectors.chargebee.test_translate import SITE, fact_of

KEYED_BY_CUSTOMER: list[cb.Json] = [
    {"customer": {"id": "cust_1"}},
    {"subscription": {"id": "s", "customer_id": "cust_1"}},
    {"unbilled_charges": [{"id": "u", "customer_id": "cust_1"}]},
    {"unbilled_charge": [{"id": "u", "customer_id": "cust_1"}]},
    {"gift": {"gifter": {"customer_id": "cust_1"}, "gift_receiver": {"customer_id": "other"}}},
    {"card": {"customer_id": "cust_1"}},
    {"feature": {"id": "f"}, "order": {"customer_id": "cust_1"}},
    {"customer": {"id": "payee"}, "transaction": {"customer_id": "cust_1"}},
    {"subscriptions": "?", "customer": None, "invoice": [{"customer_id": "cust_1"}]},
]


@pytest.mark.parametrize("content", KEYED_BY_CUSTOMER)
def test_the_raw_key_is_the_customer_in_any_content_shape(content: cb.Json) -> None:
    assert raw_key(SITE, cb.event("anything", **content)) == "acme-test:cust_1"


@pytest.mark.parametrize(
    "content", [{}, {"plan": {"id": "p"}}, {"customer": {"id": 7}}, {"customer": {"id": "a\nb"}}]
)
def test_an_event_about_no_customer_is_keyed_by_its_id(content: cb.Json) -> None:
    assert raw_key(SITE, cb.event("anything", **content)) == "ev_1"


def test_a_fact_has_the_key_of_its_raw_record() -> None:
    for event in (
        cb.payment_succeeded(),
        cb.payment_succeeded(transaction=cb.transaction(customer_id="parent")),
        cb.payment_refunded(),
        cb.subscription_event("subscription_changed"),
        cb.event("customer_deleted", customer=cb.customer(), subscriptions=[cb.subscription_pc1()]),
    ):
        assert raw_key(SITE, event) == f"{SITE}:{fact_of(event).customer}"
