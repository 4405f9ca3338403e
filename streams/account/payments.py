"""The payments an account remembers, each left encoded until a refund or an expiry asks. PURE.

They are most of what an account holds, and most facts are about none of them. What is changed or
forgotten of them, the account's newest past keeps as it was.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from schemas import ids
from streams.account.state import Account, Memory, Payment, StoredInstant

KEPT_SECONDS: Final = 2 * 366 * 86_400
"""A payment can be refunded for two years: longer than any card scheme's dispute window."""
MAX_PAYMENTS: Final = 400


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Payment)
_instant_decoder = msgspec.msgpack.Decoder(StoredInstant)


def remember(account: Account, payment: Payment, now: int) -> None:
    """Keep a payment as the newest; those too old or too many to keep are forgotten."""
    kept, oldest = account.memory.payments, now - KEPT_SECONDS
    while kept and (len(kept) >= MAX_PAYMENTS or _instant_decoder.decode(kept[0]).at < oldest):
        _leave_to_past(account, 0)
        del kept[0]
        if account.past:
            account.past[-1].dropped += 1
    kept.append(msgspec.Raw(_encoder.encode(payment)))


def recall(memory: Memory) -> Iterator[tuple[int, Payment]]:
    """Every payment and its place, oldest first. What is changed of one, `keep` puts there."""
    for place, payment in enumerate(memory.payments):
        yield place, _decoder.decode(payment)


def at(memory: Memory, place: int) -> Payment:
    return _decoder.decode(memory.payments[place])


def keep(account: Account, place: int, payment: Payment) -> None:
    _leave_to_past(account, place)
    account.memory.payments[place] = msgspec.Raw(_encoder.encode(payment))


def _leave_to_past(account: Account, place: int) -> None:
    """Let the newest past keep a payment of its own as it was then."""
    if account.past:
        past = account.past[-1]
        then = past.dropped + place
        if then < past.payments:
            past.changed = past.changed or {}
            past.changed.setdefault(then, account.memory.payments[place])


def that_opened(memory: Memory, lot: int) -> str:
    """The natural key of the payment that opened a lot, empty where none did."""
    for _, payment in recall(memory):
        for earning in payment.earnings:
            if earning.lot == lot:
                return ids.payment(payment.transaction, payment.invoice)
    return ""


def note_expired(account: Account, points_of_lots: dict[int, int]) -> None:
    """Points of lots expired: a later refund finds nothing left of them to take."""
    memory = account.memory
    for place, payment in recall(memory):
        expired = [each for each in payment.earnings if each.lot in points_of_lots]
        for earning in expired:
            earning.expired += points_of_lots[earning.lot]
        if expired:
            keep(account, place, payment)
    for upgrade in memory.upgrades:
        upgrade.earning.expired += points_of_lots.get(upgrade.earning.lot, 0)
