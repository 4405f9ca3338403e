"""Show bytes from outside to people: nothing of it acts on a terminal, nothing personal is seen.

What may be seen is listed, not what may not: a field that nobody thought of stays hidden. PURE.
"""

import re
from typing import Any

import msgspec

HIDDEN = "•••"
SHOWN_CHARACTERS_MAX = 20_000

_SHOWN_KEYS = frozenset({
    "id", "type", "event_type", "object", "status", "site", "currency_code", "currency",
    "base_currency_code", "source", "api_version", "webhook_status", "item_price_id", "plan_id",
    "item_type", "billing_period_unit", "trigger", "fact", "v", "program", "rule", "reward",
    "channel", "cancel_reason", "gateway", "payment_method",
})  # fmt: skip
"""Texts of these keys, and of those that end in `_id`, name things and no people."""

_KEY = re.compile(r'"[A-Za-z0-9_.:-]{1,60}"\s*:')


def masked(value: bytes) -> str:
    """With every text hidden that may be personal; of what is no JSON only its shape is left."""
    try:
        document = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _cut(_shape(escaped(value)))
    return _cut(msgspec.json.format(msgspec.json.encode(_mask("", document))).decode())


def escaped(value: bytes) -> str:
    r"""As it is; bytes that are no text, and control characters, are written as \xNN."""
    text = value.decode(errors="backslashreplace")
    return "".join(each if each.isprintable() or each == "\n" else _escape(each) for each in text)


def hexadecimal(value: bytes, per_line: int = 32) -> str:
    """Offsets and bytes, line by line."""
    lines = range(0, len(value), per_line)
    return "\n".join(f"{at:08x}  {value[at : at + per_line].hex(' ')}" for at in lines)


def _mask(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mask(name, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_mask(key, each) for each in value]
    if isinstance(value, str) and value and not _is_shown(key):
        return HIDDEN
    return value


def _is_shown(key: str) -> bool:
    return key in _SHOWN_KEYS or key.endswith("_id")


def _shape(text: str) -> str:
    """Keys as they are, of all else what kind of character stands where."""
    parts, at = [], 0
    for match in _KEY.finditer(text):
        parts += [_blurred(text[at : match.start()]), match[0]]
        at = match.end()
    return "".join([*parts, _blurred(text[at:])])


def _blurred(text: str) -> str:
    return re.sub(r"\d", "9", re.sub(r"[^\W\d_]", "x", text))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _cut(text: str) -> str:
    if len(text) <= SHOWN_CHARACTERS_MAX:
        return text
    return f"{text[:SHOWN_CHARACTERS_MAX]}\n… and {len(text) - SHOWN_CHARACTERS_MAX:,} more"
