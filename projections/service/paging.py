"""Cursors: where the next page begins, in a form nobody is tempted to count with. PURE."""

import base64
import binascii

import msgspec

from projections.service.problems import Fault, invalid

PAGE_DEFAULT = 50
PAGE_MAX = 200


class _Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    kind: str
    before: int


_decoder = msgspec.json.Decoder(_Cursor)


def write_cursor(kind: str, before: int) -> str:
    """`kind` is of the list, so that a cursor of another list is refused."""
    raw = msgspec.json.encode(_Cursor(kind, before))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_cursor(kind: str, text: str | None) -> int | None:
    """Raises the refusal of what was never given out."""
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = _decoder.decode(raw)
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise _refused() from error
    # What a cursor of ours holds fits a column.
    if cursor.kind != kind or not 0 < cursor.before < 2**63:
        raise _refused()
    return cursor.before


def _refused() -> Exception:
    return invalid([Fault("query.cursor", "take it from `next` of the page before")])
