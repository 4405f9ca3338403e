"""The JSON Schemas in the repository are those of the code."""

from pathlib import Path

import pytest

from deploy import contracts


def test_the_stored_schemas_are_what_the_code_says() -> None:
    assert contracts.stale() == []


@pytest.mark.parametrize("topic", contracts.MESSAGES)
def test_a_changed_schema_is_noticed(tmp_path: Path, topic: str) -> None:
    contracts.write(tmp_path)
    file = tmp_path / f"{topic}.json"
    file.write_text(file.read_text().replace('"integer"', '"string"'))

    assert contracts.stale(tmp_path) == [topic]
