"""Tiers: what counts is a list of (instant, value), a basis the sum of those in the window."""

from dataclasses import dataclass, field
from datetime import date, datetime, time

from dateutil.relativedelta import relativedelta

from schemas.program.tiers import Tiers
from tests.oracle import wall
from tests.oracle.book import Qualified
from tests.oracle.rewards import leave_tier
from tests.oracle.step import Step


@dataclass
class Standing:
    """What the present tier rests on: what was counted when it was reached or last reviewed.

    A review that was put off failed first at `failed_at`. `held` is the tier by hand, for good
    where `held_until` is None.
    """

    rests_on: list[Qualified] = field(default_factory=list)
    needs: int = 0
    since: int = 0
    review_at: int | None = None
    failed_at: int | None = None
    graced: bool = False
    held: str = ""
    held_until: int | None = None
    joined_at: int | None = None

    def joins(self, at: int) -> None:
        """With the earliest of its facts, whichever came first."""
        self.joined_at = at if self.joined_at is None else min(self.joined_at, at)

    def due(self) -> list[int]:
        held_until = self.held_until if self.held else None
        return [at for at in (self.review_at, held_until) if at is not None]

    def floor(self, step: Step) -> int:
        """The lowest level that time and refunds lead to."""
        holds = self.held and (self.held_until is None or self.held_until > step.at)
        return level_ids(step).index(self.held) if holds else 0


def level_ids(step: Step) -> list[str]:
    tiers = step.program.tiers
    return [level.id for level in tiers.levels] if tiers else []


def year_of(step: Step, standing: Standing, at: int) -> tuple[date, date]:
    """The local days on which the year begins that holds an instant, and the next one."""
    tiers, today = step.program.tiers, wall.local(at, step.zone).date()
    assert tiers is not None
    assert standing.joined_at is not None
    first = wall.local(standing.joined_at, step.zone).date()
    if tiers.window == "calendar_year":
        first = first.replace(month=1, day=1)
    years = 0
    while first + relativedelta(years=years + 1) <= today:
        years += 1
    return first + relativedelta(years=years), first + relativedelta(years=years + 1)


def is_yearly(tiers: Tiers) -> bool:
    return tiers.window in {"calendar_year", "membership_year"}


def counts_at(
    step: Step, standing: Standing, each: Qualified, *, year_at: int | None = None
) -> bool:
    """Whether it counts now, or as from the beginning of the year that holds `year_at`."""
    tiers = step.program.tiers
    assert tiers is not None
    if tiers.window == "lifetime":
        return True
    if is_yearly(tiers):
        began, _ = year_of(step, standing, step.at if year_at is None else year_at)
        return wall.local(each.at, step.zone).date() >= began
    return wall.later(each.at, tiers.window, step.zone) > step.at


def counted(step: Step, standing: Standing, *, year_at: int | None = None) -> list[Qualified]:
    return [
        each for each in step.book.qualified if counts_at(step, standing, each, year_at=year_at)
    ]


def total(found: list[Qualified]) -> int:
    return sum(each.stands for each in found)


def qualify(step: Step) -> None:
    """Count what this step earned, or paid, as the program's basis says."""
    tiers, payment = step.program.tiers, step.payment
    if tiers is None or step.program.retired:
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
    ids = level_ids(step)
    return ids.index(step.book.tier) if step.book.tier in ids else otherwise


def upgrade(step: Step, standing: Standing) -> None:
    tiers = step.program.tiers
    if tiers is None or step.program.retired:
        return
    found = counted(step, standing)
    reached = max(level_for(tiers, total(found)), standing.floor(step))
    if reached > present_level(step, otherwise=-1):
        move(step, standing, reached, found)


def is_reviewed(step: Step) -> bool:
    """Whether time leads down."""
    tiers = step.program.tiers
    return (
        tiers is not None
        and not step.program.retired
        and tiers.downgrade != "never"
        and tiers.window != "lifetime"
    )


def stays_until(step: Step, standing: Standing) -> int:
    tiers = step.program.tiers
    if tiers is None or tiers.minimum_stay is None:
        return 0
    return wall.later(standing.since, tiers.minimum_stay, step.zone)


def review(step: Step, standing: Standing) -> None:
    """What time does about the tier: end a hold, then keep the tier or lead down."""
    if standing.held and standing.held_until is not None and standing.held_until <= step.at:
        end_hold(step, standing)
    if standing.review_at is not None and standing.review_at <= step.at:
        review_basis(step, standing)


def end_hold(step: Step, standing: Standing) -> None:
    """The tier that was only held goes at once, to what the basis supports."""
    tiers = step.program.tiers
    assert tiers is not None
    held, standing.held, standing.held_until = standing.held, "", None
    if step.book.tier != held or step.program.retired:
        return
    found, present = counted(step, standing), present_level(step)
    supported = level_for(tiers, total(found))
    if supported < present:
        move(step, standing, supported, found)
    else:
        keep(step, standing, present, found)


def keep(step: Step, standing: Standing, level: int, found: list[Qualified]) -> None:
    rest(step, standing, level, found)
    standing.review_at = next_review(step, standing, level)


