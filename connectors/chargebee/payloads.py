"""The parts of Chargebee's payloads that are read, and nothing else. PURE.

Lenient where Chargebee is: any optional attribute may be missing or null, unknown ones are skipped.
Strict where a fact would be wrong: an id, a time or an amount of the wrong type is an error.
What is not declared here (names, addresses, cards) is never even decoded.
"""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.facts import PeriodUnit

ID_CHARACTERS_MAX = 255
WORD_CHARACTERS_MAX = 100
# The greatest integer that every consumer's JSON numbers can hold exactly.
AMOUNT_MAX = 2**53
YEAR_9999 = 253_402_300_799

# Ids become Kafka keys and SQL text, where control characters and lone surrogates are errors.
_PRINTABLE = r"\A[^\x00-\x1f\x7f\ud800-\udfff]+\Z"
is_printable = re.compile(_PRINTABLE).match

Id = Annotated[str, Meta(max_length=ID_CHARACTERS_MAX, pattern=_PRINTABLE)]
Word = Annotated[str, Meta(max_length=WORD_CHARACTERS_MAX, pattern=_PRINTABLE)]
Amount = Annotated[int, Meta(ge=-AMOUNT_MAX, le=AMOUNT_MAX)]
Quantity = Annotated[int, Meta(ge=0, le=2**31)]
UnixSeconds = Annotated[int, Meta(ge=0, le=YEAR_9999)]
UnixMilliseconds = Annotated[int, Meta(ge=0, le=YEAR_9999 * 1000)]
Periods = Annotated[int, Meta(ge=1, le=10_000)]


class Event(msgspec.Struct, frozen=True):
    """The envelope. `content` stays undecoded until the event type is known to matter."""

    id: Id
    event_type: Word
    object: str | None = None
    api_version: str | None = None
    occurred_at: int | None = None
    content: msgspec.Raw = msgspec.Raw(b"null")


class SubscriptionItem(msgspec.Struct, frozen=True):
    """A line of a subscription in product catalog 2.0. Tiered prices have no `unit_price`."""

    item_price_id: Id
    item_type: str | None = None
    quantity: Quantity | None = None
    free_quantity: Quantity | None = None
    unit_price: Amount | None = None
    amount: Amount | None = None


class Addon(msgspec.Struct, frozen=True):
    """An add-on of a subscription in product catalog 1.0."""

    id: Id
    quantity: Quantity | None = None
    unit_price: Amount | None = None
    amount: Amount | None = None


class Subscription(msgspec.Struct, frozen=True):
    id: Id
    customer_id: Id | None = None
    status: Word | None = None
    currency_code: Word | None = None
    base_currency_code: Word | None = None
    billing_period: Periods | None = None
    billing_period_unit: PeriodUnit | None = None
    resource_version: UnixMilliseconds | None = None
    updated_at: UnixSeconds | None = None
    created_at: UnixSeconds | None = None
    started_at: UnixSeconds | None = None
    activated_at: UnixSeconds | None = None
    trial_end: UnixSeconds | None = None
    current_term_start: UnixSeconds | None = None
    current_term_end: UnixSeconds | None = None
    cancelled_at: UnixSeconds | None = None
    cancel_reason: Word | None = None
    plan_id: Id | None = None
    plan_quantity: Quantity | None = None
    plan_free_quantity: Quantity | None = None
    plan_unit_price: Amount | None = None
    plan_amount: Amount | None = None
    addons: list[Addon] | None = None
    event_based_addons: list[Addon] | None = None
    subscription_items: list[SubscriptionItem] | None = None


class Customer(msgspec.Struct, frozen=True):
    id: Id
    preferred_currency_code: Word | None = None


class InvoiceLine(msgspec.Struct, frozen=True):
    entity_type: str | None = None
    quantity: Quantity | None = None
    date_from: UnixSeconds | None = None


class LinkedPayment(msgspec.Struct, frozen=True):
    """A payment as an invoice lists it."""

    txn_id: Id
    applied_amount: Amount | None = None
    txn_status: str | None = None


class Invoice(msgspec.Struct, frozen=True):
    id: Id
    customer_id: Id | None = None
    subscription_id: Id | None = None
    status: str | None = None
    recurring: bool | None = None
    first_invoice: bool | None = None
    total: Amount | None = None
    tax: Amount | None = None
    currency_code: Word | None = None
    due_date: UnixSeconds | None = None
    paid_at: UnixSeconds | None = None
    dunning_attempts: list[msgspec.Raw] | None = None
    line_items: list[InvoiceLine] | None = None
    linked_payments: list[LinkedPayment] | None = None


class LinkedInvoice(msgspec.Struct, frozen=True):
    """What a transaction applied to one invoice."""

    invoice_id: Id
    applied_amount: Amount | None = None


class LinkedCreditNote(msgspec.Struct, frozen=True):
    cn_reference_invoice_id: Id | None = None


class LinkedTransaction(msgspec.Struct, frozen=True):
    """A payment as a refund or a reversal lists it."""

    id: Id


class Transaction(msgspec.Struct, frozen=True):
    id: Id
    type: Word
    status: Word
    amount: Amount
    currency_code: Word
    customer_id: Id | None = None
    subscription_id: Id | None = None
    amount_unused: Amount | None = None
    refunded_txn_id: Id | None = None
    reference_transaction_id: Id | None = None
    linked_invoices: list[LinkedInvoice] | None = None
    linked_credit_notes: list[LinkedCreditNote] | None = None
    linked_payments: list[LinkedTransaction] | None = None


class Content(msgspec.Struct, frozen=True):
    """The resources that an event carries and a fact is made from."""

    customer: Customer | None = None
    subscription: Subscription | None = None
    invoice: Invoice | None = None
    transaction: Transaction | None = None


class CustomerContent(msgspec.Struct, frozen=True):
    """Content of which only the customer is read: other resources may come in any spelling."""

    customer: Customer | None = None


decode_event = msgspec.json.Decoder(Event).decode
decode_content = msgspec.json.Decoder(Content).decode
decode_customer_content = msgspec.json.Decoder(CustomerContent).decode
