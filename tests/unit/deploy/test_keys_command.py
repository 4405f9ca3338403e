"""`cactus keys`: made, listed and revoked; shown once."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.errors import ConfigurationError, OperatingError
from projections.access.keys import split_key


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CACTUS_SITES", '[{"site": "acme-test"}]')


def cactus(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["keys", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_a_key_is_made_listed_without_its_secret_and_revoked() -> None:
    made = json.loads(cactus("create", "--site", "acme-test", "--name", "shop", "--json"))
    parts = split_key(made["key"])
    assert parts is not None
    assert made["scopes"] == ["read"]

    assert parts[1] not in cactus("list", "--json")
    [listed] = json.loads(cactus("list", "--json"))
    assert (listed["key_id"], listed["revoked_at"]) == (parts[0], None)

    assert "is revoked" in cactus("revoke", parts[0])
    [revoked] = json.loads(cactus("list", "--json"))
    assert revoked["revoked_at"] is not None
    assert "revoked" in cactus("list")


def test_a_key_can_have_scopes_and_an_end() -> None:
    made = json.loads(
        cactus(
            "create", "--site", "*", "--scope", "events:write", "--scope", "read",
            "--days", "2", "--json",
        )
    )  # fmt: skip
    assert made["scopes"] == ["events:write", "read"]
    assert made["expires_at"] - made["created_at"] == 2 * 86_400


def test_for_people_the_key_stands_alone_on_its_line() -> None:
    first = cactus("create", "--site", "acme-test").splitlines()[0]
    assert split_key(first) is not None


def test_before_there_is_a_key_it_says_how_to_make_one() -> None:
    assert "cactus keys create" in cactus("list")
    assert json.loads(cactus("list", "--json")) == []


def test_a_misspelt_scope_or_site_is_refused_with_the_right_ones() -> None:
    with pytest.raises(ConfigurationError, match="choose from read, events:write"):
        cactus("create", "--site", "acme-test", "--scope", "reed")
    with pytest.raises(ConfigurationError, match="acme-test"):
        cactus("create", "--site", "acme")
    with pytest.raises(OperatingError, match="cactus keys list"):
        cactus("revoke", "nobody00")
