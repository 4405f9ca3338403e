"""When a process that ended is started again, and when that is called a crash loop. PURE."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """Capped exponential back-off; a process that lived long enough starts with a clean slate."""

    first_seconds: float = 0.5
    factor: float = 2.0
    max_seconds: float = 15.0
    healthy_seconds: float = 30.0
    loop_failures: int = 3

    def delay_seconds(self, failures: int) -> float:
        """How long to wait after the `failures`-th end in a row."""
        assert failures >= 1
        # The exponent is bounded so that years of crashing cannot overflow a float.
        return min(self.first_seconds * self.factor ** min(failures - 1, 32), self.max_seconds)

    def failures_after(self, failures: int, lived_seconds: float) -> int:
        """The ends in a row, counting one that came after `lived_seconds`."""
        return 1 if lived_seconds >= self.healthy_seconds else failures + 1

    def is_crash_loop(self, failures: int) -> bool:
        return failures >= self.loop_failures
