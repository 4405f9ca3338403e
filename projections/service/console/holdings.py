"""What a customer has at an instant, from the lots and their dates. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass

from projections.queries import PAGE_MAX
from projections.rows import BalanceRow, LotRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """`next_at` is when the next pending lot becomes spendable, None where none does by itself."""

    balance: int
    pending: int
    next_at: int | None


def hold(account: BalanceRow, lots: Sequence[LotRow], now: int) -> Held:
    """The figures of the last event where there are more lots than are read at once."""
    waiting = [lot.available_at for lot in lots if lot.available_at > now and not lot.waits]
    next_at = min(waiting, default=None)
    if len(lots) >= PAGE_MAX:
        return Held(balance=account.balance, pending=account.pending, next_at=next_at)
    living = [lot for lot in lots if lot.expires_at is None or lot.expires_at > now]
    spendable = [lot for lot in living if lot.available_at <= now and not lot.waits]
    pending = [lot for lot in living if lot.available_at > now]
    return Held(
        balance=sum(lot.remaining for lot in spendable) - account.deficit,
        pending=sum(lot.remaining for lot in pending),
        next_at=next_at,
    )
