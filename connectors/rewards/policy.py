"""How long what is trusted while a reward is on its way. PURE."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long what is trusted. Chargebee forgets a key after 30 minutes; we stop at 25.

    `retry_waits` are the seconds before each next try, where a kind has a schedule; when they are
    used up, it is given up: failed where certainly nothing was done, left to a human otherwise.
    """

    key_life_seconds: int = 25 * 60
    retry_waits: tuple[float, ...] = ()
    absent_apart_seconds: float = 60.0
    give_up_seconds: float = 24 * 3600.0
    conflicts_max: int = 3
