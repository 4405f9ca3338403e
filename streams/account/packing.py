"""Facts as an account keeps them for some days: a third of what they are on the topic. PURE.

Every account keeps a few at all times. What the account knows anyway is left out, and the `source`,
which only a fact's own events name.
"""

from typing import Any, get_args

import msgspec
from msgspec.structs import astuple

from schemas.facts import AnyFact, Fact, Line, Subscription

_HEAD = ("id", "site", "customer", "occurred_at", "source", "v")
_OWN = len(_HEAD)
"""Where a fact's own fields begin."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Any, ...]).decode


def _names(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(kind))


_KINDS: tuple[Any, ...] = get_args(AnyFact)
_NUMBERS: dict[type, int] = {kind: number for number, kind in enumerate(_KINDS)}
_FIELDS = [_names(kind)[_OWN:] for kind in _KINDS]
_SUBSCRIPTIONS = [
    names.index("subscription") if "subscription" in names else -1 for names in _FIELDS
]
_SUBSCRIPTION, _LINE = _names(Subscription), _names(Line)
_LINES = _SUBSCRIPTION.index("lines")

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


def unpack(data: bytes, like: Fact) -> AnyFact:
    """The fact that was packed, of the account that `like` is about."""
    number, fact_id, occurred_at, *own = _decode(data)
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


def id_of(data: bytes) -> str:
    """The natural key of a packed fact."""
    fact_id: str = _decode(data)[1]
    return fact_id
