"""A dead letter taken apart: the record that it was, and what stands against it. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.dead_letters import DLQ_HEADERS, HEADER_REPLAYS, attempts
from streams.core.batches import Record
from streams.core.ports import Headers

DLQ_SUBJECT = "dlq"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """`timestamp_ms` is when it was buried, in real time. What its headers do not say is empty, and
    −1 of a place. `headers` are those that the record came with, `own_headers` those of the letter.
    """

    partition: int
    offset: int
    timestamp_ms: int
    topic: str
    source_partition: int
    source_offset: int
    class_: str
    error: str
    attempts: int
    code_version: str
    key: bytes | None
    value: bytes = field(repr=False)
    headers: Headers = field(repr=False)
    own_headers: Headers = field(repr=False, default_factory=list)

    @property
    def at(self) -> int:
        """Unix seconds."""
        return self.timestamp_ms // 1000

    @property
    def subject(self) -> str:
        """What decisions about it name: where its record lay, which outlives its own offset."""
        if not self.topic:
            return f"{DLQ_SUBJECT}:{self.partition}/{self.offset}"
        return f"{DLQ_SUBJECT}:{self.topic}/{self.source_partition}/{self.source_offset}"

    @property
    def origin(self) -> str:
        return f"{self.topic}/{self.source_partition}/{self.source_offset}"

    @property
    def replay_headers(self) -> Headers:
        """As the record had them, and how often it was sent again with this time."""
        kept = [(name, value) for name, value in self.headers if name != HEADER_REPLAYS]
        return [*kept, (HEADER_REPLAYS, b"%d" % attempts(self.headers))]


def read_letter(record: Record) -> Letter:
    """Never fails: what somebody else wrote to the DLQ is shown as it is."""
    own, headers = _split(record.headers)
    return Letter(
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        topic=_text(own, "topic"),
        source_partition=_number(own, "partition"),
        source_offset=_number(own, "offset"),
        class_=_text(own, "class"),
        error=_text(own, "error"),
        attempts=max(1, _number(own, "attempts")),
        code_version=_text(own, "code_version"),
        key=record.key,
        value=record.value or b"",
        headers=headers,
        own_headers=[*own.items()],
    )


def _split(headers: Sequence[tuple[str, bytes]]) -> tuple[dict[str, bytes], Headers]:
    """The headers of the letter, which were written last, and those of the record."""
    own: dict[str, bytes] = {}
    rest: Headers = []
    for name, value in reversed(headers):
        if name in DLQ_HEADERS and name not in own:
            own[name] = value
        else:
            rest.append((name, value))
    return own, rest[::-1]


def _text(headers: dict[str, bytes], name: str) -> str:
    return headers.get(name, b"").decode(errors="replace")


def _number(headers: dict[str, bytes], name: str) -> int:
    value = headers.get(name, b"")
    return int(value) if value.isdigit() else -1
