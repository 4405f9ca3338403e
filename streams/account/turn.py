"""One fact's turn at the account: what is decided so far, its figures, and its causes. PURE.

Every module that decides emits its events through here: the figures after an event are worked out
from its own numbers, while `evolve` works on the lots, and tests hold the two against each other.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from schemas import ids
from schemas.facts import AnyFact, PaymentSucceeded, Subscription
from schemas.points import AnyPointsEvent, Cause
from schemas.program.names import AccountFigures, Change, Given
from schemas.program.parts import REQUESTED
from streams.account.compiled import CompiledProgram
from streams.account.evolve import evolve
from streams.account.figures import figures_of
from streams.account.programs import Programs
from streams.account.state import Account, Counter, Earning
from streams.account.trace import Trace

BY_TIME: Final = "time"
"""The trigger in the cause of what time alone did: activation, expiry, tier review."""
BY_TIER: Final = "tier"
"""The trigger of a tier change, and of a reward that entering or leaving a tier fired."""
BY_THRESHOLD: Final = "threshold"
"""The trigger of a reward that a balance or lifetime threshold fired."""
BY_FACT: Final = "fact"
"""The trigger where the fact itself is the whole reason: outcomes, adjustments, erasure."""
BY_REFUND: Final = "payment_refunded"
BY_CORRECTION: Final = "correction"
"""The trigger of what a fact changed that came late: it had to be decided before others."""
BY_REQUEST: Final = REQUESTED
"""The trigger of a reward of the catalogue."""


class Ordinals:
    """Gives the rewards of a re-fold the ordinals that they have, in order, then new ones."""

    __slots__ = ("_given", "_last")

    def __init__(self, fired: Iterable[tuple[str, int]], last: Mapping[str, int]) -> None:
        self._last = dict(last)
        self._given: dict[str, list[int]] = {}
        for reward, ordinal in fired:
            self._given.setdefault(reward, []).append(ordinal)

    def following(self, reward: str) -> int:
        given = self._given.get(reward)
        if given:
            return given.pop(0)
        last = self._last[reward] = self._last.get(reward, 0) + 1
        return last


class Turn:
    """Mutable, lives for one fact. `now` is the account's clock, never before the fact; `digest` is
    that of the fact's natural key, `sequence` is the last event's. `counted` are the rules that
    counted the payment as a pull, and whether they earned at it. Where a fact is folded again,
    `ordinals` name the rewards that it fires, and `granted` is how a request was answered. Where
    the fact did not say all about subscriptions, `recalled` says that the account was asked; a
    payment `introduced` its subscription that was the first to tell of it. Of the events the first
    `lived` are what time did before the fact. Fewer points than `room` would have fired none of its
    rewards before it, 0 for any number.
    """

    __slots__ = (
        "_before", "_cause", "_given", "_reason", "account", "balance", "change", "counted",
        "credited", "customer", "deficit", "digest", "earnings", "entered", "events", "fact",
        "fired", "granted", "introduced", "ledger", "lifetime", "lived", "memory", "notes", "now",
        "offset", "ordinals", "payment", "pending", "program", "programs", "pulled", "recalled",
        "room", "sequence", "site", "subscription", "trace",
    )  # fmt: skip

    def __init__(
        self,
        account: Account,
        fact: AnyFact,
        digest: bytes,
        offset: int,
        programs: Programs,
        *,
        trace: Trace | None = None,
    ) -> None:
        self.account = account
        self.ledger = ledger = account.ledger
        self.memory = memory = account.memory
        self.fact = fact
        self.site, self.customer = fact.site, fact.customer
        self.digest = digest
        self.offset = offset
        self.programs = programs
        self.trace = trace
        self.program: CompiledProgram | None = None
        self.events: list[AnyPointsEvent] = []
        self.now = memory.clock
        self.sequence = ledger.sequence
        self.balance, self.pending = figures_of(ledger)
        self.lifetime = ledger.lifetime
        self.deficit = ledger.deficit
        self.payment: PaymentSucceeded | None = None
        self.subscription: Subscription | None = None
        self.change: Change | None = None
        self.pulled: list[str] = []
        self.entered: list[tuple[str, bool]] = []
        self.earnings: list[Earning] = []
        self.counted: dict[str, bool] = {}
        self.notes: list[tuple[bool, str, str]] = []
        self.credited = False
        self.fired = False
        self.recalled = False
        self.introduced = False
        self.lived = 0
        self.room = 0
        self.ordinals: Ordinals | None = None
        self.granted: bool | None = None
        self._reason = fact
        self._cause: Cause | None = None
        self._given: Given | None = None
        self._before: AccountFigures | None = None

    def stand_in(self, moment: AnyFact, natural_key: str) -> "Turn":
        """A turn of its own for an instant that this fact has passed: expressions see `moment`,
        events name this turn's fact as their cause, lots are named by the moment's natural key.
        Give it back to `take_over`.
        """
        digest = ids.digest(natural_key)
        own = Turn(self.account, moment, digest, self.offset, self.programs, trace=self.trace)
        own.program, own.now, own.ordinals = self.program, self.now, self.ordinals
        own._reason = self._reason
        return own

    def take_over(self, own: "Turn") -> None:
        """Go on where a stand-in ended."""
        self.events += own.events
        self.sequence = own.sequence
        self.balance, self.pending = own.balance, own.pending
        self.lifetime, self.deficit = own.lifetime, own.deficit
        self.credited = self.credited or own.credited
        self.notes += own.notes

    def emit(self, event: AnyPointsEvent) -> None:
        evolve(self.account, event)
        self.sequence += 1
        self.events.append(event)
        if self.trace is not None:
            self.trace.event(event)

    def cause(self, trigger: str) -> Cause:
        cause = self._cause
        if cause is None or cause.trigger != trigger:
            fact = self._reason
            cause = Cause(fact=fact.id, trigger=trigger, offset=self.offset, source=fact.source)
            self._cause = cause
        return cause

    def head(self, trigger: str, at: int) -> dict[str, Any]:
        """The head of the next event, with the figures as they stand.

        The events of every day spell theirs out: for keywords that are known when it is compiled
        no dict is made, and making one costs as much as the event.
        """
        return {
            "site": self.site,
            "customer": self.customer,
            "sequence": self.sequence + 1,
            "cause": self.cause(trigger),
            "occurred_at": at,
            "balance": self.balance,
            "pending": self.pending,
            "lifetime": self.lifetime,
            "deficit": self.deficit,
        }

    def absorb(self, points: int) -> int:
        """Credit spendable points: the part that fills the deficit, which comes first."""
        absorbed = min(points, self.deficit)
        self.deficit -= absorbed
        self.balance += points
        self.credited = True
        return absorbed

    def note(self, reason: str, detail: str = "", *, loud: bool = False) -> None:
        """Why something did not happen. Loud notes are told even where something else happened."""
        self.notes.append((loud, reason, detail))
        if self.trace is not None:
            self.trace.note(reason, detail)

    def begin(self) -> None:
        """Expressions read the figures as they stand here: after time, before the fact."""
        program = self.program
        self.room = 0
        tier = self.ledger.tier
        if program and program.tiers and tier not in program.tiers.index:
            tier = program.tiers.levels[0].id
        self._before = AccountFigures(self.balance, self.pending, self.lifetime, self.deficit, tier)

    def fires_at(self, needed: int, *, by_lifetime: bool) -> None:
        """A reward fires that needs so many points."""
        before = self._before
        if before is not None:
            room = max(1, needed - (before.lifetime if by_lifetime else before.balance))
            self.room = min(room, self.room or room)

    def given(self, trigger: str) -> Given:
        """What expressions are evaluated over under this trigger."""
        given = self._given
        if given is None or given.trigger != trigger:
            assert self.program is not None
            assert self._before is not None
            given = Given(
                self.fact, trigger, self.program.zone, self.subscription, self._before, self.change
            )
            self._given = given
        return given

    def counter(self, name: str) -> Counter:
        counter = self.memory.counters.get(name)
        if counter is None:
            counter = self.memory.counters[name] = Counter()
        return counter

    def next_ordinal(self, reward: str) -> int:
        """The number of the reward's next firing, counted for ever."""
        if self.ordinals is not None:
            return self.ordinals.following(reward)
        return self.ledger.fired.get(reward, 0) + 1

    def reward_id(self, reward: str, ordinal: int) -> str:
        return ids.reward_id(self.site, self.customer, reward, ordinal)
