"""One history told to the fold and to the oracle, in one form, and where they first differ.

The fold is told the facts as they are delivered. Where one comes in order, both tell the same of
it, event for event. Where one comes late, the fold corrects what the oracle tells anew: then they
agree on what follows from the facts alone. The ordinals of rewards do not, once one came late.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas import ids, points
from schemas.facts import AnyFact, ProgramPublished, RewardDelivered, RewardFailed, TimeReached
from schemas.points import AnyPointsEvent
from schemas.program.amounts import parse_exact
from schemas.program.model import Program
from streams.account.evolve import ordinal_of
from streams.account.programs import Programs
from streams.account.state import OpenReward
from tests.laws.deliveries import in_order
from tests.laws.states import open_and_standing, states_that_differ, waits, waits_expected
from tests.oracle.book import Firing, Told
from tests.oracle.order import OracleOfArrivals
from tests.support.story import Story


@dataclass
class Difference:
    """`place` is that of the fact in the history, from 0; what each of the two told of it."""

    place: int
    fact: AnyFact
    folded: list[Any]
    expected: list[Any]


def published(program: Program) -> ProgramPublished:
    return ProgramPublished(
        id=ids.program_published(program.program, program.version),
        site=program.site,
        customer="",
        occurred_at=0,
        program=program.program,
        version=program.version,
        document=program.document(),
    )


def difference(program: Program, history: list[AnyFact]) -> Difference | None:
    """The first fact on which fold and oracle do not agree, None where they agree on all."""
    both = Both(program, is_late=not in_order(history))
    for place, fact in enumerate(history):
        folded, expected = both.tell(fact)
        if folded != expected:
            return Difference(place, fact, folded, expected)
    return None


class Both:
    """The fold and the oracle, told the same facts."""

    def __init__(self, program: Program, *, is_late: bool) -> None:
        self.told = Story(Programs().with_published(published(program)))
        self.oracle = OracleOfArrivals([program])
        self.is_late, self.is_over = is_late, False

    def tell(self, fact: AnyFact) -> tuple[list[Any], list[Any]]:
        """What the two say of a fact, as far as it does not depend on the order of delivery."""
        told, oracle = self.told, self.oracle
        if isinstance(fact, ProgramPublished):
            told.programs = told.programs.with_published(fact)
            oracle.publish(Program.model_validate(fact.document))
            return [], []
        heard: AnyFact | None = fact
        if self.is_late and isinstance(fact, TimeReached) and not oracle.heard:
            return [], []  # the clock is told of accounts alone that something happened to
        if self.is_late and isinstance(fact, RewardDelivered | RewardFailed):
            if not is_open(fact, told):
                return [], []
            self.is_over = self.is_over or is_of_one_among_several(fact, told)
            heard = numbered_as_by(oracle, fact, told)
        expected = None if heard is None else oracle.tell(heard)
        # Numbers decide among firings of one instant, and those follow from the delivery.
        self.is_over = self.is_over or (self.is_late and oracle.account.book.chose)
        if self.is_over:
            return [], []
        try:
            events = what_moved(told.tell(fact))
        except Exception as error:  # noqa: BLE001 - whatever the fold raises is a difference
            return [repr(error)], list(expected or ())
        if expected is not None:
            folded = [*map(as_told, events)]
            if self.is_late:
                folded, expected = without_ordinals(folded), without_ordinals(expected)
            if folded != expected:
                return folded, expected
        return states_that_differ(told, oracle)


def is_open(fact: RewardDelivered | RewardFailed, told: Story) -> bool:
    """Whether the reward waits for its outcome: nothing comes of one that was not earned."""
    return any(name_of(fact, each) == fact.reward_id for each in told.account.ledger.open_rewards)


def is_of_one_among_several(fact: RewardDelivered | RewardFailed, told: Story) -> bool:
    """Whether rewards wait alike that different payments take back: which of them an outcome is of
    follows from their numbers alone.
    """
    rewards = told.account.ledger.open_rewards
    [named] = [each for each in rewards if name_of(fact, each) == fact.reward_id]
    return len({each.rests_on for each in rewards if waits(each) == waits(named)}) > 1


def numbered_as_by(
    oracle: OracleOfArrivals, fact: RewardDelivered | RewardFailed, told: Story
) -> AnyFact | None:
    """An outcome of the open reward that the fold calls so, under the number that it has in the
    order of the facts. None where it is not due there at all: then the outcome moves nothing.
    """
    rewards, stand = told.account.ledger.open_rewards, open_and_standing(told)
    [named] = [each for each in rewards if name_of(fact, each) == fact.reward_id]
    alike = [
        each
        for each in rewards
        if waits(each) == waits(named) and (each in stand) is (named in stand)
    ]
    firings = [
        each
        for each in oracle.account.book.firings
        if each.open and waits_expected(each) == waits(named) and each.stands is (named in stand)
    ]
    place = alike.index(named)
    if place >= len(firings):
        return None
    return msgspec.structs.replace(fact, reward_id=name_of(fact, firings[place]))


def name_of(fact: AnyFact, of: OpenReward | Firing) -> str:
    return ids.reward_id(fact.site, fact.customer, of.reward, of.ordinal)


def without_ordinals(told: Iterable[Told]) -> list[Told]:
    return [
        each._replace(detail={key: said for key, said in each.detail.items() if key != "ordinal"})
        for each in told
    ]


def what_moved(events: list[AnyPointsEvent]) -> list[AnyPointsEvent]:
    return [event for event in events if not isinstance(event, points.FactIgnored)]


def as_told(event: AnyPointsEvent) -> Told:
    """The event as the oracle would tell it."""
    figures = (event.balance, event.pending, event.lifetime, event.deficit)
    return Told(type(event).__name__, event.occurred_at, figures, _detail(event))


def _detail(event: AnyPointsEvent) -> dict[str, Any]:
    names = _TOLD.get(type(event), ())
    return dict(_plain(name, getattr(event, name)) for name in names)


def _plain(name: str, value: Any) -> tuple[str, Any]:
    match name:
        case "lots":
            return name, {ids.lot_number(each.lot): each.points for each in value}
        case "lot":
            return name, ids.lot_number(value) if value else 0
        case "unrounded" | "carried":
            return name, parse_exact(value or "0")
        case "reward_id":
            return "ordinal", ordinal_of(value)
        case _:
            return name, value


_TOLD: dict[type, tuple[str, ...]] = {
    points.PointsEarned: (
        "rule", "points", "unrounded", "lot", "available_at", "expires_at", "absorbed",
        "promotional", "activates_on", "carried", "count",
    ),
    points.PointsActivated: ("lot", "points", "absorbed", "expires_at"),
    points.PointsExtended: ("lots", "expires_at"),
    points.PointsExpiringSoon: ("lots", "expires_at"),
    points.PointsExpired: ("lots", "reason"),
    points.PointsReversed: (
        "points", "earned_by", "lots", "overdrawn", "forgiven", "expired",
    ),
    points.PointsAdjusted: ("points", "lot", "lots", "absorbed", "overdrawn"),
    points.PointsRedeemed: ("reward", "reward_id", "lots"),
    points.PointsRestored: ("reward", "reward_id", "lots", "expired", "absorbed"),
    points.TierChanged: ("from_tier", "to_tier", "basis"),
    points.RewardEarned: ("reward", "reward_id", "cost"),
    points.RewardDelivered: ("reward", "reward_id"),
    points.RewardFailed: ("reward", "reward_id"),
    points.RewardRevoked: ("reward", "reward_id", "reason"),
}  # fmt: skip
"""What of an event the oracle tells too; the figures are compared of every one."""
