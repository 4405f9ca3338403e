"""How calls and their answers are written down in the ledger. PURE."""

import json
from collections.abc import Mapping
from typing import Any, assert_never

from connectors.rewards.gateway import (
    Absent,
    Conflict,
    Done,
    Found,
    NotExecuted,
    Outcome,
    ReadBack,
    Refused,
    Unknown,
    Unreadable,
)


def canonical_json(document: Mapping[str, Any]) -> str:
    """One spelling per document, so that what is sent again is what was stored."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def told(answer: Outcome | ReadBack) -> tuple[str, str]:
    """`(result, detail)` as attempts are stored and counted."""
    match answer:
        case Done(reference):
            return "done", reference
        case Found(reference):
            return "found", reference
        case Absent():
            return "absent", ""
        case Refused(reason):
            return "refused", reason
        case NotExecuted(reason):
            return "not_executed", reason
        case Unknown(reason):
            return "unknown", reason
        case Conflict(reason):
            return "conflict", reason
        case Unreadable(reason):
            return "unreadable", reason
        case never:
            assert_never(never)
