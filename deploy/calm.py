"""Keep a library from saying the same thing hundreds of times while its broker is away."""

import logging
import time
from collections.abc import Callable

EVERY_SECONDS = 10.0
REMEMBERED_MAX = 1_000


class OnceInAWhile(logging.Filter):
    """Lets each message of some loggers through once in a while; then it says how often it came.

    Messages are told apart by their text before its arguments are filled in.
    """

    def __init__(
        self, loggers: tuple[str, ...], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._loggers = loggers
        self._monotonic = monotonic
        self._said_at: dict[tuple[str, object], float] = {}
        self._kept_back: dict[tuple[str, object], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(self._loggers):
            return True
        key, now = (record.name, record.msg), self._monotonic()
        if now - self._said_at.get(key, float("-inf")) < EVERY_SECONDS:
            self._kept_back[key] = self._kept_back.get(key, 0) + 1
            return False
        if len(self._said_at) >= REMEMBERED_MAX:
            self._said_at.clear()
        self._said_at[key] = now
        if kept_back := self._kept_back.pop(key, 0):
            record.msg = f"{record.getMessage()} (and {kept_back} times more since)"
            record.args = None
        return True
