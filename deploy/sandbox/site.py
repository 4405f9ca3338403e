"""The billing site: its resources, its time, and the bursts of events that changes make. PURE."""

import random
from collections.abc import Callable
from typing import Any

import msgspec

from deploy.sandbox.chance import Identities
from deploy.sandbox.events import Event, EventLog, envelope
from deploy.sandbox.truth import Truth

Resource = dict[str, Any]
SITE_OWNER = "site"


class Action(msgspec.Struct, frozen=True):
    """Who makes a change: `source` and `user` of its events, and whether webhooks tell of it."""

    source: str
    user: str | None = None
    muted: bool = False


BY_SCHEDULE = Action("scheduled_job")
BY_ADMIN = Action("admin_console", "admin@sandbox.example")
BY_PORTAL = Action("portal")


class Site:
    """Everything that the API can show. `now` only ever moves forward."""

    def __init__(self, seed: int, now: int) -> None:
        self.seed = seed
        self.now = now
        self.identities = Identities(seed)
        self.customers: dict[str, Resource] = {}
        self.cards: dict[str, Resource] = {}
        self.subscriptions: dict[str, Resource] = {}
        self.invoices: dict[str, Resource] = {}
        self.transactions: dict[str, Resource] = {}
        self.credit_notes: dict[str, Resource] = {}
        self.promotional_credits: dict[str, Resource] = {}
        self.coupons: dict[str, Resource] = {}
        self.coupon_sets: dict[str, Resource] = {}
        self.coupon_codes: dict[str, Resource] = {}
        self.overrides: dict[str, dict[str, Resource]] = {}
        self.events = EventLog()
        self.truth = Truth()
        self.listeners: list[Callable[[Event], None]] = []
        self._numbers: dict[str, int] = {}

    def number(self, kind: str) -> int:
        """The next of a series that counts across the site, as invoices do."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return self._numbers[kind]

    def touch(self, resource: Resource) -> None:
        """Mark a resource as changed: its version is in milliseconds and grows with each change."""
        resource["updated_at"] = self.now
        resource["resource_version"] = max(resource["resource_version"] + 1, self.now * 1000)

    def burst(self, owner: str, rng: random.Random | None = None) -> "Burst":
        return Burst(self, owner, rng)

    def record(self, event: Event) -> None:
        self.events.append(event)
        for listener in self.listeners:
            listener(event)


class Burst:
    """Events of one change. They share a second and, given an `rng`, come in any order.

    Resources are copied when the burst is sent, so every event shows the change complete.
    """

    def __init__(self, site: Site, owner: str, rng: random.Random | None) -> None:
        self._site = site
        self._owner = owner
        self._rng = rng
        self._events: list[tuple[str, dict[str, Any]]] = []

    def add(self, event_type: str, **content: Any) -> None:
        """Content that is None is left out, as an absent resource is."""
        present = {name: value for name, value in content.items() if value is not None}
        self._events.append((event_type, present))

    def send(self, action: Action) -> None:
        site = self._site
        if self._rng is not None:
            self._rng.shuffle(self._events)
        # An API call must not use up the numbers of the life: they would shift its ids.
        owner = self._owner if action.source != "api" else f"{self._owner}/api"
        for event_type, content in self._events:
            event_id = site.identities.next(owner, "ev_")
            body = envelope(
                event_id,
                event_type,
                content,
                occurred_at=site.now,
                source=action.source,
                user=action.user,
            )
            site.record(
                Event(
                    sequence=len(site.events.notes),
                    id=event_id,
                    type=event_type,
                    source=action.source,
                    occurred_at=site.now,
                    customer="" if self._owner == SITE_OWNER else self._owner,
                    body=body,
                    muted=action.muted,
                )
            )
        self._events = []
