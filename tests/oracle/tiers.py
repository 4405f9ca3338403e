"""Tiers: what counts is a list of (instant, value), a basis the sum of those in the window."""

from dataclasses import dataclass, field

from schemas.program.model import Tiers
from tests.oracle import wall
from tests.oracle.book import Qualified
from tests.oracle.step import Step


@dataclass
class Standing:
    """What the present tier rests on: what was counted when it was reached or last reviewed."""

    rests_on: list[Qualified] = field(default_factory=list)
    needs: int = 0
    review_at: int | None = None


def counts_at(step: Step, each: Qualified, at: int, *, closing: bool = False) -> bool:
    """Whether it is in the window at an instant, or at the end of a year in that year."""
    tiers = step.program.tiers
    assert tiers is not None
    if tiers.window == "lifetime":
        return True
    if tiers.window == "calendar_year":
        year = wall.local(at - 1 if closing else at, step.zone).year
        return wall.local(each.at, step.zone).year == year
    return wall.later(each.at, tiers.window, step.zone) > at


def counted(step: Step, at: int, *, closing: bool = False) -> list[Qualified]:
    return [each for each in step.book.qualified if counts_at(step, each, at, closing=closing)]


def total(found: list[Qualified]) -> int:
    return sum(each.stands for each in found)


def qualify(step: Step) -> None:
    """Count what this step earned, or paid, as the program's basis says."""
    tiers, payment = step.program.tiers, step.payment
    if tiers is None:
        return
    if tiers.basis == "points_earned":
        value = sum(gift.points for gift in step.gifts)
    elif payment is not None and payment.currency == tiers.currency:
        value = payment.amount_minor
    else:
        return
    step.book.qualified.append(Qualified(step.key, step.at, value))


def level_for(tiers: Tiers, basis: int) -> int:
    return max(index for index, level in enumerate(tiers.levels) if basis >= level.at)


def present_level(step: Step, otherwise: int = 0) -> int:
    tiers = step.program.tiers
    assert tiers is not None
    ids = [level.id for level in tiers.levels]
    return ids.index(step.book.tier) if step.book.tier in ids else otherwise


def upgrade(step: Step, standing: Standing) -> None:
    tiers = step.program.tiers
    if tiers is None:
        return
    found = counted(step, step.at)
    reached = level_for(tiers, total(found))
    if reached > present_level(step, otherwise=-1):
        move(step, standing, reached, found, total(found))


def review(step: Step, standing: Standing) -> None:
    tiers = step.program.tiers
    assert tiers is not None
    standing.review_at = None
    found = counted(step, step.at, closing=tiers.window == "calendar_year")
    supported, present = level_for(tiers, total(found)), present_level(step)
    if supported >= present:
        rest(step, standing, present, found)
        standing.review_at = next_review(step, present)
        return
    target = present - 1 if tiers.downgrade == "one_down" else supported
    move(step, standing, target, found, total(found))


def undo(step: Step, standing: Standing, fact: str, value: int) -> None:
    """A refund took `value` off what a fact counted: a tier that rested on it is lost at once."""
    tiers = step.program.tiers
    if tiers is None or value <= 0:
        return
    for each in step.book.qualified:
        if each.fact == fact:
            each.undone += value
    now = counted(step, step.at)
    carries = max(standing.rests_on, now, key=total)
    if total(carries) >= standing.needs:
        return
    reached = level_for(tiers, total(carries))
    if reached < present_level(step):
        move(step, standing, reached, carries, total(carries))


def next_review(step: Step, level: int) -> int | None:
    tiers = step.program.tiers
    assert tiers is not None
    if level == 0 or tiers.downgrade == "never" or tiers.window == "lifetime":
        return None
    if tiers.window == "calendar_year":
        return wall.end_of(step.at, "year", step.zone)
    return wall.later(step.at, tiers.window, step.zone)


def rest(step: Step, standing: Standing, level: int, found: list[Qualified]) -> None:
    """A level that the basis does not reach is kept by grace, and no refund takes that away."""
    tiers = step.program.tiers
    assert tiers is not None
    standing.rests_on = found
    standing.needs = tiers.levels[level].at if total(found) >= tiers.levels[level].at else 0


def move(step: Step, standing: Standing, level: int, found: list[Qualified], basis: int) -> None:
    book, tiers = step.book, step.program.tiers
    assert tiers is not None
    before, after = book.tier, tiers.levels[level].id
    up = level > present_level(step, otherwise=-1)
    book.tier = after
    book.tell("TierChanged", step.at, from_tier=before, to_tier=after, basis=basis)
    rest(step, standing, level, found)
    standing.review_at = next_review(step, level)
    step.entered.append((after, up))
    for firing in book.firings:
        if firing.tier not in (None, after):
            firing.tier = None
            book.tell("RewardRevoked", step.at, reward=firing.reward, ordinal=firing.ordinal)
