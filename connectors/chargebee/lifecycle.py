"""What subscription and customer events become. PURE.

A handler returns facts, or the sentence that says why there are none.
"""

from dataclasses import dataclass

from connectors.chargebee import payloads
from connectors.chargebee.customers import customer_of
from connectors.chargebee.lines import PLAN_ENTITIES
from connectors.chargebee.payloads import Content
from connectors.chargebee.payments import Outcome
from connectors.chargebee.subscriptions import snapshot
from schemas import ids
from schemas.facts import (
    CustomerDeleted,
    Subscription,
    SubscriptionActivated,
    SubscriptionCancelled,
    SubscriptionChanged,
    SubscriptionCreated,
    SubscriptionReactivated,
    SubscriptionRenewed,
)
from schemas.translation import UntranslatableError

RUNNING = frozenset({"active", "non_renewing"})


@dataclass(frozen=True, slots=True)
class _Head:
    """What every subscription fact of one event has in common."""

    raw: payloads.Subscription
    subscription: Subscription
    customer: str


def on_created(content: Content, *, event_id: str, site: str, occurred_at: int) -> Outcome:
    head = _head(content, occurred_at)
    return (
        SubscriptionCreated(
            id=ids.subscription_created(head.subscription.id),
            site=site,
            customer=head.customer,
            occurred_at=occurred_at,
            source=event_id,
            subscription=head.subscription,
        ),
    )


def on_activated(content: Content, *, event_id: str, site: str, occurred_at: int) -> Outcome:
    """A trial ended well. A future start that needs no trial comes as `on_started`."""
    return _activated(
        content, event_id=event_id, site=site, occurred_at=occurred_at, may_be_trial=True
    )


def on_started(content: Content, *, event_id: str, site: str, occurred_at: int) -> Outcome:
    """A subscription made for the future begins: with its trial, or at once with what is paid."""
    head = _head(content, occurred_at)
    if head.subscription.status not in RUNNING:
        return (
            f"The subscription starts as {head.subscription.status}; it counts once it is active."
        )
    return _activated(
        content, event_id=event_id, site=site, occurred_at=occurred_at, may_be_trial=False
    )


def on_changed(content: Content, *, event_id: str, site: str, occurred_at: int) -> Outcome:
    """Also pausing and resuming: what an account knows of a subscription includes its status."""
    head = _head(content, occurred_at)
    return (
        SubscriptionChanged(
            id=ids.subscription_changed(head.subscription.id, head.subscription.resource_version),
            site=site,
            customer=head.customer,
            occurred_at=occurred_at,
            source=event_id,
            subscription=head.subscription,
        ),
    )


def on_renewed(content: Content, *, event_id: str, site: str, occurred_at: int) -> Outcome:
    head = _head(content, occurred_at)
    if head.subscription.term_start is None:
        raise UntranslatableError(
            f"renewed subscription {head.subscription.id!r} has no `current_term_start`"
        )
    return (
        SubscriptionRenewed(
            id=ids.subscription_renewed(head.subscription.id, head.subscription.term_start),
            site=site,
            customer=head.customer,
            occurred_at=occurred_at,
            source=event_id,
            subscription=head.subscription,
        ),
    )


def on_items_renewed(content: Content, *, event_id: str, site: str, occurred_at: int) -> Outcome:
    """Where items have their own frequencies, only the plan's renewal renews the subscription."""
    head = _head(content, occurred_at)
    term_start = head.subscription.term_start
    lines = (content.invoice.line_items if content.invoice else None) or ()
    billed = any(
        line.entity_type in PLAN_ENTITIES and line.date_from == term_start for line in lines
    )
    if term_start is None or not billed:
        return "Some items were renewed inside the plan's term; the plan's own renewal counts."
    if term_start <= (head.subscription.activated_at or head.subscription.started_at or 0):
        return "It is the first term, which the subscription's creation or activation tells."
    return on_renewed(content, event_id=event_id, site=site, occurred_at=occurred_at)


def on_cancelled(content: Content, *, event_id: str, site: str, occurred_at: int) -> Outcome:
    head = _head(content, occurred_at)
    cancelled_at = head.subscription.cancelled_at
    return (
        SubscriptionCancelled(
            id=ids.subscription_cancelled(
                head.subscription.id, occurred_at if cancelled_at is None else cancelled_at
            ),
            site=site,
            customer=head.customer,
            occurred_at=occurred_at,
            source=event_id,
            subscription=head.subscription,
            reason=head.raw.cancel_reason or "",
        ),
    )


def on_reactivated(content: Content, *, event_id: str, site: str, occurred_at: int) -> Outcome:
    head = _head(content, occurred_at)
    return (
        SubscriptionReactivated(
            id=ids.subscription_reactivated(
                head.subscription.id, head.subscription.resource_version
            ),
            site=site,
            customer=head.customer,
            occurred_at=occurred_at,
            source=event_id,
            subscription=head.subscription,
        ),
    )


def on_customer_deleted(content: Content, *, event_id: str, site: str, occurred_at: int) -> Outcome:
    customer = customer_of(content)
    return (
        CustomerDeleted(
            id=ids.customer_deleted(customer),
            site=site,
            customer=customer,
            occurred_at=occurred_at,
            source=event_id,
        ),
    )


def _activated(
    content: Content, *, event_id: str, site: str, occurred_at: int, may_be_trial: bool
) -> Outcome:
    head = _head(content, occurred_at)
    return (
        SubscriptionActivated(
            id=ids.subscription_activated(head.subscription.id),
            site=site,
            customer=head.customer,
            occurred_at=occurred_at,
            source=event_id,
            subscription=head.subscription,
            from_trial=may_be_trial and head.subscription.trial_end is not None,
        ),
    )


def _head(content: Content, occurred_at: int) -> _Head:
    if content.subscription is None:
        raise UntranslatableError("the event's `content` has no `subscription`")
    return _Head(
        raw=content.subscription,
        subscription=snapshot(content.subscription, content, occurred_at),
        customer=customer_of(content),
    )
