"""Custom events: what other systems put on `custom.events.v1`. PURE."""

import msgspec

from schemas.facts import Scalar


class CustomEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that happened outside of billing.

    `id` is the caller's and makes the event idempotent for ever. `occurred_at` is unix seconds.
    Properties that no program names are dropped when the event becomes a fact.
    """

    id: str
    site: str
    customer: str
    name: str
    occurred_at: int
    properties: dict[str, Scalar] = {}
