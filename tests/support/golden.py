"""A customer's year as a text that people can check: what happens, and each event that follows.

A line that begins with a date is a sentence of `telling`; `time passes` heads what the clock alone
brings. Below stand the events: their instant where it is not the sentence's, type, what decided,
points, then balance, pending, lifetime and deficit after the event, and what else it says. Times
are local. Lines that begin with # are for people.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from typing import Any
from zoneinfo import ZoneInfo

from schemas.points import (
    AnyPointsEvent,
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
    RewardDelivered,
    RewardEarned,
    RewardFailed,
    RewardRevoked,
    TierChanged,
)
from schemas.program import periods
from tests.support.story import Story
from tests.support.telling import TIME_PASSES, Teller
from tests.support.year import loaded, program_of

_SENTENCE = re.compile(r"(?P<when>\d{4}-\d\d-\d\d \d\d:\d\d) (?P<happens>.+)")


@dataclass(frozen=True, slots=True)
class Told:
    """A year as the engine tells it, and the teller who knows the facts and the account."""

    lines: list[str]
    teller: Teller


def tell(program: str, golden: str) -> Told:
    """Tell the sentences of a golden text under the YAML `program`."""
    zone = periods.parse_zone(loaded(program).timezone)
    teller = Teller(Story(program_of(program)), zone)
    lines: list[str] = []
    for when, happens in sentences(golden):
        at = teller.instant(when)
        by_time = teller.story.lives_until(at)
        if by_time:
            lines += [TIME_PASSES, *(line(event, zone, None) for event in by_time)]
        lines.append(f"{when} {happens}")
        lines += (line(event, zone, at) for event in teller.tell(when, happens))
    return Told(lines, teller)


def sentences(golden: str) -> Iterator[tuple[str, str]]:
    """(when, what happens), in order."""
    for text in golden.splitlines():
        found = _SENTENCE.fullmatch(text)
        if found:
            yield found["when"], found["happens"]


def without_comments(golden: str) -> list[str]:
    return [text for text in golden.splitlines() if text and not text.startswith("#")]


def difference(golden: str, told: list[str]) -> str:
    """Empty where the engine tells what the text says."""
    lines = unified_diff(
        without_comments(golden), told, "the golden text", "the engine", lineterm="", n=4
    )
    return "\n".join(lines)


def line(event: AnyPointsEvent, zone: ZoneInfo, at: int | None) -> str:
    """One event; its instant is left out where it is `at`."""
    when = "" if event.occurred_at == at else local(event.occurred_at, zone)
    points = _points(event)
    text = (
        f"  {when:<16}  {type(event).__name__:<18} {_what(event):<20} {points:>5} "
        f"{event.balance:>5} {event.pending:>5} {event.lifetime:>5} {event.deficit:>4}"
    )
    notes = ", ".join(_NOTES.get(type(event), _no_notes)(event, zone))
    return f"{text}  {notes}".rstrip()


def local(instant: int, zone: ZoneInfo) -> str:
    """To the minute, as sentences are dated."""
    return datetime.fromtimestamp(instant, zone).strftime("%Y-%m-%d %H:%M")


def _date(instant: int, zone: ZoneInfo) -> str:
    """Midnight is said by its day alone."""
    return local(instant, zone).removesuffix(" 00:00")


def _points(event: AnyPointsEvent) -> str:
    match event:
        case PointsEarned() | PointsRestored() | PointsAdjusted():
            return f"{event.points:+d}"
        case PointsExpired() | PointsReversed() | PointsRedeemed():
            return f"{-event.points:+d}"
        case PointsActivated() | PointsExpiringSoon():
            return str(event.points)
        case PointsExtended():
            return str(sum(each.points for each in event.lots))
        case _:
            return ""


def _what(event: AnyPointsEvent) -> str:
    match event:
        case PointsEarned():
            return event.rule
        case TierChanged():
            return event.to_tier
        case (
            RewardEarned()
            | RewardDelivered()
            | RewardFailed()
            | RewardRevoked()
            | PointsRedeemed()
            | PointsRestored()
        ):
            return ":".join(event.reward_id.split(":")[2:])
        case FactIgnored() | PointsExpired():
            return event.reason
        case _:
            return ""


def _earned(event: PointsEarned, zone: ZoneInfo) -> Iterator[str]:
    yield from (f"×{each.factor} {each.id}" for each in event.multipliers)
    if event.unrounded not in (str(event.points), str(event.wanted)):
        yield f"exactly {event.unrounded}"
    if event.wanted is not None:
        yield f"wanted {event.wanted}"
    if event.count:
        yield f"number {event.count}"
    if event.promotional:
        yield "promotional"
    if event.activates_on:
        yield f"waits for {event.activates_on} until {_date(event.available_at, zone)}"
    elif event.available_at > event.occurred_at:
        yield f"from {_date(event.available_at, zone)}"
    yield from _expires(event, zone)


def _activated(event: PointsActivated, zone: ZoneInfo) -> Iterator[str]:
    yield from _absorbed(event)
    yield from _expires(event, zone)


def _adjusted(event: PointsAdjusted, zone: ZoneInfo) -> Iterator[str]:
    yield from _absorbed(event)
    if event.overdrawn:
        yield f"{event.overdrawn} owed"
    yield from _expires(event, zone)


def _reversed(event: PointsReversed, _: ZoneInfo) -> Iterator[str]:
    yield f"undoes {event.earned_by}"
    for name in ("overdrawn", "forgiven", "expired"):
        if getattr(event, name):
            yield f"{getattr(event, name)} {name}"


def _restored(event: PointsRestored, _: ZoneInfo) -> Iterator[str]:
    yield from _absorbed(event)
    if event.expired:
        yield f"{event.expired} expired"


def _tier(event: TierChanged, zone: ZoneInfo) -> Iterator[str]:
    yield f"{event.basis} count"
    if event.actor:
        yield f"by {event.actor}"
    if event.until is not None:
        yield f"held until {_date(event.until, zone)}"


def _absorbed(event: Any) -> Iterator[str]:
    if event.absorbed:
        yield f"{event.absorbed} fill what is owed"


def _expires(event: Any, zone: ZoneInfo) -> Iterator[str]:
    if event.expires_at is not None:
        yield f"expires {_date(event.expires_at, zone)}"


def _no_notes(_event: Any, _zone: ZoneInfo) -> Iterator[str]:
    return iter(())


_NOTES: dict[type, Callable[[Any, ZoneInfo], Iterator[str]]] = {
    PointsEarned: _earned,
    PointsActivated: _activated,
    PointsExtended: _expires,
    PointsExpiringSoon: _expires,
    PointsReversed: _reversed,
    PointsRestored: _restored,
    PointsAdjusted: _adjusted,
    TierChanged: _tier,
    RewardRevoked: lambda event, _: iter((event.reason,)),
}
