"""Small helpers to draw from, repeatable from a seed."""

from random import Random
from typing import Any, TypeVar

from pydantic import BaseModel

Drawn = TypeVar("Drawn")


class Chance(Random):
    def often(self, part: float) -> bool:
        return self.random() < part

    def maybe(self, part: float, drawn: Drawn) -> Drawn | None:
        return drawn if self.often(part) else None

    def some(self, drawn: list[Drawn], most: int) -> list[Drawn]:
        return self.sample(drawn, self.randint(0, min(most, len(drawn))))


def knows(model: type[BaseModel], key: str) -> bool:
    """Whether a program may have this key: what is not there yet is not drawn."""
    return key in model.model_fields


def without_absent(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if value is not None}
