"""Every word that a program may be written with: the keys of its model, and the values to choose.

Read off the pydantic models, so that a new key is known here by itself.
"""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from schemas.program.load import load_program
from schemas.program.model import Program
from schemas.program.parts import Part


def words_of(model: type[Part], path: str = "") -> Iterator[tuple[str, str]]:
    """(path, word): a key at its own path, a value to choose at the path of its key."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        here = f"{path}.{key}" if path else key
        yield here, key
        yield from _within(field.annotation, here)


def _within(annotation: Any, path: str) -> Iterator[tuple[str, str]]:
    origin = get_origin(annotation)
    if origin is Literal:
        yield from ((path, str(value)) for value in get_args(annotation))
    elif isinstance(annotation, type) and issubclass(annotation, Part):
        yield from words_of(annotation, path)
    elif origin is Annotated:
        yield from _within(get_args(annotation)[0], path)
    elif origin in (Union, UnionType, tuple):
        for each in get_args(annotation):
            yield from _within(each, path)


def written_in(text: str) -> set[str]:
    """The paths of the keys that a program in YAML is written with."""
    return set(_paths(load_program(text).model_dump(by_alias=True, exclude_unset=True), ""))


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, within in value.items():
            here = f"{path}.{key}" if path else str(key)
            yield here
            yield from _paths(within, here)
    elif isinstance(value, tuple):
        for each in value:
            yield from _paths(each, path)


def program_words() -> list[tuple[str, str]]:
    """Of the whole program, in its order."""
    return list(dict.fromkeys(words_of(Program)))


def program_keys() -> set[str]:
    """The paths of all keys."""
    return {path for path, word in program_words() if path.rpartition(".")[2] == word}
