"""Bytes from anywhere, shown so that what is seen is what is there. PURE.

Markup is the templates' business, which escape everything; here what cannot be seen becomes seen.
"""

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

TEXT_BYTES_MAX = 64 * 1024
HEX_BYTES_MAX = 1024
HEX_PER_LINE = 16
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
"""Unicode's categories of what has no shape or changes that of others: controls, marks of writing
direction, surrogates, line separators.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """`text` with everything unseen escaped; `pretty` where it was JSON, which is indented."""

    size: int
    text: str
    hex_lines: tuple[str, ...]
    pretty: bool
    cut: bool


def show(data: bytes) -> Shown:
    """Long data is cut, and says so."""
    pretty = _indented(data)
    text = data[:TEXT_BYTES_MAX].decode("utf-8", "backslashreplace") if pretty is None else pretty
    return Shown(
        size=len(data),
        text=escaped(text[:TEXT_BYTES_MAX]),
        hex_lines=tuple(_hex_lines(data[:HEX_BYTES_MAX])),
        pretty=pretty is not None,
        cut=len(data) > TEXT_BYTES_MAX or len(text) > TEXT_BYTES_MAX,
    )


def escaped(text: str) -> str:
    """The text with what cannot be seen written as its code point; ends of lines stay."""
    return "".join(
        _code_point(each) if unicodedata.category(each) in _UNSEEN and each not in "\n\t" else each
        for each in text
    )


def _code_point(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def _indented(data: bytes) -> str | None:
    if len(data) > TEXT_BYTES_MAX:
        return None
    try:
        return json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def _hex_lines(data: bytes) -> Iterator[str]:
    for start in range(0, len(data), HEX_PER_LINE):
        part = data[start : start + HEX_PER_LINE]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in part)
        yield f"{start:06x}  {part.hex(' '):<47}  {letters}"
