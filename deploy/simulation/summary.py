"""What a simulation came to, per customer and in all."""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from deploy.simulation.run import Simulation
from schemas.codec import POINTS
from schemas.points import FactIgnored, RewardEarned
from streams.account.outlook import TierOutlook, view


class CustomerSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One account as it stands at the end. `rewards` were earned, `ignored` facts moved nothing.

    `outlook` says what the tier needs, `expiring` what expires when, soonest first.
    """

    site: str
    customer: str
    balance: int
    pending: int
    lifetime: int
    deficit: int
    tier: str
    lots: int
    rewards: int
    ignored: int
    outlook: TierOutlook | None
    expiring: tuple[tuple[int, int], ...]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """`facts` includes the `TimeReached` of the clock; `repeats` are facts that came again."""

    customers: int
    facts: int
    repeats: int
    events: int
    balance: int
    pending: int
    lifetime: int
    deficit: int
    lots: int
    rewards: int
    ignored: int


class Tally:
    """Counts events as they pass."""

    def __init__(self) -> None:
        self.events = 0
        self._rewards: Counter[tuple[str, str]] = Counter()
        self._ignored: Counter[tuple[str, str]] = Counter()

    def count(self, events: Iterable[bytes]) -> None:
        for data in events:
            event = POINTS.decode(data)
            self.events += 1
            if isinstance(event, RewardEarned):
                self._rewards[event.site, event.customer] += 1
            elif isinstance(event, FactIgnored):
                self._ignored[event.site, event.customer] += 1

    def customers(self, simulation: Simulation) -> Iterator[CustomerSummary]:
        for site, customer, account in simulation.accounts():
            now = account.memory.clock
            seen = view(account, simulation.programs.effective(site, now), now)
            yield CustomerSummary(
                site=site,
                customer=customer,
                balance=seen.balance,
                pending=seen.pending,
                lifetime=seen.lifetime,
                deficit=seen.deficit,
                tier=account.ledger.tier,
                lots=len(account.ledger.lots),
                rewards=self._rewards[site, customer],
                ignored=self._ignored[site, customer],
                outlook=seen.tier,
                expiring=seen.expiring,
            )

    def totals(self, simulation: Simulation, customers: list[CustomerSummary]) -> Totals:
        return Totals(
            customers=len(customers),
            facts=simulation.facts,
            repeats=simulation.repeats,
            events=self.events,
            balance=sum(each.balance for each in customers),
            pending=sum(each.pending for each in customers),
            lifetime=sum(each.lifetime for each in customers),
            deficit=sum(each.deficit for each in customers),
            lots=sum(each.lots for each in customers),
            rewards=sum(each.rewards for each in customers),
            ignored=sum(each.ignored for each in customers),
        )
