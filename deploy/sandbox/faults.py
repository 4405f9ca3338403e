"""What can be made to go wrong with the API: faults by script or chance, and a rate limit."""

import random
from collections.abc import Callable
from typing import Literal

import msgspec

FaultKind = Literal[
    "server_error",
    "failed_after",
    "lost_answer",
    "rate_limited",
    "rate_limited_bare",
    "lock_timeout",
    "slow",
    "garbage",
    "gone",
]
SECONDS_PER_MINUTE = 60


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A fault for calls whose path contains `path`.

    `server_error`: 500, nothing done. `failed_after`: 500, and yet it is done. `lost_answer`: done,
    but no answer comes for `seconds`. `rate_limited` and `lock_timeout`: 429, `rate_limited_bare`
    without a Retry-After. `slow`: the answer takes `seconds`. `garbage`: done, and a page of HTML
    comes instead of an answer. `gone`: 410. `times` is how often it still happens (None: always),
    `skip` how many calls pass before.
    """

    kind: FaultKind
    path: str = ""
    method: Literal["", "GET", "POST"] = ""
    probability: float = 1.0
    times: int | None = None
    skip: int = 0
    seconds: float = 60.0


class Faults:
    """The faults in force, in the order in which they were set; the first that fits happens."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"{seed}/faults")
        self._faults: list[Fault] = []
        self.happened: dict[str, int] = {}

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    @property
    def pending(self) -> list[Fault]:
        return list(self._faults)

    def draw(self, method: str, path: str) -> Fault | None:
        for fault in self._faults:
            if fault.path not in path or fault.method not in {"", method}:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if self._rng.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
            self.happened[fault.kind] = self.happened.get(fault.kind, 0) + 1
            return fault
        return None


class RateLimit:
    """A token bucket that holds a minute's requests and refills evenly."""

    def __init__(self, requests_per_minute: int | None, clock: Callable[[], float]) -> None:
        self.requests_per_minute = requests_per_minute
        self._clock = clock
        self._tokens = float(requests_per_minute or 0)
        self._filled_at = clock()

    def change(self, requests_per_minute: int | None) -> None:
        self.requests_per_minute = requests_per_minute
        self._tokens = float(requests_per_minute or 0)
        self._filled_at = self._clock()

    def admits(self) -> bool:
        if self.requests_per_minute is None:
            return True
        now = self._clock()
        refill = (now - self._filled_at) * self.requests_per_minute / SECONDS_PER_MINUTE
        self._tokens = min(float(self.requests_per_minute), self._tokens + refill)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
