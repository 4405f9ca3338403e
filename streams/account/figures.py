"""An account's balance and its pending points: what its lots hold, and never stored apart. PURE."""

from streams.account.state import Ledger


def figures_of(ledger: Ledger) -> tuple[int, int]:
    """Balance and pending points. The balance is spendable: what active lots hold, less the
    deficit.
    """
    balance, pending = -ledger.deficit, 0
    for lot in ledger.lots:
        if lot.active:
            balance += lot.points
        else:
            pending += lot.points
    return balance, pending


def balance_of(ledger: Ledger) -> int:
    return figures_of(ledger)[0]


def pending_of(ledger: Ledger) -> int:
    return figures_of(ledger)[1]
