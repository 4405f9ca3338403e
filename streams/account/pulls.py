"""Pulls that a rule counts: it earns at the N-th, at each N-th, or after N in a row. PURE.

A pull counts where the rule's condition holds, whatever comes of it, and what was earned belongs to
the pull that completed the number. A payment that was given back whole counts no longer, but makes
no number earn a second time that earned already and still stands.
"""

from collections.abc import Mapping

from streams.account.compiled import CompiledProgram, CompiledRule
from streams.account.state import Counter, Memory
from streams.account.turn import Turn


def count(turn: Turn, rule: CompiledRule, counter: Counter) -> int:
    """Count this pull. Returns which one it was where the rule earns at it, else 0 with a note."""
    if rule.streak and (turn.payment is None or turn.payment.amount_minor <= 0):
        turn.note("pull_not_counted", f"{rule.id}: a payment of nothing counts in no streak")
        return 0
    counter.pulls += 1
    number = counter.pulls
    earns = _earns(rule, counter, number)
    if turn.payment is not None:
        turn.counted[rule.id] = earns
    if not earns:
        turn.note("pull_counted", f"{rule.id}: this was number {number}, it earns {_when(rule)}")
        return 0
    if rule.streak:
        counter.pulls = 0
    else:
        counter.earned_pull = number
    return number


def _earns(rule: CompiledRule, counter: Counter, number: int) -> bool:
    if rule.streak:
        return number >= rule.streak
    if number <= counter.earned_pull:
        return False
    return number == rule.nth if rule.nth else number % rule.every == 0


def _when(rule: CompiledRule) -> str:
    if rule.streak:
        return f"after {rule.streak} in a row"
    return f"at number {rule.nth} only" if rule.nth else f"at every {rule.every}"


def uncount(memory: Memory, pulls: Mapping[str, bool]) -> None:
    """Rules that counted a pull, and whether they earned at it: it is undone."""
    for rule, earned in pulls.items():
        counter = memory.counters.get(rule)
        if counter is not None:
            counter.pulls = max(0, counter.pulls - 1)
            counter.earned_pull = max(0, counter.earned_pull - int(earned))


def end_streaks(turn: Turn, program: CompiledProgram) -> None:
    """A payment was not on time: every run begins anew."""
    for rule in program.streaks:
        counter = turn.memory.counters.get(rule.id)
        if counter is not None and counter.pulls:
            turn.note("streak_ended", f"{rule.id}: the payment was not on time")
            counter.pulls = 0
