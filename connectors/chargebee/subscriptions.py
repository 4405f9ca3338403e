"""The snapshot of a subscription that a fact carries. PURE."""

from connectors.chargebee import payloads
from connectors.chargebee.lines import lines_of
from schemas.facts import Subscription
from schemas.translation import UntranslatableError


def snapshot(
    subscription: payloads.Subscription, content: payloads.Content, occurred_at: int
) -> Subscription:
    """Defaults for what old payloads leave out: a monthly term, and a version from `updated_at`.

    Raises `UntranslatableError` without a plan, a status or any hint of the currency.
    """
    lines = lines_of(subscription)
    plan = next((line for line in lines if line.kind == "plan"), None)
    if plan is None:
        raise UntranslatableError(
            f"subscription {subscription.id!r} has neither a `plan_id` nor a plan among its "
            "`subscription_items`"
        )
    if subscription.status is None:
        raise UntranslatableError(f"subscription {subscription.id!r} has no `status`")
    return Subscription(
        id=subscription.id,
        plan=plan.price,
        status=subscription.status,
        currency=_currency(subscription, content),
        period=subscription.billing_period or 1,
        period_unit=subscription.billing_period_unit or "month",
        resource_version=_version(subscription, occurred_at),
        lines=lines,
        quantity=plan.quantity,
        created_at=subscription.created_at,
        started_at=subscription.started_at,
        activated_at=subscription.activated_at,
        trial_end=subscription.trial_end,
        term_start=subscription.current_term_start,
        term_end=subscription.current_term_end,
        cancelled_at=subscription.cancelled_at,
    )


def _version(subscription: payloads.Subscription, occurred_at: int) -> int:
    """Milliseconds, as `resource_version` is; payloads of the API's first years have none."""
    if subscription.resource_version is not None:
        return subscription.resource_version
    seconds = occurred_at if subscription.updated_at is None else subscription.updated_at
    return seconds * 1000


def _currency(subscription: payloads.Subscription, content: payloads.Content) -> str:
    currency = (
        subscription.currency_code
        or (content.invoice and content.invoice.currency_code)
        or (content.customer and content.customer.preferred_currency_code)
        or subscription.base_currency_code
    )
    if not currency:
        raise UntranslatableError(f"subscription {subscription.id!r} has no `currency_code`")
    return currency
