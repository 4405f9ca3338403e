"""The merchant's guide as it is run: each example's program, and its table as a customer's story.

A table has the columns when (local time of the program), what happens, what the engine says, and
the balance after it. What the engine says is written in the few words of `said`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.wording import instant
from schemas import ids
from schemas.facts import (
    AnyFact,
    RedemptionCancelled,
    RedemptionRequested,
    Scalar,
    Subscription,
    TierAssigned,
)
from schemas.points import (
    AnyPointsEvent,
    CorrectionApplied,
    FactIgnored,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsExpiringSoon,
    PointsExtended,
    PointsRedeemed,
    PointsRestored,
    PointsReversed,
    RewardEarned,
    RewardRevoked,
    TierChanged,
)
from schemas.program import amounts, periods
from schemas.program.load import load_program
from tests.support.story import (
    CUSTOMER,
    Story,
    activated,
    adjusted,
    cancelled,
    changed,
    created,
    delivered,
    failed,
    happened,
    paid,
    reactivated,
    refunded,
    renewed,
    subscription,
)
from tests.support.year import SITE, program_of

GUIDE = Path(__file__).parents[2] / "docs" / "program.md"

_PIECE = re.compile(
    r"^### (?P<heading>[^\n]+)$|^```yaml example\n(?P<program>.*?)^```$|^(?P<row>\|[^\n]*\|)$",
    re.MULTILINE | re.DOTALL,
)
_WORD = re.compile(r'\w+="[^"]*"|\S+')
_HEAD = {
    "program": "guide",
    "site": SITE,
    "effective_from": "2000-01-01T00:00",
}
_DEFAULT_EARN = 'earn: [{id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}}]\n'


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an example's table."""

    when: str
    happens: str
    says: str
    balance: str


@dataclass(slots=True)
class Example:
    """A program of the guide and what it does."""

    heading: str
    program: str
    rows: list[Row] = field(default_factory=list)

    @property
    def whole_program(self) -> str:
        """What the guide leaves out of a program is said here: its head, and a point per dollar."""
        head = "".join(
            f"{key}: {value}\n"
            for key, value in _HEAD.items()
            if not re.search(rf"^{key}:", self.program, re.MULTILINE)
        )
        earn = "" if re.search(r"^earn:", self.program, re.MULTILINE) else _DEFAULT_EARN
        return head + earn + self.program


def examples(path: Path = GUIDE) -> list[Example]:
    """In the guide's order."""
    found: list[Example] = []
    heading = ""
    for piece in _PIECE.finditer(path.read_text(encoding="utf-8")):
        if piece["heading"]:
            heading = piece["heading"]
        elif piece["program"]:
            found.append(Example(heading, piece["program"]))
        else:
            cells = [cell.strip() for cell in piece["row"].strip("|").split("|")]
            is_story = len(cells) == 4 and re.match(r"\d{4}-", cells[0])
            if is_story:
                found[-1].rows.append(Row(*cells))
    return found


