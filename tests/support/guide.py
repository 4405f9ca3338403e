"""The merchant's guide as it is run: each example's program, and its table as a customer's story.

A table has the columns when (local time of the program), what happens, what the engine says, and
the balance after it. What the engine says is written in the few words of `said`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deploy.wording import instant
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
from schemas.program import periods
from schemas.program.load import load_program
from tests.support.story import Story
from tests.support.telling import Teller
from tests.support.year import SITE, program_of

GUIDE = Path(__file__).parents[2] / "docs" / "program.md"

_PIECE = re.compile(
    r"^### (?P<heading>[^\n]+)$|^```yaml example\n(?P<program>.*?)^```$|^(?P<row>\|[^\n]*\|)$",
    re.MULTILINE | re.DOTALL,
)
_EXAMPLE = re.compile(r"^```yaml example\n.*?^```$", re.MULTILINE | re.DOTALL)
_KEY = re.compile(r"[a-z_]+(?:\.[a-z_]+)*")
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


def named_in(*sections: str) -> set[str]:
    """The words that sections set in backticks, examples left out; `points.name` is three words."""
    spans = re.findall(r"`([^`]+)`", "\n".join(_section(each) for each in sections))
    words = {word for span in spans for word in _KEY.findall(span)}
    return words | {part for word in words for part in word.split(".")}


def keys_of(section: str) -> set[str]:
    """The keys in the first column of a section's tables of keys, without what they are within."""
    first_cells = re.findall(r"^\| (`[^|]+`) \|", _section(section), re.MULTILINE)
    spans = [span for cell in first_cells for span in re.findall(r"`([^`]+)`", cell)]
    return {span.rpartition(".")[2] for span in spans}


def _section(heading: str) -> str:
    """From its heading to the next of that level."""
    text = _EXAMPLE.sub("", GUIDE.read_text(encoding="utf-8"))
    [_, section] = text.split(f"\n## {heading}\n")
    return section.partition("\n## ")[0]


class Telling:
    """Tells an example's rows to the fold and says in the guide's words what it answers."""

    def __init__(self, example: Example) -> None:
        zone = periods.parse_zone(load_program(example.whole_program).timezone)
        self._teller = Teller(Story(program_of(example.whole_program)), zone)

    def tell(self, row: Row) -> Row:
        """The row as the engine fills it in."""
        events = self._teller.tell(row.when, row.happens)
        answers = [text for event in events for text in said(event)]
        return replace(row, says="; ".join(answers), balance=str(self._teller.story.balance))


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
