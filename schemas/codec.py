"""Messages to bytes and back, with versions and upcasting. PURE.

A message names its `type` and `v`. An older version is lifted, step by step, by the upcasters
below; a type or version this code does not know is a `DecodeError`, never a guess.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from schemas.custom import CustomEvent
from schemas.facts import AnyFact
from schemas.points import AnyPointsEvent
from schemas.rewards import AnyRewardCommand

Message = TypeVar("Message", bound=msgspec.Struct)
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

CURRENT_VERSION = 1
"""The version every type is written in. A type that moves on gets an entry in its codec's
`versions` and an upcaster from the version it leaves."""


class DecodeError(ValueError):
    """The bytes are not a message this code knows."""


class Codec(Generic[Message]):
    """Encodes and decodes one tagged union of messages.

    `versions` holds the current version of types that left version 1; `upcasters` lifts
    `(type, version)` to the next version.
    """

    def __init__(
        self,
        union: Any,
        versions: Mapping[str, int] | None = None,
        upcasters: Mapping[tuple[str, int], Upcaster] | None = None,
    ) -> None:
        self._union = union
        self._decoder = msgspec.json.Decoder(union)
        self._encoder = msgspec.json.Encoder()
        self._versions = versions or {}
        self._upcasters = upcasters or {}

    def encode(self, message: Message) -> bytes:
        return self._encoder.encode(message)

    def decode(self, data: bytes) -> Message:
        """Raises `DecodeError`: broken JSON, an unknown type, a wrong shape or a newer version."""
        try:
            message: Message = self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return self._decode_older(data, error)
        if message.v == self._current(type(message).__name__):  # type: ignore[attr-defined]
            return message
        return self._decode_older(data, None)

    def _current(self, tag: str) -> int:
        return self._versions.get(tag, CURRENT_VERSION)

    def _decode_older(self, data: bytes, error: Exception | None) -> Message:
        try:
            document = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as broken:
            raise DecodeError(f"not JSON: {broken}") from broken
        if not isinstance(document, dict):
            raise DecodeError("not a JSON object")
        tag, version = document.get("type"), document.get("v")
        if not isinstance(tag, str) or type(version) is not int:
            raise DecodeError("the message does not say its `type` and `v`") from error
        if version > self._current(tag):
            raise DecodeError(f"{tag} version {version} is newer than this code knows")
        if version == self._current(tag):
            raise DecodeError(f"{tag}: {error}") from error
        while version < self._current(tag):
            upcast = self._upcasters.get((tag, version))
            if upcast is None:
                raise DecodeError(f"{tag} version {version} has no upcaster")
            document, version = upcast(document), version + 1
            document["v"] = version
        try:
            return msgspec.convert(document, self._union)  # type: ignore[no-any-return]
        except msgspec.ValidationError as wrong:
            raise DecodeError(f"{tag}: {wrong}") from wrong


FACTS: Codec[AnyFact] = Codec(AnyFact)
POINTS: Codec[AnyPointsEvent] = Codec(AnyPointsEvent)
REWARDS: Codec[AnyRewardCommand] = Codec(AnyRewardCommand)

_custom_decoder = msgspec.json.Decoder(CustomEvent)


def decode_custom(data: bytes) -> CustomEvent:
    """Raises `DecodeError`; unknown keys are refused, so that a misspelt key is not lost."""
    try:
        return _custom_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(str(error)) from error
