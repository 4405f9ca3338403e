"""One history told to the fold and to the oracle, in one form, and where they first differ."""

from dataclasses import dataclass
from typing import Any

from schemas import ids, points
from schemas.facts import AnyFact, ProgramPublished
from schemas.points import AnyPointsEvent
from schemas.program.amounts import parse_exact
from schemas.program.model import Program
from streams.account.evolve import ordinal_of
from streams.account.programs import Programs
from tests.oracle.account import OracleAccount
from tests.oracle.book import Told
from tests.support.story import Story

Lots = dict[int, tuple[Any, ...]]


@dataclass
class Difference:
    """`place` is that of the fact in the history, from 0; what each of the two told of it."""

    place: int
    fact: AnyFact
    folded: list[Any]
    expected: list[Any]


def programs_of(program: Program) -> Programs:
    return Programs().with_published(
        ProgramPublished(
            id=ids.program_published(program.program, program.version),
            site=program.site,
            customer="",
            occurred_at=0,
            program=program.program,
            version=program.version,
            document=program.document(),
        )
    )


def difference(program: Program, history: list[AnyFact]) -> Difference | None:
    """The first fact on which fold and oracle do not agree, None where they agree on all."""
    told, oracle = Story(programs_of(program)), OracleAccount(program)
    for place, fact in enumerate(history):
        expected = oracle.tell(fact)
        try:
            folded: list[Any] = [*map(as_told, what_moved(told.tell(fact)))]
        except Exception as error:  # noqa: BLE001 - whatever the fold raises is a difference
            return Difference(place, fact, [repr(error)], list(expected))
        if folded != expected:
            return Difference(place, fact, folded, list(expected))
        if lots_of(told) != lots_expected(oracle):
            return Difference(place, fact, [lots_of(told)], [lots_expected(oracle)])
    return None


def what_moved(events: list[AnyPointsEvent]) -> list[AnyPointsEvent]:
    return [event for event in events if not isinstance(event, points.FactIgnored)]


def lots_of(told: Story) -> Lots:
    return {
        lot.id: (lot.points, lot.earned_at, lot.available_at, lot.expires_at or None, lot.active)
        for lot in told.account.ledger.lots
    }


def lots_expected(oracle: OracleAccount) -> Lots:
    book = oracle.book
    return {
        lot.id: (book.left(lot), lot.earned_at, lot.available_at, lot.expires_at, lot.active)
        for lot in book.lots
        if book.left(lot)
    }


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
