"""Texts that tell of a person, and where bytes hold them. PURE."""

import json
from collections.abc import Iterable, Sequence


class Needles:
    """Looks for texts as they are, and as JSON writes them."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts: Sequence[str] = tuple(dict.fromkeys(each for each in texts if each))
        self._spelled = tuple(
            dict.fromkeys(
                spelling.encode(errors="surrogatepass")
                for text in self.texts
                for spelling in (
                    text,
                    json.dumps(text)[1:-1],
                    json.dumps(text, ensure_ascii=False)[1:-1],
                )
            )
        )

    def __bool__(self) -> bool:
        return bool(self._spelled)

    @property
    def longest(self) -> int:
        """In bytes."""
        return max((len(each) for each in self._spelled), default=0)

    @property
    def spelled(self) -> Sequence[str]:
        """Every spelling, as text."""
        return tuple(each.decode(errors="surrogatepass") for each in self._spelled)

    def are_in(self, *data: bytes | None) -> bool:
        return any(each in part for part in data if part for each in self._spelled)
