"""What translating one foreign message gives: facts, or the reason why there are none. PURE.

The translate agent receives a `Translate` function from its composition root, so that streams and
connectors share this vocabulary and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.facts import AnyFact


class UntranslatableError(ValueError):
    """The message is broken: no retry mends it. It belongs in the DLQ with its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """`facts`, or `ignored`: a sentence saying why there are none. Never both, never neither.

    `customer` is empty where the event is not about a customer.
    """

    event_id: str
    event_type: str
    customer: str = ""
    facts: tuple[AnyFact, ...] = ()
    ignored: str = ""

    def __post_init__(self) -> None:
        assert bool(self.facts) != bool(self.ignored), "facts or a reason, exactly one of them"


Translate = Callable[[bytes, str], Translation]
"""`(body, site)`; raises `UntranslatableError`."""
