"""What a customer's facts came to under one or several program versions. PURE."""

from collections.abc import Iterable

import msgspec

from schemas.codec import POINTS
from schemas.points import (
    AnyPointsEvent,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsReversed,
    RewardEarned,
    RewardFailed,
    RewardRevoked,
)
from streams.account.outlook import TierOutlook, view
from streams.account.programs import Programs
from streams.account.state import Account


class Awards(msgspec.Struct, frozen=True):
    """How often something gave, and how many points that were."""

    times: int = 0
    points: int = 0

    def and_points(self, points: int) -> "Awards":
        return Awards(self.times + 1, self.points + points)


class FactAwards(msgspec.Struct, frozen=True, kw_only=True):
    """What one fact, or time at one instant, gave: points by rule, and rewards that fired."""

    fact: str
    occurred_at: int
    rules: dict[str, int] = {}
    rewards: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The figures at one instant, and what led there.

    `rules` are awards by rule id, `rewards` count firings by the reward's id, those that failed or
    were withdrawn left out. `undone`, `expired` and `spent` are points over the whole life.
    `counts` are events by type, `events` all of them in their order.
    """

    balance: int
    pending: int
    lifetime: int
    deficit: int
    tier: str
    outlook: TierOutlook | None
    rules: dict[str, Awards]
    rewards: dict[str, int]
    undone: int
    expired: int
    spent: int
    counts: dict[str, int]
    events: list[msgspec.Raw]


class Tally:
    """Counts one customer's events as they pass."""

    def __init__(self) -> None:
        self._rules: dict[str, Awards] = {}
        self._rewards: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._events: list[msgspec.Raw] = []
        self._moved = {"undone": 0, "expired": 0, "spent": 0}
        self._facts: dict[str, FactAwards] = {}

    def count(self, events: Iterable[bytes]) -> None:
        for data in events:
            event = POINTS.decode(data)
            kind = type(event).__name__
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._events.append(msgspec.Raw(data))
            self._count(event)

    def _count(self, event: AnyPointsEvent) -> None:
        match event:
            case PointsEarned():
                before = self._rules.get(event.rule, Awards())
                self._rules[event.rule] = before.and_points(event.points)
                fact = self._fact(event)
                fact.rules[event.rule] = fact.rules.get(event.rule, 0) + event.points
            case RewardEarned():
                self._fire(event.reward, 1)
                fact = self._fact(event)
                self._facts[fact.fact] = msgspec.structs.replace(
                    fact, rewards=(*fact.rewards, event.reward)
                )
            case RewardFailed() | RewardRevoked():
                self._fire(event.reward, -1)
            case PointsReversed():
                self._moved["undone"] += event.points
            case PointsExpired():
                self._moved["expired"] += event.points
            case PointsRedeemed():
                self._moved["spent"] += event.points
            case _:
                pass

    def _fire(self, reward: str, times: int) -> None:
        self._rewards[reward] = self._rewards.get(reward, 0) + times

    def _fact(self, event: AnyPointsEvent) -> FactAwards:
        known = self._facts.get(event.cause.fact)
        if known is None:
            known = self._facts[event.cause.fact] = FactAwards(
                fact=event.cause.fact, occurred_at=event.occurred_at, rules={}
            )
        return known

    def facts(self) -> dict[str, FactAwards]:
        """By fact id, those alone that gave something."""
        return self._facts

    def outcome(self, account: Account, programs: Programs, site: str, at: int) -> Outcome:
        seen = view(account, programs.effective(site, at), at)
        return Outcome(
            balance=seen.balance,
            pending=seen.pending,
            lifetime=seen.lifetime,
            deficit=seen.deficit,
            tier=account.ledger.tier,
            outlook=seen.tier,
            rules=self._rules,
            rewards={reward: times for reward, times in self._rewards.items() if times},
            counts=self._counts,
            events=self._events,
            **self._moved,
        )
