"""How much may be held in memory at once, in messages and in bytes."""

from dataclasses import dataclass


class CapacityFullError(Exception):
    """No more can be held now. `retry_after_seconds` is a guess at when it can."""

    retry_after_seconds = 5


@dataclass(slots=True, kw_only=True)
class Capacity:
    """Counts what is held; refuses instead of growing."""

    count_max: int
    bytes_max: int
    count: int = 0
    bytes: int = 0

    def take(self, count: int = 0, size: int = 0) -> None:
        """Raises `CapacityFullError`, and then takes nothing."""
        if self.count + count > self.count_max or self.bytes + size > self.bytes_max:
            raise CapacityFullError(
                f"{self.count} messages of {self.bytes} bytes are waiting; the limits are "
                f"{self.count_max} and {self.bytes_max}"
            )
        self.count += count
        self.bytes += size

    def give_back(self, count: int = 0, size: int = 0) -> None:
        self.count -= count
        self.bytes -= size
        assert self.count >= 0
        assert self.bytes >= 0
