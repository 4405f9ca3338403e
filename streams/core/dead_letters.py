"""What goes with the bytes of a record to the DLQ: where it lay, and what stands against it."""

from schemas.dead_letters import attempts
from schemas.topics import DEAD_LETTER_BYTES_MAX
from streams.core.batches import Record
from streams.core.ports import Headers

ERROR_CHARACTERS_MAX = 500

REQUEST_BYTES_MAX = DEAD_LETTER_BYTES_MAX
"""For producers that write to the DLQ: they must not refuse what the topic takes."""


def dead_value(record: Record) -> bytes:
    """The original bytes. Kafka's clients refuse a record without key and value: it becomes an
    empty value, with headers that tell.
    """
    return record.value or b""


def dead_headers(record: Record, error: Exception, code_version: str) -> Headers:
    return [
        ("topic", record.topic.encode()),
        ("partition", b"%d" % record.partition),
        ("offset", b"%d" % record.offset),
        ("class", type(error).__name__.encode()),
        ("error", str(error)[:ERROR_CHARACTERS_MAX].encode(errors="replace")),
        ("attempts", b"%d" % attempts(record.headers)),
        ("code_version", code_version.encode()),
    ]
