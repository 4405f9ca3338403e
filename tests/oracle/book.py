"""What an account's history is to the oracle: lists that only grow, and figures found by walking.

`Told` is one thing that happened, in a form that the fold's events can be put into as well.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import inf
from typing import Any, NamedTuple

from schemas.facts import PaymentSucceeded
from schemas.program.names import AccountFigures


class Told(NamedTuple):
    """`figures` are balance, pending, lifetime and deficit after it happened."""

    kind: str
    at: int
    figures: tuple[int, int, int, int]
    detail: dict[str, Any]


@dataclass
class Lot:
    """One credit. What is left of it is what was credited less what the book says moved.

    One that waits for an activity, a trigger and an event's name, has its deadline in
    `available_at`.
    """

    id: int
    credited: int
    earned_at: int
    available_at: int
    expires_at: int | None
    promotional: bool = False
    active: bool = True
    waits_for: tuple[str, str | None] | None = None

    def age(self) -> tuple[int, int]:
        return (self.earned_at, self.id)

    def debit_order(self) -> tuple[bool, float, int, int]:
        return (not self.promotional, self.expires_at or inf, self.earned_at, self.id)


@dataclass
class Move:
    """Points that left a lot (negative) or came back to it, and why."""

    lot: int
    points: int
    why: str


@dataclass
class Gift:
    """What one rule gave for one fact. `undone` was reversed since; `lapsed` of it had expired.

    What an upgrade of a subscription gave may be taken back before `clawed_until`.
    """

    rule: str
    fact: str
    at: int
    points: int
    lot: int
    undone: int = 0
    lapsed: int = 0
    subscription: str = ""
    clawed_until: int = 0


@dataclass
class Attempt:
    """A rule's exact worth for one fact before rounding, and the whole points it made of it."""

    rule: str
    exact: Fraction
    whole: int


@dataclass
class Pull:
    """A pull that a rule counted, and whether the rule earned at it."""

    rule: str
    fact: str
    earned: bool
    stands: bool = True


@dataclass
class Qualified:
    """What counts towards a tier from `at`: points or money of one fact."""

    fact: str
    at: int
    value: int
    undone: int = 0

    @property
    def stands(self) -> int:
        return self.value - self.undone


@dataclass
class Payment:
    fact: PaymentSucceeded
    first: bool
    gifts: list[Gift]
    given_back: list[int] = field(default_factory=list)

    @property
    def room(self) -> int:
        """Money of it that was not given back yet."""
        return self.fact.amount_minor - sum(self.given_back)


@dataclass
class Waiting:
    """A refund, or the rest of one, whose payment is not known. None is the whole payment."""

    transaction: str
    invoice: str
    amount_minor: int | None
    until: int


class Tier(NamedTuple):
    """That of this name, as what a reward rests on."""

    id: str


@dataclass
class Firing:
    """One firing of a reward. `pieces` of lots paid for it; `tier` is where a feature is held.

    `rests_on` is what a refund takes it back with: a payment, lifetime points or a tier, under the
    version that fired it. Its limit counts it while `counts`; `settled` says in which order firings
    came to an outcome.
    """

    reward: str
    ordinal: int
    at: int
    request: str = ""
    rests_on: str | int | Tier | None = None
    pieces: list[tuple[Lot, int]] = field(default_factory=list)
    settled: int = 0
    stands: bool = True
    counts: bool = True
    tier: str | None = None

    @property
    def open(self) -> bool:
        return self.settled == 0


@dataclass
class Subscribed:
    """What is known of a subscription: the newest that was seen, and its history of years.

    `terms` says of each sight of it when the term began, and whether it was one of whole years.
    `watched` ones have an anniversary that is looked out for.
    """

    id: str
    plan: str
    quantity: int
    amount_minor: int
    currency: str
    period: int
    period_unit: str
    status: str
    version: int
    anchor: int
    addons: list[tuple[str, int]] = field(default_factory=list)
    terms: list[tuple[int, bool]] = field(default_factory=list)
    years_settled: int = 0
    trial_waits: bool = False
    trial_ended: bool = False
    watched: bool = False


@dataclass
class Book:
    lots: list[Lot] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    owed: list[int] = field(default_factory=list)
    gifts: list[Gift] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    pulls: list[Pull] = field(default_factory=list)
    running: dict[str, int] = field(default_factory=dict)
    qualified: list[Qualified] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    firings: list[Firing] = field(default_factory=list)
    subscriptions: list[Subscribed] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    reminded: set[int] = field(default_factory=set)
    tier: str = ""
    chose: bool = False
    """Whether of firings of one reward and one instant some were taken back and others were not."""

    def left(self, lot: Lot) -> int:
        return lot.credited + sum(move.points for move in self.moves if move.lot == lot.id)

    def open_lots(self, *, active: bool) -> list[Lot]:
        """In the order in which debits take them."""
        found = [lot for lot in self.lots if lot.active is active and self.left(lot) > 0]
        return sorted(found, key=Lot.debit_order)

    def lot(self, number: int) -> Lot | None:
        return next((lot for lot in self.lots if lot.id == number), None)

    @property
    def deficit(self) -> int:
        return sum(self.owed)

    @property
    def pending(self) -> int:
        return sum(self.left(lot) for lot in self.lots if not lot.active)

    @property
    def balance(self) -> int:
        return sum(self.left(lot) for lot in self.lots if lot.active) - self.deficit

    @property
    def lifetime(self) -> int:
        return sum(gift.points - gift.undone for gift in self.gifts)

    def figures(self) -> AccountFigures:
        return AccountFigures(self.balance, self.pending, self.lifetime, self.deficit, self.tier)

    def tell(self, kind: str, at: int, **detail: Any) -> None:
        figures = (self.balance, self.pending, self.lifetime, self.deficit)
        self.told.append(Told(kind, at, figures, detail))

    def fill_deficit(self, lot: Lot, points: int) -> int:
        """The part of new spendable points of a lot that goes to what is owed."""
        filled = min(points, self.deficit)
        if filled:
            self.owed.append(-filled)
            self.moves.append(Move(lot.id, -filled, "filled the deficit"))
        return filled

    def debit(self, points: int, why: str, *, active: bool) -> dict[int, int]:
        """Take up to so many points from lots in order; what each lot gave."""
        taken: dict[int, int] = {}
        for lot in self.open_lots(active=active):
            part = min(points, self.left(lot))
            if part:
                taken[lot.id] = part
                self.moves.append(Move(lot.id, -part, why))
                points -= part
        return taken

    def expired_of(self, lot: int) -> int:
        """How many points of a lot its date took."""
        return -sum(move.points for move in self.moves if (move.lot, move.why) == (lot, EXPIRED))


EXPIRED = "expired"
