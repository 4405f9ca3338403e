"""A subscription's lines, the same for product catalog 1.0, 2.0 and payloads with both. PURE."""

from connectors.chargebee.payloads import Addon, Subscription, SubscriptionItem
from schemas.facts import Line, LineKind

PLAN_ENTITIES = frozenset({"plan", "plan_item_price"})
"""`entity_type` of an invoice line that bills a plan, in catalog 1.0 and 2.0."""


def lines_of(subscription: Subscription) -> tuple[Line, ...]:
    """Plan first. A migrated site in compatibility mode sends both shapes: items are the newer."""
    if subscription.subscription_items:
        lines = [_item_line(item) for item in subscription.subscription_items]
        return tuple(sorted(lines, key=lambda line: line.kind != "plan"))
    plan = [_plan_line(subscription, subscription.plan_id)] if subscription.plan_id else []
    addons = [_addon_line(addon, "addon") for addon in subscription.addons or ()]
    # Billed when something happens, not every period: never part of the recurring value.
    occasional = [_addon_line(addon, "charge") for addon in subscription.event_based_addons or ()]
    return (*plan, *addons, *occasional)


def _item_line(item: SubscriptionItem) -> Line:
    quantity = 1 if item.quantity is None else item.quantity
    return Line(
        price=item.item_price_id,
        kind=_item_kind(item.item_type),
        quantity=quantity,
        unit_amount_minor=item.unit_price,
        amount_minor=_amount(item.amount, item.unit_price, quantity - (item.free_quantity or 0)),
    )


def _item_kind(item_type: str | None) -> LineKind:
    match item_type:
        case "plan" | "addon":
            return item_type
        case _:
            # A kind that Chargebee adds later must not silently raise a subscription's value.
            return "charge"


def _plan_line(subscription: Subscription, plan: str) -> Line:
    quantity = 1 if subscription.plan_quantity is None else subscription.plan_quantity
    billed = quantity - (subscription.plan_free_quantity or 0)
    return Line(
        price=plan,
        kind="plan",
        quantity=quantity,
        unit_amount_minor=subscription.plan_unit_price,
        amount_minor=_amount(subscription.plan_amount, subscription.plan_unit_price, billed),
    )


def _addon_line(addon: Addon, kind: LineKind) -> Line:
    quantity = 1 if addon.quantity is None else addon.quantity
    return Line(
        price=addon.id,
        kind=kind,
        quantity=quantity,
        unit_amount_minor=addon.unit_price,
        amount_minor=_amount(addon.amount, addon.unit_price, quantity),
    )


def _amount(stated: int | None, unit_minor: int | None, billed_quantity: int) -> int:
    """What the payload states; old payloads leave it to be computed. Tiers with neither cost 0."""
    if stated is not None:
        return stated
    return (unit_minor or 0) * max(billed_quantity, 0)
