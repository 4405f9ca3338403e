"""Facts as an account keeps them for some days: a third of what they are on the topic. PURE.

Every account keeps a few at all times. What the account knows anyway is left out, and the `source`,
which only a fact's own events name.
"""

from typing import Any, Final, get_args

import msgspec
from msgspec.structs import astuple

from schemas.facts import (
    AdjustmentRequested,
    AnyFact,
    CustomEventReceived,
    Fact,
    Line,
    RedemptionCancelled,
    Subscription,
    TierAssigned,
)
from streams.account.past import Remembered

_HEAD: Final = ("id", "site", "customer", "occurred_at", "source", "v")
_OWN: Final = len(_HEAD)
"""Where a fact's own fields begin."""
_TYPICAL: Final = 200
_WORDY: Final = frozenset(
    {CustomEventReceived, AdjustmentRequested, TierAssigned, RedemptionCancelled}
)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Any, ...]).decode


def _names(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(kind))


_KINDS: tuple[Any, ...] = get_args(AnyFact)
_NUMBERS: Final[dict[type, int]] = {kind: number for number, kind in enumerate(_KINDS)}
_FIELDS: Final = [_names(kind)[_OWN:] for kind in _KINDS]
_SUBSCRIPTIONS: Final = [
    names.index("subscription") if "subscription" in names else -1 for names in _FIELDS
]
_SUBSCRIPTION, _LINE = _names(Subscription), _names(Line)
_LINES: Final = _SUBSCRIPTION.index("lines")

assert all(_names(kind)[:_OWN] == _HEAD for kind in _KINDS)


def pack(fact: AnyFact) -> bytes:
    number = _NUMBERS[type(fact)]
    values: tuple[Any, ...] = astuple(fact)
    own = values[_OWN:]
    place = _SUBSCRIPTIONS[number]
    if place >= 0 and own[place] is not None:
        seen: tuple[Any, ...] = astuple(own[place])
        lines = [astuple(line) for line in seen[_LINES]]
        seen = (*seen[:_LINES], lines, *seen[_LINES + 1 :])
        own = (*own[:place], seen, *own[place + 1 :])
    return _encode((number, values[0], values[3], *own))


def unpack(kept: AnyFact | bytes, like: Fact) -> AnyFact:
    """The fact that was packed, of the account that `like` is about."""
    if not isinstance(kept, bytes):
        return kept
    number, fact_id, occurred_at, *own = _decode(kept)
    place = _SUBSCRIPTIONS[number]
    if place >= 0 and own[place] is not None:
        seen = dict(zip(_SUBSCRIPTION, own[place], strict=True))
        seen["lines"] = tuple(Line(**dict(zip(_LINE, line, strict=True))) for line in seen["lines"])
        own[place] = Subscription(**seen)
    fact: AnyFact = _KINDS[number](
        id=fact_id,
        site=like.site,
        customer=like.customer,
        occurred_at=occurred_at,
        **dict(zip(_FIELDS[number], own, strict=True)),
    )
    return fact


def id_of(kept: AnyFact | bytes) -> str:
    """The natural key of a fact that is kept."""
    fact_id: str = _decode(kept)[1] if isinstance(kept, bytes) else kept.id
    return fact_id


def pack_all(facts: list[Remembered]) -> None:
    """Pack those that are not yet."""
    for each in facts:
        kept = each.fact
        if not isinstance(kept, bytes):
            each.fact = pack(kept)


def weight(fact: AnyFact) -> int:
    """About how many bytes a fact takes."""
    if type(fact) not in _WORDY:
        return _TYPICAL
    if isinstance(fact, CustomEventReceived):
        texts = [len(name) for name in fact.properties]
        texts += [len(value) for value in fact.properties.values() if isinstance(value, str)]
        return _TYPICAL + sum(texts)
    if isinstance(fact, AdjustmentRequested | TierAssigned | RedemptionCancelled):
        return _TYPICAL + len(fact.reason)
    return _TYPICAL
