"""Random histories, at instants where dates of a program fall together, in canonical order or late.

Amid some of them further versions of the program are published.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from schemas import facts, ids
from schemas.facts import AnyFact
from schemas.program.model import Program
from tests.laws.chance import Chance
from tests.laws.compare import published
from tests.laws.deliveries import canonical, clock_of, delivered_late
from tests.laws.programs import next_version
from tests.oracle import wall
from tests.support import story
from tests.support.year import SITE

DAYS = [
    "2025-12-31", "2026-01-01", "2026-01-31", "2026-02-28", "2026-03-07", "2026-03-08",
    "2026-03-28", "2026-03-29", "2026-04-05", "2026-06-30", "2026-10-04", "2026-10-25",
    "2026-11-01", "2026-05-13", "2026-12-31", "2027-01-01",
]  # fmt: skip
TIMES = ["00:00:00", "23:59:59", "02:30:00", "01:30:00", "03:00:00", "12:00:00"]
PLANS = ["basic", "pro", "other"]
YEARS = 3 * 366 * story.DAY


def random_history(chance: Chance, program: Program, *, late: bool = False) -> list[AnyFact]:
    """Facts of one customer as they are delivered, some of them told again later, and at last the
    end of time. Where they may be `late`, they happen within days of each other.
    """
    draw = _Draw(chance, program, within_days=late)
    bills = late and chance.often(0.4)
    if bills:
        draw.bills()
    history = [draw.fact() for _ in range(chance.choice([4, 8, 12, 16, 24, 32]))]
    ordered = canonical(list({fact.id: fact for fact in history}.values()))
    versions = chance.choice([0, 0, 1, 2])
    reaches_back = not late or chance.often(0.5)
    if late:
        ordered = delivered_late(
            chance, ordered, bills=bills, ticks=versions == 0 or not reaches_back
        )
    else:
        _repeat_some(chance, ordered)
    place = 0
    for version in range(2, 2 + versions):
        place = chance.randint(place, len(ordered))
        begins = draw.effective_from(0 if reaches_back else clock_of(ordered[:place]))
        program = next_version(chance, program, version, begins)
        ordered.insert(place, published(program))
        place += 1
    return [*ordered, story.time(draw.last + YEARS)]


def _repeat_some(chance: Chance, history: list[AnyFact]) -> None:
    for _ in range(chance.choice([0, 0, 1, 3])):
        place = chance.randrange(len(history))
        history.insert(chance.randint(place + 1, len(history)), history[place])


class _Draw:
    """Each history has its own leaning, so that some are full of refunds and others of rewards."""

    def __init__(self, chance: Chance, program: Program, *, within_days: bool) -> None:
        self.chance, self.program = chance, program
        self.zone = ZoneInfo(program.timezone)
        self.instants = self._hot_instants()
        if within_days:
            self.instants = self._crowded()
        self.last = max(self.instants)
        self.number = 0
        self.paid: list[tuple[str, str, int]] = []
        usual = {
            self._payment: 5.0,
            self._refund: 2.5,
            self._custom: 3.0,
            self._subscribed: 4.0,
            self._adjusted: 1.0,
            self._outcome: (4.0 if within_days else 2.0) if program.rewards else 0.0,
            self._request: 2.0 if program.rewards else 0.0,
            self._assigned: 0.7 if program.tiers else 0.0,
            self._time: 0.5,
            self._deleted: 0.03,
        }
        self.draws = list(usual)
        self.weights = [weight * chance.random() for weight in usual.values()]

    def bills(self) -> None:
        """Payments and what they are for, of few instants, and little else."""
        chance = self.chance
        self.instants = chance.sample(self.instants, min(len(self.instants), 4))
        often = [self._payment, self._subscribed]
        self.weights = [
            2.0 if draw in often else weight * chance.choice([0, 0, 0, 0.2])
            for draw, weight in zip(self.draws, self.weights, strict=True)
        ]

    def _hot_instants(self) -> list[int]:
        """Few, and such that what one fact started is due when another one comes."""
        chance = self.chance
        durations = _durations(self.program)
        found = []
        for _ in range(chance.randint(1, 4)):
            day, time = chance.choice(DAYS), chance.choice(TIMES)
            at = wall.instant(datetime.fromisoformat(f"{day}T{time}"), self.zone)
            found.append(at)
            for _ in range(chance.randint(1, 4)):
                at = wall.later(at, chance.choice(durations), self.zone)
                found += [at, at + chance.choice([-1, 0, 1, 3_600, story.DAY])]
        # What is older than two years an account may have forgotten.
        return [at for at in found if at < min(found) + 700 * story.DAY]

    def _crowded(self) -> list[int]:
        """Few of the instants, and others within days of them."""
        chance = self.chance
        few = chance.sample(self.instants, min(len(self.instants), chance.randint(2, 6)))
        beside = [0, 1, story.HOUR, 12 * story.HOUR, story.DAY, 2 * story.DAY, 3 * story.DAY]
        return [at + delay for at in few for delay in chance.sample(beside, chance.randint(1, 4))]

    def effective_from(self, clock: int) -> datetime:
        """At one of the instants, but later than the clock, also where an hour is repeated."""
        at = max(self.chance.choice(self.instants), clock + 2 * story.HOUR)
        return wall.local(at, self.zone).replace(tzinfo=None)

    def fact(self) -> AnyFact:
        self.number += 1
        [draw] = self.chance.choices(self.draws, self.weights)
        return draw(self.chance.choice(self.instants))

    def _seen(self, at: int) -> facts.Subscription:
        chance = self.chance
        plain = story.subscription(
            chance.randint(1, 9),
            name=chance.choice(["sub_1", "sub_1", "sub_2"]),
            plan=chance.choice(PLANS),
            amount_minor=chance.choice([500, 1_000, 1_200, 12_000]),
            period_unit=chance.choice(["month", "month", "year", "week", "day"]),
            period=chance.choice([1, 1, 3, 12]),
            quantity=chance.randint(1, 3),
            status=chance.choice(["active", "active", "in_trial", "cancelled"]),
            currency=chance.choice(["USD", "USD", "USD", "EUR"]),
            started_at=chance.choice(self.instants) - chance.choice([0, story.YEAR]),
            term_start=chance.maybe(0.8, at),
        )
        if chance.often(0.6):
            return plain
        addon = facts.Line(
            price=chance.choice(["seats", "support"]), kind="addon", amount_minor=300
        )
        return msgspec.structs.replace(plain, lines=(*plain.lines, addon))

    def _payment(self, at: int) -> AnyFact:
        chance = self.chance
        name, invoice = f"t{chance.randint(1, 6)}", chance.choice(["a", "a", "b"])
        self.paid.append((name, invoice, at))
        return story.paid(
            name,
            chance.choice([0, 1, 99, 333, 500, 999, 1_000, 1_250, 2_000, 3_333]),
            at,
            invoice=invoice,
            currency=chance.choice(["USD", "USD", "USD", "EUR"]),
            on_time=chance.often(0.6),
            tax_minor=chance.maybe(0.3, chance.choice([0, 19, 400])),
            quantity=chance.randint(0, 3),
            subscription=self._seen(at) if chance.often(0.4) else None,
        )

    def _refund(self, at: int) -> AnyFact:
        """Mostly of a payment that is known, and after it."""
        chance = self.chance
        name, invoice = f"t{chance.randint(1, 6)}", chance.choice(["a", "b"])
        if self.paid and chance.often(0.8):
            name, invoice, paid_at = chance.choice(self.paid)
            at = max(at, paid_at)
        return story.refunded(
            f"r{self.number}",
            name,
            chance.choice([1, 99, 250, 333, 500, 1_000, 5_000]),
            at,
            invoice=chance.choice(["", "", invoice]),
            reason=chance.choice(["refund", "refund", "refund", "chargeback", "late_failure"]),
        )

    def _custom(self, at: int) -> AnyFact:
        chance = self.chance
        stars = {"stars": chance.randint(0, 5)} if chance.often(0.8) else {}
        name = chance.choice(["visit", "review", "other"])
        return story.happened(name, at, key=f"c{self.number}", properties=dict(stars))

    def _subscribed(self, at: int) -> AnyFact:
        seen = self._seen(at)
        match self.chance.choice(
            ["made", "on", "on", "new", "new", "new", "term", "term", "off", "back"]
        ):
            case "made":
                return story.created(seen, at)
            case "on":
                return story.activated(seen, at, from_trial=self.chance.often(0.7))
            case "new":
                return story.changed(seen, at)
            case "term":
                return story.renewed(seen, at)
            case "off":
                return story.cancelled(seen, at)
            case _:
                return story.reactivated(seen, at)

    def _adjusted(self, at: int) -> AnyFact:
        points = self.chance.choice([-60, -25, -7, 5, 30, 45])
        return story.adjusted(f"a{self.number}", points, at)

    def _outcome(self, at: int) -> AnyFact:
        """Of a reward that may have been earned by then."""
        chance = self.chance
        reward = chance.choice(self.program.rewards)
        name = ids.reward_id(SITE, story.CUSTOMER, reward.id, chance.choice([1, 1, 2, 3]))
        at = max(at, chance.choice(self.instants))
        return story.failed(name, at) if chance.often(0.7) else story.delivered(name, at)

    def _request(self, at: int) -> AnyFact:
        """For a reward of the catalogue, or to call one off again."""
        chance = self.chance
        request = f"q{chance.randint(1, 4)}"
        reward = chance.choice(self.program.rewards).id
        head: dict[str, Any] = {"site": SITE, "customer": story.CUSTOMER, "occurred_at": at}
        if chance.often(0.7):
            return facts.RedemptionRequested(
                **head, id=ids.redemption(request), request=request, reward=reward
            )
        return facts.RedemptionCancelled(
            **head,
            id=ids.redemption_cancelled(request),
            request=request,
            actor="support",
            reason="changed their mind",
        )

    def _assigned(self, at: int) -> AnyFact:
        chance, tiers = self.chance, self.program.tiers
        assert tiers is not None
        name = f"h{self.number}"
        return facts.TierAssigned(
            id=ids.tier_assigned(name),
            site=SITE,
            customer=story.CUSTOMER,
            occurred_at=at,
            tier=chance.choice([*(level.id for level in tiers.levels), "other"]),
            actor="support",
            reason="a long-standing customer",
            until=chance.maybe(0.7, chance.choice(self.instants)),
        )

    def _deleted(self, at: int) -> AnyFact:
        return story.deleted(at)

    def _time(self, at: int) -> AnyFact:
        return story.time(at)


def _durations(program: Program) -> list[str]:
    """Every length of time that the program speaks of, and two of life's."""
    found = ["P1D", "P1M"]
    if program.expiry:
        found += [program.expiry.after, program.expiry.remind or "P1D"]
    if program.tiers and program.tiers.window.startswith("P"):
        found.append(program.tiers.window)
    if program.tiers:
        found += [program.tiers.grace or "P1D", program.tiers.minimum_stay or "P1D"]
    for rule in program.earn:
        found += [rule.activate_after] if rule.activate_after else []
        found += [rule.activate_on.within] if rule.activate_on else []
        found += [rule.clawback_within] if rule.clawback_within else []
        found += [rule.limit.cooldown] if rule.limit and rule.limit.cooldown else []
    return found
