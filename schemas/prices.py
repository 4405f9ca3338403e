"""What the lines of a subscription cost together: asked by every renewal. PURE."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.facts import Line


def recurring_minor(lines: "Sequence[Line]") -> int:
    """Minor units per billing period, of the plan and the add-ons."""
    total = 0
    for line in lines:
        if line.kind != "charge":
            total += line.amount_minor
    return total
