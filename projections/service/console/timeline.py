"""A page of entries as a chain: each fact with the event that brought it and what it did. PURE."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from projections.rows import EntryRow
from projections.wording import decided_by, what_happened
from schemas.codec import POINTS
from schemas.points import (
    AnyPointsEvent,
    FactIgnored,
    PointsActivated,
    PointsExpiringSoon,
    RewardEarned,
    RewardFailed,
    RewardRevoked,
)

Tone = Literal["gave", "took", "gift", "still"]

_FACTS = {
    "payment": "Payment succeeded",
    "refund": "Payment refunded",
    "late_failure": "Payment failed after all",
    "subscription_created": "Subscription created",
    "subscription_activated": "Subscription became active",
    "subscription_changed": "Subscription changed",
    "subscription_renewed": "Subscription renewed",
    "subscription_cancelled": "Subscription cancelled",
    "subscription_reactivated": "Subscription came back",
    "customer_deleted": "Customer deleted",
    "custom": "Custom event",
    "adjustment": "Adjusted by hand",
    "tier_assigned": "Tier assigned by hand",
    "redemption": "Reward redeemed",
    "redemption_cancelled": "Redemption cancelled",
    "time": "Time passed",
    "anniversary": "Anniversary",
    "program": "Program published",
    "outcome": "Outcome of a reward",
}
_SIGNS = {
    "PointsEarned": "plus",
    "PointsActivated": "check",
    "PointsExtended": "clock",
    "PointsExpiringSoon": "clock",
    "PointsExpired": "clock",
    "PointsReversed": "undo",
    "PointsRedeemed": "minus",
    "PointsRestored": "undo",
    "PointsAdjusted": "hand",
    "TierChanged": "rise",
    "RewardEarned": "reward",
    "RewardDelivered": "check",
    "RewardFailed": "cross",
    "RewardRevoked": "undo",
    "CorrectionApplied": "call",
    "FactIgnored": "dot",
    "AccountErased": "cross",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One points event of a fact. `points` is what it added to balance + pending; `balance` and
    `pending` are those after it.
    """

    sequence: int
    happened: str
    detail: str
    points: int
    rule: str
    program: str
    program_version: int
    reward_id: str
    balance: int
    pending: int
    sign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One fact of the chain. `source` is the message that brought it, such as a Chargebee event."""

    fact: str
    label: str
    source: str
    occurred_at: int
    effects: tuple[Effect, ...]
    tone: Tone
    sign: str

    @property
    def first(self) -> int:
        return self.effects[0].sequence

    @property
    def after(self) -> Effect:
        """The last effect, whose figures are those after the fact."""
        return self.effects[-1]


def fact_label(fact: str) -> str:
    kind = fact.partition(":")[0]
    return _FACTS.get(kind) or kind.replace("_", " ").capitalize()


def links(entries: Iterable[EntryRow]) -> list[Link]:
    """Entries stand newest first; within a fact, what it did is told in its own order."""
    return [
        _link(list(group))
        for _, group in groupby(entries, key=lambda each: (each.fact, each.fact_offset))
    ]


def whole(entries: Sequence[EntryRow], *, more: bool) -> Sequence[EntryRow]:
    """A page without the fact that its end cuts in two, unless that one fact is all of it."""
    if not more:
        return entries
    last = entries[-1].fact, entries[-1].fact_offset
    kept = [each for each in entries if (each.fact, each.fact_offset) != last]
    return kept or entries


def _link(group: list[EntryRow]) -> Link:
    first = group[-1]
    effects = tuple(_effect(each) for each in reversed(group))
    return Link(
        fact=first.fact,
        label=fact_label(first.fact),
        source=first.source,
        occurred_at=first.occurred_at,
        effects=effects,
        tone=_tone(effects, {each.type for each in group}),
        sign=_sign(effects, group),
    )


def _tone(effects: Sequence[Effect], types: set[str]) -> Tone:
    points = sum(each.points for each in effects if each.sign != "reward")
    if "RewardEarned" in types:
        return "gift"
    return "gave" if points > 0 else "took" if points < 0 else "still"


def _sign(effects: Sequence[Effect], group: Sequence[EntryRow]) -> str:
    """That of what moved most."""
    if any(each.type == "RewardEarned" for each in group):
        return "reward"
    return max(effects, key=lambda each: abs(each.points)).sign


def _effect(row: EntryRow) -> Effect:
    event: AnyPointsEvent = POINTS.decode(row.event.encode())
    reward_id = getattr(event, "reward_id", "")
    return Effect(
        sequence=row.sequence,
        happened=what_happened(event).capitalize(),
        detail=_detail(event),
        points=row.points,
        rule=row.rule,
        program=row.program,
        program_version=row.program_version,
        reward_id=reward_id,
        balance=row.balance,
        pending=row.pending,
        sign=_SIGNS[row.type],
    )


def _detail(event: AnyPointsEvent) -> str:
    match event:
        case RewardEarned():
            cost = f", costs {event.cost:,}" if event.cost else ""
            return f"{event.reward}{cost}"
        case FactIgnored():
            return event.detail or event.reason.replace("_", " ")
        case PointsActivated():
            return f"{event.points:,} that were pending"
        case PointsExpiringSoon():
            return f"{event.points:,}, {decided_by(event)}"
        case RewardFailed() | RewardRevoked():
            return f"{event.reward}: {event.reason.replace('_', ' ')}"
        case _:
            return decided_by(event)
