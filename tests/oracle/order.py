"""Facts as they are delivered, in any order, and the account that they make in canonical order.

Nothing clever: where a fact belongs before others, everything is told again from the beginning.
"""

from bisect import insort
from dataclasses import dataclass, field

import msgspec

from schemas import facts, ids
from schemas.program.model import Program
from tests.oracle.account import OracleAccount
from tests.oracle.book import Told

RANKS: dict[type, int] = {
    facts.SubscriptionCreated: 0,
    facts.SubscriptionActivated: 1,
    facts.SubscriptionChanged: 2,
    facts.SubscriptionRenewed: 3,
    facts.SubscriptionReactivated: 4,
    facts.PaymentSucceeded: 5,
    facts.PaymentRefunded: 6,
    facts.CustomEventReceived: 7,
    facts.SubscriptionCancelled: 8,
}
LAST = 9
"""What people and machines ask for or answer; of one instant what comes first stands first."""


@dataclass
class Heard:
    """A fact that stands at `at`, decided under the first so many versions: those `known` then.

    `number` counts what came. A request was `granted` or not when it came, None before that.
    """

    fact: facts.AnyFact
    at: int
    number: int
    known: int
    granted: bool | None = None

    def place(self) -> tuple[int, int, str, int]:
        rank = RANKS.get(type(self.fact), LAST)
        return (
            (self.at, rank, "", self.number) if rank == LAST else (self.at, rank, self.fact.id, 0)
        )


@dataclass
class OracleOfArrivals:
    """`account` is as the facts that came so far make it, each in its place.

    What was asked for stands where the clock was when it came, and keeps its answer: the points of
    an adjustment, whether a request was granted. An outcome is that of a firing by number, and goes
    with it where it moves; where nothing fires under that number any more, it is forgotten, unless
    the customer has it.
    """

    versions: list[Program]
    account: OracleAccount = field(init=False)
    heard: list[Heard] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    clock: int = 0

    def __post_init__(self) -> None:
        self.account = OracleAccount(list(self.versions))

    def publish(self, program: Program) -> None:
        self.versions.append(program)
        self.account.publish(program)

    def tell(self, fact: facts.AnyFact) -> list[Told] | None:
        """What happens because of a fact, or None where it came late and all was told anew."""
        if fact.id in self.seen or self.account.erased:
            return []
        self.seen.add(fact.id)
        came_at, self.clock = self.clock, max(self.clock, fact.occurred_at)
        if isinstance(fact, facts.TimeReached):
            return self.account.tell(fact, self.clock)
        at = fact.occurred_at if type(fact) in RANKS else self.clock
        heard = Heard(fact, at, len(self.seen), len(self.versions))
        insort(self.heard, heard, key=Heard.place)
        if at < came_at or heard is not self.heard[-1]:
            stood = {
                (each.reward, each.ordinal) for each in self.account.book.firings if each.stands
            }
            self.give_to_others(self.tell_anew(), stood)
            return None
        told = self.account.tell(fact, at)
        self.keep_answer(heard, told)
        return told

    def keep_answer(self, heard: Heard, told: list[Told]) -> None:
        fact = heard.fact
        if isinstance(fact, facts.AdjustmentRequested):
            given = sum(each.detail["points"] for each in told if each.kind == "PointsAdjusted")
            heard.fact = msgspec.structs.replace(fact, points=given)
        elif isinstance(fact, facts.RedemptionRequested):
            heard.granted = any(each.request == fact.request for each in self.account.book.firings)

    def give_to_others(self, forgotten: list[Heard], stood: set[tuple[str, int]]) -> None:
        """What the customer has of a reward is not given twice: where it is due for another reason,
        that is the one that was delivered.
        """
        for heard in forgotten:
            fact = heard.fact
            assert isinstance(fact, facts.RewardDelivered | facts.RewardFailed)
            for each in self.account.book.firings if is_delivery(fact) else ():
                was = (each.reward, int(fact.reward_id.rpartition(":")[2]))
                is_new = each.open and each.stands and (each.reward, each.ordinal) not in stood
                if is_new and was in stood and name_of(fact, *was) == fact.reward_id:
                    name = name_of(fact, each.reward, each.ordinal)
                    heard.fact = msgspec.structs.replace(fact, reward_id=name)
                    insort(self.heard, heard, key=Heard.place)
                    self.account.tell(heard.fact, self.clock)
                    break

    def tell_anew(self) -> list[Heard]:
        """Returns the outcomes that are of nothing now."""
        account = self.account = OracleAccount([])
        waiting: list[Heard] = []
        for heard in self.heard:
            account.versions = self.versions[: heard.known]
            account.live_until(heard.at)
            self.tell_waiting(waiting)
            if is_outcome(heard.fact) and not is_of_open_reward(heard.fact, account):
                waiting.append(heard)
            else:
                account.tell(heard.fact, heard.at, granted=heard.granted)
            self.tell_waiting(waiting)
        account.versions = list(self.versions)
        account.live_until(self.clock)
        self.tell_waiting(waiting)
        self.heard = [heard for heard in self.heard if heard not in waiting]
        return waiting

    def tell_waiting(self, waiting: list[Heard]) -> None:
        """Outcomes that stand before what they are of are told when that has fired."""
        for heard in list(waiting):
            if is_of_open_reward(heard.fact, self.account):
                waiting.remove(heard)
                self.account.tell(heard.fact, self.account.clock)


def name_of(fact: facts.AnyFact, reward: str, ordinal: int) -> str:
    return ids.reward_id(fact.site, fact.customer, reward, ordinal)


def is_delivery(fact: facts.AnyFact) -> bool:
    return isinstance(fact, facts.RewardDelivered)


def is_outcome(fact: facts.AnyFact) -> bool:
    return isinstance(fact, facts.RewardDelivered | facts.RewardFailed)


def is_of_open_reward(fact: facts.AnyFact, account: OracleAccount) -> bool:
    assert isinstance(fact, facts.RewardDelivered | facts.RewardFailed)
    return any(
        each.open and fact.reward_id == name_of(fact, each.reward, each.ordinal)
        for each in account.book.firings
    )
