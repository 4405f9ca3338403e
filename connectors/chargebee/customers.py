"""Which customer an event is about, whatever resources it carries. PURE."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.chargebee.payloads import ID_CHARACTERS_MAX, Content, is_printable
from schemas import ids
from schemas.translation import UntranslatableError

# What decides where several resources name different customers: who pays before who is billed, so
# that a payment and its refund meet in one account, and a fact's customer is its raw record's key.
_PRECEDENCE = ("transaction", "subscription", "customer", "invoice")
_NAMES = ("customer_id", "gifter_customer_id")


def raw_key(site: str, event: Mapping[str, Any]) -> str:
    """Key of the raw record: `site:customer`, else the event's id."""
    customer = find_customer(event.get("content"))
    return ids.account_key(site, customer) if customer else str(event.get("id", ""))


def find_customer(content: object) -> str:
    """The customer id in any content shape, singular or list, or the empty string."""
    if not isinstance(content, Mapping):
        return ""
    for name, resource in _resources(content):
        if customer := _customer_of(name, resource):
            return customer
    return ""


def _resources(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Resources by precedence, then in the payload's order; of a list, its elements."""
    names = [name for name in _PRECEDENCE if name in content]
    names += [name for name in content if name not in _PRECEDENCE]
    for name in names:
        value = content[name]
        for resource in value if isinstance(value, list) else (value,):
            if isinstance(resource, Mapping):
                yield name, resource


def _customer_of(name: str, resource: Mapping[str, Any]) -> str:
    if name in ("customer", "customers"):
        return _usable(resource.get("id"))
    for field in _NAMES:
        if customer := _usable(resource.get(field)):
            return customer
    gifter = resource.get("gifter")
    return _usable(gifter.get("customer_id")) if isinstance(gifter, Mapping) else ""


def _usable(value: object) -> str:
    if not isinstance(value, str) or len(value) > ID_CHARACTERS_MAX or not is_printable(value):
        return ""
    return value


def customer_of(content: Content) -> str:
    """As `find_customer`, for content that is already typed. Raises `UntranslatableError`."""
    customer = (
        (content.transaction and content.transaction.customer_id)
        or (content.subscription and content.subscription.customer_id)
        or (content.customer and content.customer.id)
        or (content.invoice and content.invoice.customer_id)
    )
    if not customer:
        raise UntranslatableError("the event's `content` names no customer")
    return customer
