"""The parts that rules are made of. PURE."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["page", "ticket"]
"""A page wakes somebody; a ticket is for the next working day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    name: str
    expr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """`row` of the dashboard shows what the alert is about. `for_seconds` is how long it must hold.

    `summary` may name a label as `{{ $labels.role }}`.
    """

    name: str
    expr: str
    severity: Severity
    summary: str
    row: str
    for_seconds: int = 0
