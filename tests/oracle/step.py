"""One step of an account's life, a fact or an instant that passes, and the world it happens in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas import ids
from schemas.facts import AnyFact, PaymentSucceeded, Subscription
from schemas.program.expressions import Condition
from schemas.program.model import Program
from schemas.program.names import AccountFigures, Change, Given
from schemas.program.parts import Limit
from tests.oracle import wall
from tests.oracle.book import Book, Gift


@dataclass
class Step:
    """`fact` is what expressions see, `key` what lots are named after, `before` the figures then.

    The rest is what happened in it so far, for the rewards that come last.
    """

    book: Book
    program: Program
    fact: AnyFact
    key: str
    at: int
    before: AccountFigures
    subscription: Subscription | None = None
    event: str | None = None
    change: Change | None = None
    pulled: list[str] = field(default_factory=list)
    entered: list[tuple[str, bool]] = field(default_factory=list)
    gifts: list[Gift] = field(default_factory=list)
    credited: bool = False
    activated: int = 0
    """The lot that became spendable in this step, where nothing was credited since."""
    granted: bool | None = None
    """How a request was answered, where it was before."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.program.timezone)

    @property
    def payment(self) -> PaymentSucceeded | None:
        return self.fact if isinstance(self.fact, PaymentSucceeded) else None

    def given(self, trigger: str) -> Given:
        return Given(self.fact, trigger, self.zone, self.subscription, self.before, self.change)

    def holds(self, condition: str | None, trigger: str) -> bool:
        """A condition without a value, such as one on a field that is missing, does not hold."""
        return condition is None or condition_of(condition).holds(self.given(trigger)) is True

    def local(self, written: datetime | None) -> int | None:
        return None if written is None else wall.instant(written, self.zone)

    def lot_name(self, rule: str = "") -> int:
        by_rule = int.from_bytes(ids.digest(rule)) if rule else 0
        return ids.lot(ids.digest(self.key), by_rule)

    def expires_at(self, available_at: int) -> int | None:
        expiry = self.program.expiry
        if expiry is None:
            return None
        end = wall.later(available_at, expiry.after, self.zone)
        return wall.round_up(end, expiry.round_up_to, self.zone) if expiry.round_up_to else end

    def within(self, limit: Limit, times: list[int]) -> bool:
        """Whether a limit allows one more now, when what it limits happened at these `times`."""
        last = max(times, default=None)
        if limit.cooldown and last is not None:
            over_at = wall.later(last, limit.cooldown, self.zone)
            if self.at < over_at:
                return False
        if limit.count is None:
            return True
        return len(list(self.same_period(times, limit.per))) < limit.count

    def same_period(self, times: list[int], per: str) -> Iterator[int]:
        for each in times:
            if per == "ever" or self.is_same_period(each, per):
                yield each

    def is_same_period(self, at: int, per: str) -> bool:
        return wall.first_of(at, per, self.zone) == wall.first_of(self.at, per, self.zone)  # type: ignore[arg-type]


@lru_cache
def condition_of(text: str) -> Condition:
    return Condition(text)
