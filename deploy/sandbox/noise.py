"""Events that a loyalty engine has no use for, and one type that nobody knows. PURE."""

from deploy.sandbox.member import Member
from deploy.sandbox.site import BY_ADMIN, BY_SCHEDULE, Site

UNKNOWN_TYPE = "subscription_constellation_shifted"
"""No such event exists: consumers must keep and ignore what they do not know."""


def make(site: Site, member: Member) -> None:
    """One harmless event about this customer."""
    kind = member.rng.choices(
        ("customer_changed", "card_expired", "card_expiry_reminder", "reminder", "mrr", "unknown"),
        (8, 2, 2, 4, 3, 1),
    )[0]
    if kind == "customer_changed":
        _change_customer(site, member)
    elif kind in {"card_expired", "card_expiry_reminder"} and member.card is not None:
        burst = site.burst(member.id)
        burst.add(kind, customer=member.customer, card=member.card)
        burst.send(BY_SCHEDULE)
    elif kind == "mrr":
        burst = site.burst(member.id)
        burst.add("mrr_updated", subscription=member.subscription)
        burst.send(BY_SCHEDULE)
    elif kind == "unknown":
        tell_subscription(site, member, UNKNOWN_TYPE)
    else:
        tell_subscription(site, member, "subscription_renewal_reminder")


def tell_subscription(site: Site, member: Member, event_type: str) -> None:
    """An event of a type that carries the subscription and changes nothing."""
    burst = site.burst(member.id)
    burst.add(
        event_type,
        subscription=member.subscription,
        customer=member.customer,
        card=member.card,
    )
    burst.send(BY_SCHEDULE)


def _change_customer(site: Site, member: Member) -> None:
    member.customer["cf_newsletter"] = member.rng.choice(("weekly", "monthly", "never"))
    site.touch(member.customer)
    burst = site.burst(member.id)
    burst.add("customer_changed", customer=member.customer, card=member.card)
    burst.send(BY_ADMIN)
