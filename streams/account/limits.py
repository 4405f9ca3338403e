"""Counters of rules and rewards: caps, limits and cooldowns per calendar period, undone too. PURE.

A counter keeps the newest periods only: enough for facts that come some days late.
"""

from typing import Final

from streams.account.compiled import CompiledLimit, CompiledProgram
from streams.account.state import Counter

KEPT_PERIODS: Final = 8
"""A daily cap stays exact for facts up to this many active days late."""


def add(periods: dict[int, int] | None, key: int, amount: int) -> dict[int, int] | None:
    """Add to a calendar period (or take from it), never below zero; the oldest is forgotten."""
    if periods is None:
        return {key: amount} if amount > 0 else None
    if key in periods:
        periods[key] = max(0, periods[key] + amount)
    elif amount > 0:
        periods[key] = amount
        if len(periods) > KEPT_PERIODS:
            del periods[min(periods)]
    return periods


def used_in(periods: dict[int, int] | None, key: int) -> int:
    """What was added to a calendar period."""
    return periods.get(key, 0) if periods else 0


def refusal(
    limit: CompiledLimit, counter: Counter, at: int, program: CompiledProgram
) -> str | None:
    """Why the limit does not allow one more at this instant, or None if it does."""
    if (
        limit.cooldown is not None
        and counter.count
        and (at < program.later(counter.last_at, limit.cooldown))
    ):
        return "the cooldown since the last time is not over"
    if limit.count is None:
        return None
    if limit.per is None:
        if counter.count >= limit.count:
            return f"at most {limit.count} ever"
    elif used_in(counter.counts, program.period_key(at, limit.per)) >= limit.count:
        return f"at most {limit.count} per {limit.per}"
    return None


def count(limit: CompiledLimit, counter: Counter, at: int, program: CompiledProgram) -> None:
    counter.count += 1
    counter.before_at = max(counter.before_at, min(counter.last_at, at))
    counter.last_at = max(counter.last_at, at)
    if limit.per is not None:
        counter.counts = add(counter.counts, program.period_key(at, limit.per), 1)


def uncount(limit: CompiledLimit, counter: Counter, at: int, program: CompiledProgram) -> None:
    """What was counted at the instant was undone: it may happen once more.

    A cooldown then counts from the time before, as far as that is known: one time back.
    """
    counter.count = max(0, counter.count - 1)
    if at == counter.last_at:
        counter.last_at = counter.before_at
    if limit.per is not None:
        counter.counts = add(counter.counts, program.period_key(at, limit.per), -1)
