"""What goes wrong on a page, in words for the person who opened it."""

from collections.abc import Mapping


class Trouble(Exception):
    """`message` is a sentence; nothing was changed unless it says so."""

    def __init__(
        self, message: str, *, status: int = 409, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.headers = dict(headers or {})
