"""Pulls that a rule counts, found by counting those that stand; and runs of payments on time."""

from schemas.program.rules import EarnRule
from tests.oracle.book import Book, Pull
from tests.oracle.step import Step


def count(step: Step, rule: EarnRule) -> int:
    """Count this pull; returns which one it was where the rule earns at it, else 0."""
    return _in_a_row(step, rule) if rule.streak else _of_all(step, rule)


def _of_all(step: Step, rule: EarnRule) -> int:
    """No number earns again while what it earned before stands."""
    standing = [pull for pull in step.book.pulls if pull.rule == rule.id and pull.stands]
    number = len(standing) + 1
    awards = sum(pull.earned for pull in standing)
    if rule.nth:
        earns = number == rule.nth and awards == 0
    else:
        assert rule.every is not None
        earns = number % rule.every == 0 and awards < number // rule.every
    step.book.pulls.append(Pull(rule.id, step.key, earns))
    return number if earns else 0


def _in_a_row(step: Step, rule: EarnRule) -> int:
    payment, running = step.payment, step.book.running
    if payment is None or payment.amount_minor <= 0:
        return 0
    number = running.get(rule.id, 0) + 1
    earns = number == rule.streak
    running[rule.id] = 0 if earns else number
    step.book.pulls.append(Pull(rule.id, step.key, earns))
    return number if earns else 0


def end_streaks(book: Book) -> None:
    book.running.clear()


def uncount(book: Book, fact: str, rules: set[str] | None = None) -> None:
    """What a fact pulled counts no more, nor towards the run that goes on now."""
    for pull in book.pulls:
        if pull.fact == fact and pull.stands and (rules is None or pull.rule in rules):
            pull.stands = False
            book.running[pull.rule] = max(0, book.running.get(pull.rule, 0) - 1)
