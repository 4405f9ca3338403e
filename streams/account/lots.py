"""Lots in debit order: promotional first, then soonest to expire, oldest, by id. PURE."""

from collections.abc import Iterable

from schemas import ids
from schemas.points import LotChange
from streams.account.state import Lot


def insert(lots: list[Lot], lot: Lot) -> None:
    """Keep `lots` in debit order. A new lot mostly goes last, so the search starts there."""
    order = lot.debit_order()
    index = len(lots)
    while index and lots[index - 1].debit_order() > order:
        index -= 1
    lots.insert(index, lot)


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
        lot = find(lots, ids.lot_number(change.lot))
        assert lot is not None, f"lot {change.lot} is not open"
        assert lot.points >= change.points > 0, f"lot {change.lot} would go negative"
        lot.points -= change.points
        pieces.append(lot.piece(change.points))
        if lot.points == 0:
            lots.remove(lot)
    return pieces


def plan(lots: list[Lot], points: int, taken: dict[int, int], *, active: bool) -> int:
    """Add to `taken` what a debit takes of each lot, in debit order; returns what is not found."""
    for lot in lots:
        if points == 0:
            break
        if lot.active is active:
            part = min(points, lot.points - taken.get(lot.id, 0))
            if part > 0:
                taken[lot.id] = taken.get(lot.id, 0) + part
                points -= part
    return points


def changes_of(taken: dict[int, int]) -> tuple[LotChange, ...]:
    return tuple(LotChange(lot=ids.lot_text(lot), points=points) for lot, points in taken.items())
