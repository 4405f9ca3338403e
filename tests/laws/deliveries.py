"""How facts reach the fold: late by up to four days, in any order, and more than once."""

from collections.abc import Iterable

from schemas.facts import AnyFact, ProgramPublished, SubscriptionFact, TimeReached
from tests.laws.chance import Chance
from tests.oracle.order import LAST, RANKS
from tests.support import story

REACH = 4 * story.DAY
DELAYS = [1, 60, story.HOUR, 12 * story.HOUR, story.DAY, 2 * story.DAY, 3 * story.DAY, REACH]


def canonical(history: Iterable[AnyFact]) -> list[AnyFact]:
    return sorted(
        history, key=lambda fact: (fact.occurred_at, RANKS.get(type(fact), LAST), fact.id)
    )


def in_order(history: list[AnyFact]) -> bool:
    """Whether facts come as they happened, but for those that are told again."""
    happened = [fact for fact in history if not isinstance(fact, ProgramPublished)]
    firsts = list({fact.id: fact for fact in happened}.values())
    return firsts == canonical(firsts)


def within_reach(history: list[AnyFact]) -> bool:
    """Whether no fact comes later than four days after the newest."""
    return all(late <= REACH for late in lateness(history))


def lateness(history: list[AnyFact]) -> list[int]:
    """By how many seconds each fact comes after the newest."""
    clock, found = 0, []
    for fact in history:
        at = clock if isinstance(fact, ProgramPublished) else fact.occurred_at
        clock = max(clock, at)
        found.append(clock - at)
    return found


def clock_of(history: list[AnyFact]) -> int:
    return max((fact.occurred_at for fact in history), default=0)


def delivered_late(
    chance: Chance, facts: list[AnyFact], *, bills: bool, ticks: bool
) -> list[AnyFact]:
    """Facts that happened, as they arrive; where it `bills`, those about subscriptions come after
    the payments of the same second. Now and then the clock is told of before.

    Without `ticks` it never is: what time did under the versions known then is not done again in
    the same way where one is published later that reaches back.
    """
    late, again, tick = (chance.choice([0.1, 0.4, 0.8]), chance.random() / 3, chance.random() / 3)
    arrivals: list[tuple[int, float, AnyFact]] = []
    for fact in facts:
        if isinstance(fact, TimeReached) and not ticks:
            continue
        for _ in range(1 + chance.often(again)):
            delay = chance.choice(DELAYS) if chance.often(late) else 0
            if bills:
                delay = chance.choice([1, 60]) if isinstance(fact, SubscriptionFact) else 0
            arrivals.append((fact.occurred_at + delay, chance.random(), fact))
    found: list[AnyFact] = []
    for now, _, fact in sorted(arrivals, key=lambda arrival: arrival[:2]):
        if ticks and chance.often(tick):
            found.append(story.time(now))
        found.append(fact)
    return found
