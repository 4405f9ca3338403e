"""Translate a Chargebee event into facts. PURE.

Nothing that a reward of ours causes becomes a fact that earns: credits and entitlements are ignored
(see `ignored`), and a coupon, an add-on at no price or an extra day leaves as they were what the
fold compares: the subscription's value, its sign-up and the start of its term. An event's `source`
and `user` are not looked at: what a merchant changes by an API key of their own must count.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

import msgspec

from connectors.chargebee import lifecycle, payments
from connectors.chargebee.customers import find_customer
from connectors.chargebee.ignored import reason_for
from connectors.chargebee.payloads import (
    YEAR_9999,
    Content,
    Event,
    decode_content,
    decode_customer_content,
    decode_event,
)
from connectors.chargebee.payments import Outcome
from schemas.translation import Translation, UntranslatableError

T = TypeVar("T")


class Handler(Protocol):
    """Facts, or why there are none; the empty string leaves that to the event type's sentence."""

    def __call__(
        self, content: Content, /, *, event_id: str, site: str, occurred_at: int
    ) -> Outcome: ...


# A backdated twin is a type of its own and the same fact: the natural keys are equal.
HANDLERS: Mapping[str, Handler] = {
    "customer_deleted": lifecycle.on_customer_deleted,
    "payment_failed": payments.on_transaction,
    "payment_refunded": payments.on_payment_refunded,
    "payment_succeeded": payments.on_payment_succeeded,
    "subscription_activated": lifecycle.on_activated,
    "subscription_activated_with_backdating": lifecycle.on_activated,
    "subscription_canceled_with_backdating": lifecycle.on_cancelled,
    "subscription_cancelled": lifecycle.on_cancelled,
    "subscription_changed": lifecycle.on_changed,
    "subscription_changed_with_backdating": lifecycle.on_changed,
    "subscription_created": lifecycle.on_created,
    "subscription_created_with_backdating": lifecycle.on_created,
    "subscription_deleted": lifecycle.on_cancelled,
    "subscription_items_renewed": lifecycle.on_items_renewed,
    "subscription_paused": lifecycle.on_changed,
    "subscription_reactivated": lifecycle.on_reactivated,
    "subscription_reactivated_with_backdating": lifecycle.on_reactivated,
    "subscription_renewed": lifecycle.on_renewed,
    "subscription_resumed": lifecycle.on_changed,
    "subscription_started": lifecycle.on_started,
    "transaction_created": payments.on_transaction,
    "transaction_updated": payments.on_transaction,
}


def translate(body: bytes, site: str) -> Translation:
    """`body` is one event object, as a webhook brings it. Raises `UntranslatableError`."""
    event = _event(body)
    handler = HANDLERS.get(event.event_type)
    if handler is None:
        return Translation(
            event_id=event.id,
            event_type=event.event_type,
            customer=_customer(event),
            ignored=reason_for(event.event_type),
        )
    occurred_at = _occurred_at(event)
    outcome = handler(_content(event), event_id=event.id, site=site, occurred_at=occurred_at)
    if isinstance(outcome, str):
        return Translation(
            event_id=event.id,
            event_type=event.event_type,
            customer=_customer(event),
            ignored=outcome or reason_for(event.event_type),
        )
    return Translation(
        event_id=event.id,
        event_type=event.event_type,
        customer=outcome[0].customer,
        facts=outcome,
    )


def _event(body: bytes) -> Event:
    event = _decode(decode_event, body, "not a Chargebee event")
    if event.object not in (None, "event"):
        raise UntranslatableError(
            f"not a Chargebee event: its `object` is {event.object!r}, not 'event'"
        )
    if event.api_version not in (None, "v2"):
        raise UntranslatableError(
            f"`api_version` is {event.api_version!r}: set the webhook in Chargebee to API version 2"
        )
    return event


def _occurred_at(event: Event) -> int:
    if event.occurred_at is None:
        raise UntranslatableError("the event has no `occurred_at`")
    if not 0 <= event.occurred_at <= YEAR_9999:
        raise UntranslatableError(
            f"`occurred_at` is {event.occurred_at}, which is not a time in unix seconds"
        )
    return event.occurred_at


def _content(event: Event) -> Content:
    if event.event_type == "customer_deleted":
        # It carries a list of subscriptions, which some spell `subscription`.
        only = _decode(decode_customer_content, bytes(event.content), "broken `content`")
        return Content(customer=only.customer)
    return _decode(decode_content, bytes(event.content), "broken `content`")


def _customer(event: Event) -> str:
    """Best effort: nothing depends on whom an ignored event is about."""
    return find_customer(_decode(msgspec.json.decode, bytes(event.content), "broken `content`"))


def _decode(decode: Callable[[bytes], T], data: bytes, what: str) -> T:
    try:
        return decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UntranslatableError(f"{what}: {error}") from error
