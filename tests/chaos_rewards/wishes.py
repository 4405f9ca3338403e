"""What is asked for in one run, from its seed: grants of every kind, and their taking back. PURE.

Some cannot be done by their nature, some are asked for twice, and one customer has many. What must
become of each is known here, so that the audit need not ask the rewarder.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from deploy.sandbox.member import Member
from schemas import ids
from schemas.rewards import (
    AnyGrant,
    Discount,
    Feature,
    FreeAddon,
    FreeDays,
    GrantReward,
    Order,
    RevokeReward,
    Webhook,
)

SITE = "chaos"
PROGRAM = "ordeal"
ENDPOINT = "trees"
COUPON_MINOR = {"USD": 300, "EUR": 280, "GBP": 250, "JPY": 400}
COUPON_PERCENT = "10"
STALE_REWARD = "stale"
STALE_COUPON = f"cactus-{PROGRAM}-{STALE_REWARD}-v1-1"
"""Of its first firing: at the site it has expired before the run begins."""
REVOKED_RATIO = 0.08
REPEATED_RATIO = 0.03
CONFLICTING_RATIO = 0.003
HOPELESS_RATIO = 0.06
REVOKED_AFTER_MAX = 6_000
OUTAGES_AT = (1 / 3, 2 / 3)
"""Shares of the load after which everybody else goes away."""


class Fate(StrEnum):
    GIVEN = "delivered"
    REFUSED = "failed"
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A grant, and what must become of it unless it is revoked."""

    command: GrantReward
    fate: Fate


@dataclass(slots=True)
class Person:
    """One customer, and which of them this is: some left before, some leave in the middle."""

    member: Member
    is_cancelled: bool = False
    is_deleted: bool = False
    is_leaving: bool = False
    firings: dict[str, int] = field(default_factory=dict)

    @property
    def is_steady(self) -> bool:
        return not (self.is_cancelled or self.is_deleted or self.is_leaving)

    @property
    def currency(self) -> str:
        return self.member.price.currency


Choice = tuple[str, AnyGrant, Fate]


@dataclass(slots=True)
class Wishes:
    """All commands of a run in the order in which they are said; `grants` by reward id."""

    grants: dict[str, Wish] = field(default_factory=dict)
    said: list[GrantReward | RevokeReward] = field(default_factory=list)

    @property
    def revoked(self) -> dict[str, RevokeReward]:
        return {each.reward_id: each for each in self.said if isinstance(each, RevokeReward)}

    def by_customer(self) -> dict[str, list[GrantReward | RevokeReward]]:
        """Each command once, where it was said first."""
        ordered: dict[str, dict[tuple[type, str], GrantReward | RevokeReward]] = {}
        for each in self.said:
            ordered.setdefault(each.customer, {}).setdefault((type(each), each.reward_id), each)
        return {customer: list(each.values()) for customer, each in ordered.items()}


def draw_wishes(seed: int, people: Sequence[Person], count: int, now: int) -> Wishes:
    """`count` grants; the same for the same seed."""
    return _Drawing(seed, people, now).draw(count)


