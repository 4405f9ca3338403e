"""The payments an account remembers, each left encoded until a refund or an expiry asks. PURE.

They are most of what an account holds, and most facts are about none of them.
"""

from collections.abc import Iterator

import msgspec

from schemas import ids
from streams.account.state import Memory, Payment

KEPT_SECONDS = 2 * 366 * 86_400
"""A payment can be refunded for two years: longer than any card scheme's dispute window."""
MAX_PAYMENTS = 400


class _Instant(msgspec.Struct, array_like=True, gc=False):
    """A payment of which only the instant is read."""

    transaction: msgspec.Raw
    invoice: msgspec.Raw
    at: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Payment)
_instant_decoder = msgspec.msgpack.Decoder(_Instant)


def remember(memory: Memory, payment: Payment, now: int) -> None:
    """Keep a payment as the newest; those too old or too many to keep are forgotten."""
    kept, oldest = memory.payments, now - KEPT_SECONDS
    while kept and (len(kept) >= MAX_PAYMENTS or _instant_decoder.decode(kept[0]).at < oldest):
        del kept[0]
    kept.append(msgspec.Raw(_encoder.encode(payment)))


def recall(memory: Memory) -> Iterator[tuple[int, Payment]]:
    """Every payment and its place, oldest first. What is changed of one, `keep` puts there."""
    for place, payment in enumerate(memory.payments):
        yield place, _decoder.decode(payment)


def at(memory: Memory, place: int) -> Payment:
    return _decoder.decode(memory.payments[place])


def keep(memory: Memory, place: int, payment: Payment) -> None:
    memory.payments[place] = msgspec.Raw(_encoder.encode(payment))


def that_opened(memory: Memory, lot: int) -> str:
    """The natural key of the payment that opened a lot, empty where none did."""
    for _, payment in recall(memory):
        for earning in payment.earnings:
            if earning.lot == lot:
                return ids.payment(payment.transaction, payment.invoice)
    return ""


def note_expired(memory: Memory, points_of_lots: dict[int, int]) -> None:
    """Points of lots expired: a later refund finds nothing left of them to take."""
    for place, payment in recall(memory):
        expired = [each for each in payment.earnings if each.lot in points_of_lots]
        for earning in expired:
            earning.expired += points_of_lots[earning.lot]
        if expired:
            keep(memory, place, payment)
    for upgrade in memory.upgrades:
        upgrade.earning.expired += points_of_lots.get(upgrade.earning.lot, 0)
