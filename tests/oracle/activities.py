"""What time and activities do to lots that are there: activate, void, expire, extend, remind."""

from collections.abc import Sequence

from schemas.program.model import Program
from schemas.program.rules import Expiry
from tests.oracle import wall
from tests.oracle.book import EXPIRED, Lot, Move
from tests.oracle.step import Step


def does(step: Step, triggers: Sequence[str]) -> None:
    """All the triggers that one fact pulls, before any rule earns."""
    step.pulled += triggers
    done = {(trigger, step.event if trigger == "custom" else None) for trigger in triggers}
    waiting = [lot for lot in step.book.open_lots(active=False) if lot.waits_for in done]
    for lot in sorted(waiting, key=Lot.age):
        if lot.earned_at <= step.at < lot.available_at:
            lot.available_at, lot.waits_for = step.at, None
            lot.expires_at = step.expires_at(step.at)
            activate(step, lot, expires_at=lot.expires_at)
    if done & extended_by(step.program.expiry):
        extend(step)


def extended_by(expiry: Expiry | None) -> set[tuple[str, str | None]]:
    by = expiry.extended_by if expiry else None
    if by is None:
        return set()
    return {*((trigger, None) for trigger in by.on), *(("custom", name) for name in by.events)}


def listens_to(program: Program, trigger: str) -> bool:
    """Whether anything of a program is about the trigger."""
    heard = {rule.on for rule in program.earn}
    heard |= {reward.when.on for reward in program.rewards if reward.when.on}
    heard |= {rule.activate_on.on for rule in program.earn if rule.activate_on}
    return trigger in heard or (trigger, None) in extended_by(program.expiry)


def extend(step: Step) -> None:
    """Every spendable lot that expires lives at least as long as one that begins now."""
    book, until = step.book, step.expires_at(step.at)
    assert until is not None
    lots = [lot for lot in book.open_lots(active=True) if lot.expires_at and lot.expires_at < until]
    for lot in lots:
        lot.expires_at = until
    if lots:
        moved = {lot.id: book.left(lot) for lot in lots}
        book.tell("PointsExtended", step.at, lots=moved, expires_at=until)


def activate(step: Step, lot: Lot, *, expires_at: int | None = None) -> None:
    points = step.book.left(lot)
    lot.active, step.credited, step.activated = True, True, lot.id
    absorbed = step.book.fill_deficit(lot, points)
    step.book.tell(
        "PointsActivated",
        step.at,
        lot=lot.id,
        points=points,
        absorbed=absorbed,
        expires_at=expires_at,
    )


def come_due(step: Step) -> None:
    """Pending lots whose time has come: those that waited for an activity did so in vain."""
    due = [lot for lot in step.book.open_lots(active=False) if lot.available_at <= step.at]
    for lot in sorted(due, key=Lot.age):
        if lot.waits_for is None:
            activate(step, lot)
    lose(step, [lot for lot in due if lot.waits_for is not None], "voided")
    lots = step.book.open_lots(active=True)
    lose(step, [lot for lot in lots if lot.expires_at and lot.expires_at <= step.at], "expired")


def lose(step: Step, due: list[Lot], reason: str) -> None:
    book = step.book
    lots = {lot.id: book.left(lot) for lot in due}
    book.moves += [Move(lot, -points, EXPIRED) for lot, points in lots.items()]
    if lots:
        book.tell("PointsExpired", step.at, lots=lots, reason=reason)


def reminders_due(step: Step) -> list[tuple[int, int]]:
    """(when to tell, expiry) of every instant at which points expire that was not told of yet."""
    expiry, book = step.program.expiry, step.book
    if expiry is None or expiry.remind is None:
        return []
    ends = {lot.expires_at for lot in book.open_lots(active=True) if lot.expires_at}
    return [
        (max(step.at, wall.earlier(end, expiry.remind, step.zone)), end)
        for end in sorted(ends - book.reminded)
    ]


def remind(step: Step) -> None:
    book = step.book
    for remind_at, end in reminders_due(step):
        if remind_at <= step.at:
            lots = [lot for lot in book.open_lots(active=True) if lot.expires_at == end]
            book.reminded.add(end)
            left = {lot.id: book.left(lot) for lot in lots}
            book.tell("PointsExpiringSoon", step.at, lots=left, expires_at=end)
