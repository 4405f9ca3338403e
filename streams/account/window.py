"""How an account was some days ago, and the facts since: enough to decide these again. PURE.

Two pasts at most, each the account as it stood before one of its facts. The older goes when the
newer lies far enough behind, so at least `REACH_SECONDS` or `KEPT_BYTES` of facts can always be
taken back. What only grows is not kept twice: digests not at all, payments where they changed.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from schemas.facts import AnyFact, RedemptionRequested
from schemas.points import (
    AnyPointsEvent,
    PointsAdjusted,
    PointsEarned,
    PointsReversed,
    RewardEarned,
    RewardRevoked,
)
from streams.account.evolve import ordinal_of
from streams.account.packing import id_of
from streams.account.past import Past, Remembered
from streams.account.state import Account
from streams.account.storing import decode_core, encode_core
from streams.account.timeline import ANNIVERSARY

REACH_SECONDS: Final = 4 * 86_400
"""How late a fact may come and still take its place; Chargebee repeats a webhook for two days."""
KEPT_BYTES: Final = 32_768
"""As much of facts can be taken back even where an account is so busy that they are of one day."""
ON_ARRIVAL: Final = 9
"""The rank of what stands where it arrived; among its like the first comes first."""

_FRESH: Final = encode_core(Account())
"""Of an account that nothing has happened to, which is every account once."""

Firing = tuple[str, int]
"""A reward and the ordinal of one of its firings."""


def open_past(account: Account, at: int, core: bytes) -> None:
    """Before a fact that stands at `at` is decided: keep the account as it is, where that is due.

    `core` is how the account is encoded, where that is known. A past never ends in the middle of an
    instant.
    """
    past, clock = account.past, account.memory.clock
    if len(past) == 2 and (past[1].clock < at - REACH_SECONDS or past[1].size >= KEPT_BYTES):
        del past[0]
    if not past or clock < at - REACH_SECONDS:
        account.past = [_as_it_is(account, core)]
        return
    base = past[0]
    is_due = base.facts[0].at < at - REACH_SECONDS or base.size >= KEPT_BYTES
    if is_due and len(past) == 1 and clock < at:
        past.append(_as_it_is(account, core))


def is_before(each: Remembered, fact_id: str, other: Remembered) -> bool:
    """Whether a fact of this id stands before another in canonical order."""
    if each.at != other.at:
        return each.at < other.at
    if each.rank != other.rank or each.rank == ON_ARRIVAL:
        return each.rank < other.rank
    return fact_id < id_of(other.fact)


def place_in(past: Past, each: Remembered, fact_id: str) -> int:
    """The index that a late fact takes among the facts of a past."""
    place = len(past.facts)
    while place and is_before(each, fact_id, past.facts[place - 1]):
        place -= 1
    return place


def remember(account: Account, each: Remembered, size: int, place: int | None = None) -> None:
    """Add a fact of about this size that was just decided, as the last or in its place. After one
    too large to keep nothing is taken back.
    """
    past = account.past[-1]
    past.facts.insert(len(past.facts) if place is None else place, each)
    past.size += size
    if size > KEPT_BYTES:
        account.past.clear()


def given_by(fact: AnyFact, events: Sequence[AnyPointsEvent]) -> int:
    """The points that a fact gave or took by itself, whatever time did on the way to it; of a
    request the rewards that it was granted.
    """
    if type(fact) is RedemptionRequested:
        earned = (event for event in events if isinstance(event, RewardEarned))
        return sum(event.request == fact.request for event in earned)
    given = 0
    for event in events:
        if type(event) is PointsEarned:
            if event.cause.trigger != ANNIVERSARY:
                given += event.points
        elif type(event) is PointsReversed:
            given -= event.points
        elif type(event) is PointsAdjusted:
            given += event.points
    return given


def follow(account: Account, events: Sequence[AnyPointsEvent]) -> None:
    """After something was decided: what the newest past must keep of rewards."""
    past = account.past[-1]
    for event in events:
        if type(event) is RewardEarned:
            past.fired += ((event.reward, ordinal_of(event.reward_id)),)
        elif type(event) is RewardRevoked:
            past.ended += ((event.reward, ordinal_of(event.reward_id)),)


def firings(pasts: Sequence[Past]) -> tuple[list[Firing], list[Firing]]:
    """The rewards fired since the first of the pasts that stand, and the older ones that ended."""
    fired = [firing for past in pasts for firing in past.fired]
    ended = [firing for past in pasts for firing in past.ended]
    standing = [firing for firing in fired if firing not in ended]
    return standing, [firing for firing in ended if firing not in fired]


def rewind(account: Account, index: int) -> Account:
    """A copy of the account as it was at its past of this index, with the pasts up to that."""
    payments = account.memory.payments
    for past in reversed(account.past[index:]):
        payments = _payments_of(past, payments)
    past = account.past[index]
    earlier = decode_core(past.core)
    earlier.memory.payments = payments
    earlier.past = [*account.past[:index], Past(past.clock, past.core, len(payments))]
    return earlier


def _as_it_is(account: Account, core: bytes) -> Past:
    memory = account.memory
    if not core:
        core = encode_core(account) if account.ledger.sequence else _FRESH
    return Past(memory.clock, core, len(memory.payments))


def _payments_of(past: Past, after: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """The payments of the past, in full, by those of the account that came after it."""
    changed = past.changed or {}
    return [
        changed[place] if place in changed else after[place - past.dropped]
        for place in range(past.payments)
    ]
