"""The topics: their names, partitioning, clean-up and what they hold. PURE."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

DAY_MS = 86_400_000
FOR_EVER_MS = -1

POSITION_KEY = b"@next"
"""Key, in each partition of the accounts topic, of the next fact offset to fold."""
PROGRAMS_KEY = b"@programs"
"""Key, in each partition of the accounts topic, of the programs known at that position."""

HEADER_SITE = "site"
HEADER_SOURCE = "source"
HEADER_RECEIVED_AT = "received_at"
HEADER_TRACEPARENT = "traceparent"
"""W3C trace context of the span that wrote a record. Only traced records have it."""
SOURCE_POLLER = "poller"
"""Of raw records, and of the facts that came of them: the poller brought it, no webhook."""

Headers = Sequence[tuple[str, bytes]]

DEAD_LETTER_BYTES_MAX = 2 * 2**20
"""A record as large as Kafka takes by default, and what stands against it in headers."""


def header_in(headers: Headers, name: str) -> bytes | None:
    """The first header of that name."""
    for found, value in headers:
        if found == name:
            return value
    return None


Cleanup = Literal["delete", "compact"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """How one topic must exist. `same_partitions`: as many as all others, so that a customer has
    one partition number everywhere. `record_bytes_max` None leaves the limit to the cluster.
    """

    name: str
    cleanup: Cleanup
    retention_ms: int
    same_partitions: bool = True
    record_bytes_max: int | None = None

    @property
    def configs(self) -> dict[str, str]:
        """Topic-level settings as Kafka spells them."""
        settings: dict[str, str] = {"cleanup.policy": self.cleanup}
        if self.cleanup == "delete":
            settings["retention.ms"] = str(self.retention_ms)
        if self.record_bytes_max is not None:
            settings["max.message.bytes"] = str(self.record_bytes_max)
        return settings


@dataclass(frozen=True, slots=True)
class Topics:
    """Every topic of one installation; `prefix` sets installations on one cluster apart."""

    prefix: str = ""
    raw: str = field(init=False)
    custom: str = field(init=False)
    facts: str = field(init=False)
    points: str = field(init=False)
    accounts: str = field(init=False)
    rewards: str = field(init=False)
    programs: str = field(init=False)
    dlq: str = field(init=False)

    def __post_init__(self) -> None:
        for attribute, name in (
            ("raw", "chargebee.raw.v1"),
            ("custom", "custom.events.v1"),
            ("facts", "loyalty.facts.v1"),
            ("points", "loyalty.points.v1"),
            ("accounts", "loyalty.accounts.v1"),
            ("rewards", "loyalty.rewards.v1"),
            ("programs", "loyalty.programs.v1"),
            ("dlq", "loyalty.dlq.v1"),
        ):
            object.__setattr__(self, attribute, f"{self.prefix}{name}")

    def __iter__(self) -> Iterator[TopicSpec]:
        # Raw and custom messages may hold personal data: they age out.
        yield TopicSpec(name=self.raw, cleanup="delete", retention_ms=14 * DAY_MS)
        yield TopicSpec(name=self.custom, cleanup="delete", retention_ms=14 * DAY_MS)
        yield TopicSpec(name=self.facts, cleanup="delete", retention_ms=FOR_EVER_MS)
        yield TopicSpec(name=self.points, cleanup="delete", retention_ms=FOR_EVER_MS)
        yield TopicSpec(name=self.accounts, cleanup="compact", retention_ms=FOR_EVER_MS)
        yield TopicSpec(name=self.rewards, cleanup="delete", retention_ms=FOR_EVER_MS)
        yield TopicSpec(name=self.programs, cleanup="compact", retention_ms=FOR_EVER_MS)
        yield TopicSpec(
            name=self.dlq,
            cleanup="delete",
            retention_ms=90 * DAY_MS,
            same_partitions=False,
            record_bytes_max=DEAD_LETTER_BYTES_MAX,
        )
