"""Lots in debit order: promotional first, then soonest to expire, oldest, by id. PURE."""

from collections.abc import Iterable

from schemas import ids
from schemas.points import LotChange
from streams.account.state import NEVER, STANDARD, Lot


def insert(lots: list[Lot], lot: Lot) -> None:
    """Keep `lots` in debit order. Mostly the newest is among the last to be spent."""
    place = len(lots)
    while place and _goes_before(lot, lots[place - 1]):
        place -= 1
    lots.insert(place, lot)


def _goes_before(lot: Lot, other: Lot) -> bool:
    """As their `debit_order` says."""
    if lot.priority != other.priority:
        return lot.priority < other.priority
    if lot.expires_at != other.expires_at:
        return other.expires_at == NEVER or NEVER != lot.expires_at < other.expires_at
    if lot.earned_at != other.earned_at:
        return lot.earned_at < other.earned_at
    return lot.id < other.id


def soonest_expiry(lots: list[Lot]) -> int:
    """When the first of the lots that are spendable expires, NEVER where none does.

    Within a priority that is the first that is spendable, so mostly one lot is looked at.
    """
    soonest, done = NEVER, -1
    for lot in lots:
        if lot.priority == done or not lot.active:
            continue
        done, expires_at = lot.priority, lot.expires_at
        if expires_at and (not soonest or expires_at < soonest):
            soonest = expires_at
        if done == STANDARD:
            break
    return soonest


def find(lots: list[Lot], lot_id: int) -> Lot | None:
    for lot in lots:
        if lot.id == lot_id:
            return lot
    return None


def put_back(lots: list[Lot], piece: Lot, points: int) -> None:
    """Give points back to the lot they came from, with its dates, opening it again if it closed."""
    lot = find(lots, piece.id)
    if lot is not None:
        lot.points += points
    else:
        insert(lots, piece.piece(points))


def expire_later(lots: list[Lot], lot: Lot, expires_at: int) -> None:
    """Move a lot's expiry, and with it its place in the order."""
    lots.remove(lot)
    lot.expires_at = expires_at
    insert(lots, lot)


def expire_all_later(lots: list[Lot], moved: set[int], expires_at: int) -> None:
    """Move the expiry of the lots of these numbers, each of which is open."""
    found = [lot for lot in lots if lot.id in moved]
    assert len(found) == len(moved), "only open lots live longer"
    for lot in found:
        lot.expires_at = expires_at
    lots.sort(key=Lot.debit_order)


def take(lots: list[Lot], changes: Iterable[LotChange]) -> list[Lot]:
    """Remove points from lots and return the pieces removed. An emptied lot drops out."""
    pieces = []
    for change in changes:
        lot, points = find(lots, ids.lot_number(change.lot)), change.points
        assert lot is not None, f"lot {change.lot} is not open"
        left = lot.points - points
        assert left >= 0 < points, f"lot {change.lot} would go negative"
        lot.points = left
        pieces.append(lot.piece(points))
        if left == 0:
            lots.remove(lot)
    return pieces


def plan(lots: list[Lot], points: int, taken: dict[int, int], *, active: bool) -> int:
    """Add to `taken` what a debit takes of each lot, in debit order; returns what is not found."""
    for lot in lots:
        if points == 0:
            break
        if lot.active is active:
            number = lot.id
            before = taken.get(number, 0)
            part = min(points, lot.points - before)
            if part > 0:
                taken[number] = before + part
                points -= part
    return points


def changes_of(taken: dict[int, int]) -> tuple[LotChange, ...]:
    # A list first: compiled, a generator costs more than what it makes.
    return tuple([LotChange(lot=ids.lot_text(lot), points=each) for lot, each in taken.items()])
