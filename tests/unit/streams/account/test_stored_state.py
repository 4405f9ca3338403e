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