def review_basis(step: Step, standing: Standing) -> None:
    """A drop is put off to the end of the minimum stay, and then once by grace.

    A year that was put off may still be reached by what came since.
    """
    tiers = step.program.tiers
    assert tiers is not None
    failed_at, graced = standing.failed_at, standing.graced
    standing.review_at, standing.failed_at, standing.graced = None, None, False
    year_ends = failed_at if failed_at is not None else step.at
    found = counted(step, standing, year_at=year_ends - 1)
    present, floor = present_level(step), standing.floor(step)
    supported = level_for(tiers, total(found))
    if not is_reviewed(step):
        # Time does not lead down here: a refund did, and the minimum stay has put it off.
        found = max(found, standing.rests_on, key=total)
        supported = present if total(found) >= standing.needs else level_for(tiers, total(found))
    if max(supported, floor) >= present:
        keep(step, standing, present, found)
        return
    until = stays_until(step, standing)
    graces = until <= step.at and not graced and is_reviewed(step) and tiers.grace is not None
    if graces and tiers.grace is not None:
        until = wall.later(step.at, tiers.grace, step.zone)
    if until > step.at:
        standing.failed_at = failed_at if failed_at is not None else step.at
        standing.graced, standing.review_at = graces, until
        rest(step, standing, present, found)
        return
    target = present - 1 if tiers.downgrade == "one_down" else supported
    move(step, standing, max(target, floor), found)


def assign(step: Step, standing: Standing, tier: str, until: int | None) -> None:
    """By hand: held there at least so long."""
    if tier not in level_ids(step) or (until is not None and until <= step.at):
        return
    standing.held, standing.held_until = tier, until
    move(step, standing, level_ids(step).index(tier), counted(step, standing))


@dataclass
class Loss:
    """The level that a refund leads down to, and what still carries that one."""

    level: int
    carries: list[Qualified]


def undo(step: Step, standing: Standing, fact: str, value: int) -> Loss | None:
    """A refund takes `value` off what a fact counted: a tier that rested on it is lost at once."""
    tiers = step.program.tiers
    if tiers is None or value <= 0:
        return None
    for each in step.book.qualified:
        if each.fact == fact:
            each.undone += value
    carries = max(standing.rests_on, counted(step, standing), key=total)
    if total(carries) >= standing.needs:
        return None
    reached = max(level_for(tiers, total(carries)), standing.floor(step))
    if reached >= present_level(step):
        return None
    until = stays_until(step, standing)
    if until > step.at:
        standing.review_at = min(until, standing.review_at or until)
        return None
    return Loss(reached, carries)


def lose(step: Step, standing: Standing, loss: Loss | None) -> None:
    if loss is not None:
        move(step, standing, loss.level, loss.carries)


def lost_by(step: Step, loss: Loss | None) -> set[str]:
    tiers = step.program.tiers
    if tiers is None or loss is None:
        return set()
    return {level.id for level in tiers.levels[loss.level + 1 :]}


def next_review(step: Step, standing: Standing, level: int) -> int | None:
    tiers = step.program.tiers
    assert tiers is not None
    if level <= standing.floor(step) or not is_reviewed(step):
        return None
    return leaves_window(step, standing, step.at)


def leaves_window(step: Step, standing: Standing, at: int) -> int:
    """When something of an instant counts no more."""
    tiers = step.program.tiers
    assert tiers is not None
    if is_yearly(tiers):
        _, ends = year_of(step, standing, at)
        return wall.instant(datetime.combine(ends, time()), step.zone)
    return wall.later(at, tiers.window, step.zone)


def review_from_now_on(step: Step, standing: Standing, took_effect_at: int) -> None:
    """A version that reviews, where none did, leaves a whole window from when it took effect. Where
    the account turns out to have joined earlier, the review is at the end of the year it is in.
    """
    tiers, level = step.program.tiers, present_level(step)
    if tiers is None or not is_reviewed(step) or level <= standing.floor(step):
        return
    if standing.review_at is None:
        since = max(standing.since, took_effect_at)
    elif tiers.window == "membership_year" and not ends_year(step, standing):
        since = step.at
    else:
        return
    standing.review_at = max(leaves_window(step, standing, since), step.at + 1)


def ends_year(step: Step, standing: Standing) -> bool:
    """Whether the review is where a year ends, or was put off to the end of something else."""
    at = standing.review_at
    assert at is not None
    put_off = standing.failed_at is not None or total(standing.rests_on) < standing.needs
    return put_off or leaves_window(step, standing, at - 1) == at


def rest(step: Step, standing: Standing, level: int, found: list[Qualified]) -> None:
    """A level that the basis does not reach is kept by grace, and no refund takes that away."""
    tiers = step.program.tiers
    assert tiers is not None
    standing.rests_on = found
    standing.needs = tiers.levels[level].at if total(found) >= tiers.levels[level].at else 0


def move(step: Step, standing: Standing, level: int, found: list[Qualified]) -> None:
    book = step.book
    before, after = book.tier, level_ids(step)[level]
    up = level > present_level(step, otherwise=-1)
    if after != before:
        book.tier, standing.since = after, step.at
    book.tell("TierChanged", step.at, from_tier=before, to_tier=after, basis=total(found))
    keep(step, standing, level, found)
    standing.failed_at, standing.graced = None, False
    if after != before:
        step.entered.append((after, up))
        leave_tier(step)
