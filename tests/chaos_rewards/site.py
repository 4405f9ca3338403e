"""The billing site of a run, as a process of its own: `python -m tests.chaos_rewards.site`.

Its customers are there from the start and do nothing by themselves, but for those who leave while
the site is away. Its idempotency keys live by its own time, which the run moves on.
"""

import asyncio
import sys

from deploy.sandbox.joining import Mix
from deploy.sandbox.life import Habits, Life, LifeSettings
from deploy.sandbox.sandbox import Sandbox, SandboxSettings
from deploy.sandbox.server import build_server, listen
from deploy.sandbox.site import BY_ADMIN
from deploy.sandbox.terms import MINUTE
from tests.chaos_rewards.wishes import STALE_COUPON, Person

CANCELLED_EACH, DELETED_EACH, LEAVING_EACH = 23, 29, 31
"""Of so many customers one has no subscription any more, is gone, or goes in the middle."""
LEAVING_AFTER_SECONDS = 10 * MINUTE
NO_HABITS = Habits(
    upgrade=0, downgrade=0, quantity=0, address=0, cancel=0, refund=0, chargeback=0, goodwill=0,
    deletion=0, noise=0, convert=0, come_back=0, second_refund=0,
)  # fmt: skip


def life_settings(seed: int, customers: int) -> LifeSettings:
    return LifeSettings(
        seed=seed, customers=customers, days=2, mix=Mix(veteran=1.0), habits=NO_HABITS
    )


def people_of(life: Life) -> list[Person]:
    """Who they are, by their numbers: the same for the run and for the site."""
    return [
        Person(
            member,
            is_cancelled=member.number % CANCELLED_EACH == 0,
            is_deleted=member.number % DELETED_EACH == 0,
            is_leaving=member.number % LEAVING_EACH == 0,
        )
        for member in life.members.values()
    ]


def prepare(life: Life) -> None:
    """What the site must have lived through before the run."""
    for person in people_of(life):
        member = person.member
        if person.is_cancelled:
            life._cancel(member)
        if person.is_deleted:
            life._delete(member)
        elif person.is_leaving:
            leaving_at = life.site.now + LEAVING_AFTER_SECONDS
            life._agenda.at(leaving_at, lambda member=member: life._delete(member))  # type: ignore[misc]
    expired = {
        "id": STALE_COUPON,
        "name": STALE_COUPON,
        "apply_on": "invoice_amount",
        "discount_type": "percentage",
        "discount_percentage": 50.0,
        "duration_type": "one_time",
        "valid_till": life.site.now - MINUTE,
    }
    life.promotions.create_coupon(expired, BY_ADMIN)


def main(port: int, seed: int, customers: int) -> None:
    held: list[Sandbox] = []
    settings = SandboxSettings(life=life_settings(seed, customers))
    held.append(Sandbox(settings, api_clock=lambda: float(held[0].site.now)))
    prepare(held[0].life)
    asyncio.run(build_server(held[0]).serve(sockets=[listen("127.0.0.1", port)]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