class Telling:
    """Tells an example's rows to the fold and says in the guide's words what it answers."""

    def __init__(self, example: Example) -> None:
        self._zone = periods.parse_zone(load_program(example.whole_program).timezone)
        self._story = Story(program_of(example.whole_program))
        self._subscription: Subscription | None = None
        self._payments: list[str] = []
        self._count = 0

    def tell(self, row: Row) -> Row:
        """The row as the engine fills it in."""
        at = periods.to_instant(datetime.fromisoformat(row.when), self._zone)
        events = self._story.lives_until(at)
        if row.happens != "time passes":
            self._count += 1
            events += self._story.tell(self._fact(row.happens, at))
        answers = [text for event in events for text in said(event)]
        return replace(row, says="; ".join(answers), balance=str(self._story.balance))

    def _fact(self, happens: str, at: int) -> AnyFact:
        words = _WORD.findall(happens)
        for beginning, build in _SENTENCES.items():
            if happens.startswith(beginning):
                return build(self, words[len(beginning.split()) :], at)
        raise ValueError(f"the guide says {happens!r}, which no sentence of {__name__} begins")

    def _pays(self, words: list[str], at: int) -> AnyFact:
        amount, currency, *rest = words
        name = f"t{len(self._payments) + 1}"
        self._payments.append(name)
        return paid(
            name,
            amounts.parse_money(amount, currency),
            at,
            currency=currency,
            on_time="late" not in rest,
            subscription=self._subscription,
        )

    def _is_refunded(self, words: list[str], at: int) -> AnyFact:
        amount, currency, *rest = words
        payment = rest[-1] if rest else self._payments[-1]
        return refunded(f"r{self._count}", payment, amounts.parse_money(amount, currency), at)

    def _subscribed(self, words: list[str], at: int, *, status: str = "active") -> Subscription:
        """`pro at 10.00 USD a month`, with `x 3` before `at` for a quantity."""
        plan, *rest = words
        quantity = int(rest[1]) if rest[0] == "x" else 1
        amount, currency, _, unit, *_ = rest[rest.index("at") + 1 :]
        known = self._subscription
        self._subscription = subscription(
            at,
            plan=plan,
            quantity=quantity,
            amount_minor=amounts.parse_money(amount, currency) * quantity,
            period_unit=unit,  # type: ignore[arg-type]
            status=status,
            started_at=at if known is None else known.started_at or at,
        )
        return self._subscription

    def _signs_up(self, words: list[str], at: int) -> AnyFact:
        status = "in_trial" if words[-2:] == ["on", "trial"] else "active"
        return created(self._subscribed(words, at, status=status), at)

    def _seen(self, at: int, status: str = "active") -> Subscription:
        assert self._subscription is not None, "the customer signs up first"
        known = self._subscription
        self._subscription = subscription(
            at,
            plan=known.plan,
            quantity=known.quantity,
            amount_minor=known.amount_minor,
            period_unit=known.period_unit,
            status=status,
            started_at=known.started_at or at,
            term_start=at,
        )
        return self._subscription

    def _event(self, words: list[str], at: int) -> AnyFact:
        name, *properties = words
        values: dict[str, Scalar] = {}
        for each in properties:
            key, _, value = each.partition("=")
            values[key] = int(value) if value.isdecimal() else value.strip('"')
        return happened(name, at, properties=values)

    def _reward_id(self, reward: str) -> str:
        return ids.reward_id(SITE, CUSTOMER, reward, self._story.account.ledger.fired[reward])

    def _asks(self, words: list[str], at: int) -> AnyFact:
        reward, _, request = words
        return RedemptionRequested(
            id=ids.redemption(request), site=SITE, customer=CUSTOMER, occurred_at=at,
            request=request, reward=reward,
        )  # fmt: skip

    def _takes_back(self, words: list[str], at: int) -> AnyFact:
        [request] = words
        return RedemptionCancelled(
            id=ids.redemption_cancelled(request), site=SITE, customer=CUSTOMER, occurred_at=at,
            request=request, actor="ann", reason="changed her mind",
        )  # fmt: skip

    def _is_put_in(self, words: list[str], at: int) -> AnyFact:
        until = datetime.fromisoformat(words[2]) if len(words) > 2 else None
        return TierAssigned(
            id=ids.tier_assigned(str(self._count)), site=SITE, customer=CUSTOMER, occurred_at=at,
            tier=words[0], actor="support", reason="invited",
            until=None if until is None else periods.to_instant(until, self._zone),
        )  # fmt: skip


_SENTENCES: dict[str, Callable[[Telling, list[str], int], AnyFact]] = {
    "pays": Telling._pays,
    "is refunded": Telling._is_refunded,
    "signs up for": Telling._signs_up,
    "ends the trial": lambda told, _, at: activated(told._seen(at), at),
    "changes to": lambda told, words, at: changed(told._subscribed(words, at), at),
    "renews": lambda told, _, at: renewed(told._seen(at), at),
    "cancels": lambda told, _, at: cancelled(told._seen(at, "cancelled"), at),
    "comes back": lambda told, _, at: reactivated(told._seen(at), at),
    "event": Telling._event,
    "is given": lambda told, words, at: adjusted(f"a{told._count}", int(words[0]), at),
    "loses": lambda told, words, at: adjusted(f"a{told._count}", -int(words[0]), at),
    "asks for": Telling._asks,
    "takes back": Telling._takes_back,
    "is put in": Telling._is_put_in,
    "gets": lambda told, words, at: delivered(told._reward_id(words[0]), at),
    "does not get": lambda told, words, at: failed(told._reward_id(words[0]), at),
}


def said(event: AnyPointsEvent) -> list[str]:
    """An event in the guide's words; nothing of those that the guide passes over."""
    words = _WORDS.get(type(event))
    return [re.sub(r"(^|by )-", r"\1−", words(event))] if words else []


def _earned(event: PointsEarned) -> str:
    pending = event.activates_on or event.available_at > event.occurred_at
    return f"+{event.points} {event.rule}{', pending' if pending else ''}"


_WORDS: dict[type, Callable[[Any], str]] = {
    PointsEarned: _earned,
    PointsActivated: lambda event: f"{event.points} spendable",
    PointsExpired: lambda event: f"-{event.points} {event.reason}",
    PointsExtended: lambda event: f"live until {instant(event.expires_at)}",
    PointsExpiringSoon: lambda event: f"reminder: {event.points} until {instant(event.expires_at)}",
    PointsReversed: lambda event: f"-{event.points} taken back",
    PointsRedeemed: lambda event: f"-{event.points} spent",
    PointsRestored: lambda event: f"+{event.points - event.expired} given back",
    PointsAdjusted: lambda event: f"{event.points:+d} by hand",
    TierChanged: lambda event: f"tier {event.to_tier}",
    RewardEarned: lambda event: f"reward {event.reward}",
    RewardRevoked: lambda event: f"{event.reward} withdrawn",
    CorrectionApplied: lambda event: f"corrected by {event.points:+d}",
    FactIgnored: lambda event: f"nothing: {event.reason}",
}
