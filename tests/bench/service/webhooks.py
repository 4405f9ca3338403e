"""Webhooks of a sandbox's life, each an event of its own about something that the fold wants."""

from dataclasses import dataclass

import msgspec

from connectors.chargebee.translate import translate
from deploy.sandbox.events import Event
from deploy.sandbox.life import Life, LifeSettings
from deploy.sandbox.terms import DAY
from tests.support.year import SITE

CUSTOMERS_MAX = 4_000
FACTS_PER_YEAR = 12
STEP_DAYS = 30


@dataclass(frozen=True, slots=True)
class Webhook:
    """`event` is Chargebee's id of it, `customer` whom its first fact is about."""

    body: bytes
    event: str
    customer: str


def webhooks(count: int) -> list[Webhook]:
    """In the order of the life that they are of."""
    customers = min(CUSTOMERS_MAX, max(50, count // FACTS_PER_YEAR))
    days = 365 * max(1, 1 + count // (customers * FACTS_PER_YEAR))
    life = Life(LifeSettings(seed=3, customers=customers, days=days))
    events: list[Event] = []
    life.site.listeners.append(events.append)
    found: list[Webhook] = []
    for day in range(0, days, STEP_DAYS):
        if len(found) >= count:
            break
        life.advance(min(life.end, life.settings.start + (day + STEP_DAYS) * DAY))
        for event in events:
            facts = translate(event.body, SITE).facts
            if facts:
                name = msgspec.json.decode(event.body)["id"]
                found.append(Webhook(event.body, name, facts[0].customer))
        events.clear()
    assert len(found) >= count, f"the life gave {len(found):,} of {count:,} webhooks"
    return found[:count]