class _Drawing:
    def __init__(self, seed: int, people: Sequence[Person], now: int) -> None:
        self._rng = random.Random(f"wishes {seed}")
        self._people = people
        self._now = now
        self._wishes = Wishes()
        self._count = 0
        self._later: dict[int, list[GrantReward | RevokeReward]] = {}

    def draw(self, count: int) -> Wishes:
        self._count = count
        wishes, rng = self._wishes, self._rng
        for number in range(count):
            wish = self._wish(rng.choice(self._people))
            wishes.grants[wish.command.reward_id] = wish
            wishes.said.append(wish.command)
            self._follow(number, wish)
            wishes.said += self._later.pop(number, [])
        for number in sorted(self._later):
            wishes.said += self._later[number]
        return wishes

    def _follow(self, number: int, wish: Wish) -> None:
        """What comes after a grant: itself again, another under its id, its revocation."""
        rng, command = self._rng, wish.command
        if rng.random() < REPEATED_RATIO:
            self._say(number + rng.randint(0, 300), command)
        if rng.random() < CONFLICTING_RATIO:
            other = msgspec.structs.replace(command, grant=FreeDays(days=99))
            self._say(number + rng.randint(0, 300), other)
        if self._may_be_revoked(wish) and rng.random() < REVOKED_RATIO:
            at, revocation = self._revoked_at(number), _revocation(command)
            self._say(at, revocation)
            if rng.random() < 0.2:
                self._say(at + rng.randint(0, 300), revocation)

    def _revoked_at(self, number: int) -> int:
        """At once, some time later, or just when everybody else goes away."""
        rng = self._rng
        kind = rng.random()
        if kind < 0.2:
            return number
        later = number + rng.randint(1, REVOKED_AFTER_MAX)
        if kind < 0.6:
            return later
        outages = (int(self._count * share) + rng.randint(-20, 150) for share in OUTAGES_AT)
        return next((each for each in outages if each > number), later)

    def _say(self, number: int, command: GrantReward | RevokeReward) -> None:
        self._later.setdefault(number, []).append(command)

    def _may_be_revoked(self, wish: Wish) -> bool:
        # One add-on decides whether the customer can have the next: that would be known only then.
        return wish.fate is Fate.GIVEN and not isinstance(wish.command.grant, FreeAddon)

    def _wish(self, person: Person) -> Wish:
        rng = self._rng
        if rng.random() < HOPELESS_RATIO:
            return self._command(person, *self._hopeless(person))
        reward, grant, fate = rng.choices(
            (self._credit, self._coupon, self._feature, self._days, self._addon, self._webhook,
             self._order),
            (20, 7, 8, 5, 6, 29, 25),
        )[0](person)  # fmt: skip
        return self._command(person, reward, grant, fate)

    def _command(
        self, person: Person, reward: str, grant: AnyGrant, fate: Fate, customer: str = ""
    ) -> Wish:
        customer = customer or person.member.id
        ordinal = person.firings[reward] = person.firings.get(reward, 0) + 1
        return Wish(
            command=GrantReward(
                reward_id=ids.reward_id(SITE, customer, reward, ordinal),
                site=SITE,
                customer=customer,
                program=PROGRAM,
                program_version=1,
                reward=reward,
                occurred_at=self._now,
                grant=grant,
                subscription=str(person.member.subscription["id"]),
                currency=person.currency,
            ),
            fate=fate,
        )

    def _credit(self, person: Person) -> Choice:
        amount = self._rng.randint(1, 2_000)
        grant = Discount(via="promotional_credit", amounts_minor={person.currency: amount})
        fate = Fate.EITHER if person.is_leaving else Fate.GIVEN
        return "credit", grant, Fate.REFUSED if person.is_deleted else fate

    def _coupon(self, person: Person) -> Choice:
        if person.is_leaving:
            return self._webhook(person)
        fate = Fate.GIVEN if person.is_steady else Fate.REFUSED
        if self._rng.random() < 0.5:
            return "tenth", Discount(via="coupon", percent=COUPON_PERCENT), fate
        return "some-off", Discount(via="coupon", amounts_minor=COUPON_MINOR), fate

    def _feature(self, person: Person) -> Choice:
        if person.is_leaving:
            return self._webhook(person)
        # Another value each time: so that each one can be told from the others.
        seats = str(person.firings.get("seats", 0) + 2)
        fate = Fate.GIVEN if person.is_steady else Fate.REFUSED
        return "seats", Feature(id="seats", value=seats), fate

    def _days(self, person: Person) -> Choice:
        if person.is_leaving:
            return self._webhook(person)
        fate = Fate.GIVEN if person.is_steady else Fate.REFUSED
        return "days", FreeDays(days=self._rng.randint(1, 5)), fate

    def _addon(self, person: Person) -> Choice:
        if person.is_leaving:
            return self._webhook(person)
        is_first = "support" not in person.firings
        fate = Fate.GIVEN if person.is_steady and is_first else Fate.REFUSED
        return "support", FreeAddon(price=f"support-{person.currency}-monthly", cycles=3), fate

    def _webhook(self, person: Person) -> Choice:
        grant = Webhook(
            purpose="charity", endpoint=ENDPOINT, payload={"trees": self._rng.randint(1, 9)}
        )
        return "tree", grant, Fate.GIVEN

    def _order(self, person: Person) -> Choice:
        amounts = {person.currency: self._rng.randint(100, 2_000)}
        grant = Order(purpose="gift_card", amounts_minor=amounts, products=("AMAZON",))
        return "card", grant, Fate.REFUSED if person.currency == "JPY" else Fate.GIVEN

    def _hopeless(
        self, person: Person
    ) -> tuple[str, AnyGrant, Fate] | tuple[str, AnyGrant, Fate, str]:
        stale_before = STALE_REWARD in person.firings
        choices: list[Callable[[], tuple[str, AnyGrant]]] = [
            lambda: ("credit", Discount(via="promotional_credit", amounts_minor={"CHF": 500})),
            lambda: ("flight", Feature(id="flying")),
            lambda: ("lost", Webhook(purpose="custom", endpoint="nowhere")),
            lambda: ("dodo", Order(
                purpose="charity", amounts_minor={person.currency: 100}, products=("DODO",))),
            lambda: ("ghost", Discount(
                via="promotional_credit", amounts_minor={person.currency: 100})),
        ]  # fmt: skip
        if not (person.is_leaving or stale_before):
            choices.append(lambda: (STALE_REWARD, Discount(via="coupon", percent="50")))
        reward, grant = self._rng.choice(choices)()
        if reward == "ghost":
            return reward, grant, Fate.REFUSED, f"ghost-{person.member.number}"
        return reward, grant, Fate.REFUSED


def _revocation(command: GrantReward) -> RevokeReward:
    return RevokeReward(
        reward_id=command.reward_id,
        site=command.site,
        customer=command.customer,
        program=command.program,
        program_version=command.program_version,
        reward=command.reward,
        occurred_at=command.occurred_at,
        reason="its payment was refunded",
    )


def kinds(wishes: Wishes) -> Iterator[tuple[str, int]]:
    """How many grants of each kind, by the reward's name."""
    counts: dict[str, int] = {}
    for wish in wishes.grants.values():
        counts[wish.command.reward] = counts.get(wish.command.reward, 0) + 1
    yield from sorted(counts.items())
