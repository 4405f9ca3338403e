"""docs/personal-data.md says what an export holds: all of it, and nothing else."""

import re
from pathlib import Path

import msgspec
from typer.testing import CliRunner

from deploy.cli import app
from deploy.service.export import Export

GUIDE = Path(__file__).parents[3] / "docs" / "personal-data.md"


def test_the_guide_names_every_key_of_an_export_and_no_other() -> None:
    section = GUIDE.read_text(encoding="utf-8").partition("## Handing it out")[2]
    cells = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    assert named == {field.name for field in msgspec.structs.fields(Export)}


def test_its_schema_is_printed() -> None:
    result = CliRunner().invoke(app, ["export", "--schema"])
    assert result.exit_code == 0
    schema = msgspec.json.decode(result.stdout)
    assert set(schema["$defs"]["Export"]["properties"]) == {
        field.name for field in msgspec.structs.fields(Export)
    }


def test_it_must_be_said_whose_it_is() -> None:
    result = CliRunner().invoke(app, ["export", "c1"])
    assert result.exit_code == 2
    assert "name the CUSTOMER and the --site" in " ".join(result.output.split())
