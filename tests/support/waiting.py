"""Wait for what must become true, with a deadline, instead of sleeping and hoping."""

import asyncio
import time
from collections.abc import Callable

POLL_SECONDS = 0.02


async def eventually(truth: Callable[[], object], seconds: float = 20.0) -> None:
    """Return as soon as `truth()` holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline, "it did not become true in time"
        await asyncio.sleep(POLL_SECONDS)


def eventually_blocking(truth: Callable[[], object], seconds: float = 20.0) -> None:
    """The same outside an event loop."""
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(POLL_SECONDS)
