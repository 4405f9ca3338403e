"""`cactus people`: who is let in, and that a password is told once."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.cli import app
from deploy.errors import OperatingError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CACTUS_HOME", str(tmp_path))
    return tmp_path


def cactus(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["people", *arguments])


def test_nobody_may_sign_in_until_somebody_is_added() -> None:
    assert "Nobody may sign in yet" in cactus("list").stderr


def test_a_password_stands_alone_on_standard_output_and_nowhere_else(home: Path) -> None:
    once = cactus("add", "ada", "--role", "admin").stdout.strip()
    assert len(once) >= 16
    assert once not in cactus("list").stdout
    assert once.encode() not in (home / "access.sqlite").read_bytes()


def test_a_list_says_who_must_change_their_password() -> None:
    cactus("add", "ada", "--role", "admin")
    cactus("add", "vera")
    cactus("disable", "vera")
    told = json.loads(cactus("list", "--json").stdout)
    assert [(each["name"], each["role"], each["disabled"]) for each in told] == [
        ("ada", "admin", False),
        ("vera", "viewer", True),
    ]
    assert all(each["must_change"] for each in told)
    assert "disabled" in cactus("list").stdout


def test_a_new_password_is_another_and_programs_can_read_it() -> None:
    first = cactus("add", "ada").stdout.strip()
    second = json.loads(cactus("passwd", "ada", "--json").stdout)
    assert second["name"] == "ada"
    assert second["one_time_password"] != first


def test_who_is_unknown_or_there_already_is_refused() -> None:
    cactus("add", "ada")
    assert "already" in str(cactus("add", "ada").exception)
    for verb in ("passwd", "disable", "enable"):
        refused = cactus(verb, "eve").exception
        assert isinstance(refused, OperatingError)
        assert "no person 'eve'" in str(refused)
