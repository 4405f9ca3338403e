"""Pulls that a rule counts: it earns at the N-th, at each N-th, or after N in a row. PURE.

A pull counts where the rule's condition holds, whatever comes of it, and what was earned belongs to
the pull that completed the number. A payment that was given back whole counts no longer, but makes
no number earn a second time that earned already and still stands.
"""

from collections.abc import Mapping

from streams.account.compiled import CompiledProgram, CompiledRule
from streams.account.state import Memory, Pulls
from streams.account.turn import Turn


def count(turn: Turn, rule: CompiledRule) -> int:
    """Count this pull. Returns which one it was where the rule earns at it, else 0 with a note."""
    if rule.streak and (turn.payment is None or turn.payment.amount_minor <= 0):
        turn.note("pull_not_counted", f"{rule.id}: a payment of nothing counts in no streak")
        return 0
    pulls = turn.memory.pulls.setdefault(rule.id, Pulls())
    pulls.count += 1
    number = pulls.count
    earns = _earns(rule, pulls, number)
    if turn.payment is not None:
        turn.counted[rule.id] = earns
    if not earns:
        turn.note("pull_counted", f"{rule.id}: this was number {number}, it earns {_when(rule)}")
        return 0
    if rule.streak:
        pulls.count = 0
        return rule.streak
    pulls.earned = max(pulls.earned, number)
    pulls.awards += 1
    return number


def _earns(rule: CompiledRule, pulls: Pulls, number: int) -> bool:
    if rule.streak:
        return number >= rule.streak
    if number != rule.nth if rule.nth else number % rule.every:
        return False
    # Refunds count back: a number that earned before is due again where an award too few stands.
    due = 1 if rule.nth else number // rule.every
    return number > pulls.earned or pulls.awards < due


def _when(rule: CompiledRule) -> str:
    if rule.streak:
        return f"after {rule.streak} in a row"
    return f"at number {rule.nth} only" if rule.nth else f"at every {rule.every}"


def uncount(memory: Memory, counted: Mapping[str, bool]) -> None:
    """A pull was undone: take it off the rules that counted it, `counted` says who earned at it."""
    for rule, earned in counted.items():
        pulls = memory.pulls.get(rule)
        if pulls is not None:
            pulls.count = max(0, pulls.count - 1)
            pulls.awards = max(0, pulls.awards - int(earned))


def end_streaks(turn: Turn, program: CompiledProgram) -> None:
    """A payment was not on time: every run begins anew."""
    for rule in program.streaks:
        pulls = turn.memory.pulls.get(rule.id)
        if pulls is not None and pulls.count:
            turn.note("streak_ended", f"{rule.id}: the payment was not on time")
            pulls.count = 0
