"""What was begun and is not finished: it ends in the order in which it began, so that waiting for
one thing holds up no other.
"""

import asyncio
from collections.abc import Awaitable, Callable


class Underway:
    """At most `most` at once. `crash` hears of whatever fails; nothing after that is told."""

    def __init__(self, most: int, crash: Callable[[BaseException], None]) -> None:
        self._room = asyncio.Semaphore(most)
        self._crash = crash
        self._last: asyncio.Task[bool] | None = None

    async def add(self, work: Awaitable[None], then: Callable[[], None]) -> None:
        """Wait for `work` in the background, and call `then` once all before it has ended too.

        Returns as soon as there is room for more.
        """
        await self._room.acquire()
        self._last = asyncio.create_task(self._finish(work, then, self._last))

    async def _finish(
        self, work: Awaitable[None], then: Callable[[], None], before: asyncio.Task[bool] | None
    ) -> bool:
        """Whether everything up to here was told."""
        try:
            await work
            if before is not None and not await before:
                return False
            then()
        except Exception as error:  # noqa: BLE001 - whoever runs this decides what a failure means
            self._crash(error)
            return False
        finally:
            self._room.release()
        return True
