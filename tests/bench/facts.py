"""The facts that every measurement uses: a sandbox's life, multiplied over many accounts.

A few hundred customers live in the sandbox; the connector translates what happens to them, the
rewards they earn are reported as delivered, and the whole is told once for each of their doubles.
Doubles differ in the customer's id alone, so what a fact is worth is the same for all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from aiokafka.partitioner import DefaultPartitioner

from connectors.chargebee.translate import translate
from deploy.sandbox.events import Event
from deploy.sandbox.life import FIRST_INSTANT, Life, LifeSettings
from deploy.sandbox.terms import DAY
from schemas import ids
from schemas.codec import FACTS
from schemas.facts import AnyFact, RewardDelivered
from schemas.points import AnyPointsEvent, RewardEarned
from streams.account.ordering import fold
from streams.account.programs import Programs
from streams.account.state import Account
from streams.account.storing import encode_account
from tests.bench.program import known
from tests.support.year import SITE

LIVED_CUSTOMERS_MAX = 500
STEP_DAYS = 30
FACTS_PER_YEAR = 15
DELIVERY_SECONDS = 60
YEAR_DAYS = 365

choose_partition = DefaultPartitioner()


@dataclass(frozen=True, slots=True)
class Lived:
    """One fact of a lived customer and how many points events it gives."""

    fact: AnyFact
    events: int


@dataclass(frozen=True, slots=True)
class Story:
    """What the lived customers go through, in order, and the state each ends with."""

    lived: list[Lived]
    states: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Load:
    """Facts as they stand on the topic: (partition, key, value) in order; `events` they give."""

    records: list[tuple[int, bytes, bytes]]
    events: int

    def part(self, start: int, stop: int | None, events: int) -> "Load":
        return Load(self.records[start:stop], events)


def live(customers: int, facts: int, *, seed: int = 1, programs: Programs | None = None) -> Story:
    """At least `facts` facts of `customers` customers, with the outcomes of their rewards."""
    days = max(YEAR_DAYS, YEAR_DAYS * facts // (customers * FACTS_PER_YEAR))
    life = Life(LifeSettings(seed=seed, customers=customers, days=days))
    bodies: list[bytes] = []

    def take(event: Event) -> None:
        bodies.append(event.body)

    life.site.listeners.append(take)
    told = _Telling(programs or known())
    at = FIRST_INSTANT
    while len(told.lived) < facts:
        at += STEP_DAYS * DAY
        life.advance(at)
        for body in bodies:
            for fact in translate(body, SITE).facts:
                told.tell(fact)
        bodies.clear()
    return Story(told.lived[:facts], told.states())


class _Telling:
    def __init__(self, programs: Programs) -> None:
        self.lived: list[Lived] = []
        self._programs = programs
        self._accounts: dict[str, Account] = {}

    def tell(self, fact: AnyFact) -> None:
        """Fold a fact, and then the delivery of each reward that it earned."""
        account = self._accounts.setdefault(fact.customer, Account())
        events = fold(account, fact, len(self.lived), self._programs)
        self.lived.append(Lived(fact, len(events)))
        for event in events:
            if isinstance(event, RewardEarned):
                self.tell(_delivery(event))

    def states(self) -> dict[str, bytes]:
        return {customer: encode_account(each) for customer, each in self._accounts.items()}


def _delivery(event: AnyPointsEvent) -> RewardDelivered:
    assert isinstance(event, RewardEarned)
    return RewardDelivered(
        id=ids.outcome(event.reward_id),
        site=event.site,
        customer=event.customer,
        occurred_at=event.occurred_at + DELIVERY_SECONDS,
        reward_id=event.reward_id,
        reference="delivered",
    )


def double(fact: AnyFact, number: int) -> AnyFact:
    """The same thing happening to another customer."""
    customer = f"{fact.customer}-{number}"
    if isinstance(fact, RewardDelivered):
        _, _, rest = fact.reward_id.partition(f"{fact.customer}:")
        reward_id = f"{fact.site}:{customer}:{rest}"
        return msgspec.structs.replace(
            fact, customer=customer, reward_id=reward_id, id=ids.outcome(reward_id)
        )
    return msgspec.structs.replace(fact, customer=customer)


def multiply(
    facts: int, accounts: int, partitions: int, *, programs: Programs | None = None
) -> tuple[Load, list[int]]:
    """`facts` facts over `accounts` accounts, and the number of events up to each of them."""
    customers = min(accounts, LIVED_CUSTOMERS_MAX)
    doubles = max(1, accounts // customers)
    story = live(customers, -(-facts // doubles), programs=programs)
    records: list[tuple[int, bytes, bytes]] = []
    events = [0]
    for lived, number in _told(story, doubles):
        if len(records) == facts:
            break
        fact = double(lived.fact, number)
        key = ids.account_key(fact.site, fact.customer).encode()
        records.append((partition_of(key, partitions), key, FACTS.encode(fact)))
        events.append(events[-1] + lived.events)
    return Load(records, events[-1]), events


def _told(story: Story, doubles: int) -> Iterator[tuple[Lived, int]]:
    return ((lived, number) for lived in story.lived for number in range(doubles))


def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's own partitioner puts the key."""
    every = list(range(partitions))
    return int(choose_partition(key, every, every))
