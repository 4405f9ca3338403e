"""What is stored of an account is short, and read again as it was."""

import msgspec
import pytest

from streams.account import past, payments, state

STORED = [
    each
    for module in (state, past, payments)
    for each in vars(module).values()
    if isinstance(each, type)
    and issubclass(each, msgspec.Struct)
    and each.__module__ == module.__name__
]


@pytest.mark.parametrize("struct", STORED, ids=lambda struct: struct.__name__)
def test_no_name_of_a_field_is_stored_but_its_place(struct: type[msgspec.Struct]) -> None:
    """So fields are only ever added at the end."""
    assert struct.__struct_config__.array_like


SOMETHING = {("Lot", "active"): True, ("Lot", "priority"): 1, ("Counter", "remainder"): (0, 1)}
"""What is meant where an account was stored without it; of everything else, nothing is."""


@pytest.mark.parametrize("struct", STORED, ids=lambda struct: struct.__name__)
def test_what_was_stored_before_there_was_a_field_is_read_as_nothing_of_it(
    struct: type[msgspec.Struct],
) -> None:
    for field in msgspec.structs.fields(struct):
        if field.default_factory is not msgspec.NODEFAULT:
            meant = field.default_factory()
        elif field.default is not msgspec.NODEFAULT:
            meant = field.default
        else:
            continue
        expected = SOMETHING.get((struct.__name__, field.name))
        if expected is not None:
            assert meant == expected, field.name
        elif not isinstance(meant, msgspec.Struct):
            assert not meant, field.name
