"""The lines of a simulation: Chargebee events, facts, and steps of the clock. PURE."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.chargebee.translate import translate
from connectors.chargebee.unwrap import NoEventsError, Resource, events_in
from schemas import bounds
from schemas.codec import FACTS, DecodeError
from schemas.facts import AnyFact, ProgramPublished
from schemas.translation import UntranslatableError
from streams.account.programs import Programs, UnusableProgramError

BAD_LINES_KEPT = 20

EXPECTED = 'a Chargebee event, a fact (with "type"), or {"advance_to": unix seconds}'


class BadLineError(ValueError):
    """The line is nothing that a simulation takes; the message says what is expected instead."""


@dataclass(frozen=True, slots=True)
class Advance:
    """Let the clock pass `to` (unix seconds), and all that is due until then happen."""

    to: int


@dataclass(frozen=True, slots=True)
class BadLine:
    """`number` counts from 1."""

    number: int
    message: str


class LineReader:
    """Reads lines. `site` is what Chargebee events are of: they do not say it themselves.

    `ignored` counts by reason those that become no fact. `bad` are the first lines that are wrong,
    of `bad_count` in all.
    """

    def __init__(self, site: str) -> None:
        self._site = site
        self.ignored: Counter[str] = Counter()
        self.bad: list[BadLine] = []
        self.bad_count = 0

    def read(self, lines: Iterable[bytes]) -> Iterator[AnyFact | Advance]:
        """What the lines stand for, up to the first bad one; the rest is still checked."""
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                found = self.read_line(line)
            except BadLineError as error:
                self.bad_count += 1
                if len(self.bad) < BAD_LINES_KEPT:
                    self.bad.append(BadLine(number, str(error)))
                continue
            if not self.bad:
                yield from found

    def read_line(self, line: bytes) -> list[AnyFact | Advance]:
        """What one line stands for, which may be nothing. Raises `BadLineError`."""
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise BadLineError(f"not JSON ({error}); expected {EXPECTED}") from error
        if not isinstance(document, dict):
            raise BadLineError(f"not a JSON object; expected {EXPECTED}")
        if "advance_to" in document:
            return [_advance(document)]
        facts = [_fact(line)] if "type" in document else self._facts(line)
        for fact in facts:
            _check(fact)
        return [*facts]

    def _facts(self, line: bytes) -> list[AnyFact]:
        return [fact for found in _events(line) for fact in self._translate(found)]

    def _translate(self, found: bytes) -> tuple[AnyFact, ...]:
        try:
            translation = translate(found, self._site)
        except UntranslatableError as error:
            raise BadLineError(f"a broken Chargebee event: {error}") from error
        if translation.ignored:
            self.ignored[translation.ignored] += 1
        return translation.facts


def _events(line: bytes) -> list[bytes]:
    try:
        found = list(events_in(line))
    except NoEventsError as error:
        raise BadLineError(f"{error}; expected {EXPECTED}") from error
    for each in found:
        if isinstance(each, Resource):
            raise BadLineError(
                f"not an event: a Chargebee resource ({each.kind}); expected {EXPECTED}"
            )
    return [each for each in found if isinstance(each, bytes)]


def _advance(document: dict[str, Any]) -> Advance:
    to = document["advance_to"]
    if set(document) != {"advance_to"} or type(to) is not int or not 0 <= to <= bounds.LAST_INSTANT:
        raise BadLineError(
            'not a step of the clock; expected {"advance_to": 1796083200} and nothing else, '
            f"in unix seconds up to {bounds.LAST_INSTANT} (the year 2100)"
        )
    return Advance(to)


def _check(fact: AnyFact) -> None:
    try:
        bounds.check(fact)
    except bounds.OutOfBoundsError as error:
        raise BadLineError(str(error)) from error


def _fact(line: bytes) -> AnyFact:
    try:
        fact = FACTS.decode(line)
        if isinstance(fact, ProgramPublished):
            Programs().with_published(fact)
    except (DecodeError, UnusableProgramError) as error:
        raise BadLineError(f"not a fact: {error}") from error
    return fact
