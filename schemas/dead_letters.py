"""The headers of a dead letter, which stand after those that its record came with. PURE."""

from collections.abc import Iterable

DLQ_HEADERS = ("topic", "partition", "offset", "class", "error", "attempts", "code_version")
"""Where the record lay, what stands against it, how often it was tried, and by which version."""

HEADER_REPLAYS = "replays"
"""On a record that was sent again from the DLQ: how often that was."""


def attempts(headers: Iterable[tuple[str, bytes]]) -> int:
    """How often a record with these headers has been tried, this time included."""
    replays = dict(headers).get(HEADER_REPLAYS, b"0")
    return 1 + (int(replays) if replays.isdigit() else 0)
