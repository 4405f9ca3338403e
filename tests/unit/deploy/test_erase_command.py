"""`cactus erase`: what it refuses before it does anything."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.cli import app
from deploy.errors import OperatingError

WHY = ("--reason", "request 77")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CACTUS_HOME", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["erase", *arguments])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--site", "acme", *WHY), "name one CUSTOMER, or say --all-deleted"),
        (("c1", "--site", "acme", "--all-deleted", *WHY), "name one CUSTOMER"),
        (("c1", "--site", "acme", "--reason", "  "), "say it in a few words"),
        (("c1", *WHY), "Missing option '--site'"),
    ],
)
def test_it_must_be_said_who_where_and_why(arguments: tuple[str, ...], complaint: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert complaint in " ".join(result.output.replace("│", " ").split())


def test_a_file_of_texts_that_is_not_there_is_said_to_be(home: Path) -> None:
    result = run("c1", "--site", "acme", *WHY, "--find", f"@{home / 'none'}")
    assert isinstance(result.exception, OperatingError)
    assert "cannot be read" in str(result.exception)
