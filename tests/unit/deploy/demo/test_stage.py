"""A demo's own directory: clean at the start, nobody else's, and played in by one demo only."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo.stage import SITE, set_stage
from deploy.errors import OperatingError
from deploy.settings import load_settings


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a stage does to the environment is undone after each test."""
    before = dict(os.environ)
    monkeypatch.setenv("CACTUS_PARTITIONS", "7")
    yield
    os.environ.clear()
    os.environ.update(before)


def test_its_settings_file_says_where_everything_is(tmp_path: Path) -> None:
    with set_stage(tmp_path / "demo") as stage:
        settings = load_settings()
        assert settings == stage.settings
        assert settings.home == tmp_path / "demo"
        assert settings.site(SITE).api_url == stage.sandbox_url
        assert stage.webhook_url.endswith(f":{settings.receiver.port}/webhooks/{SITE}")
        assert stage.settings_file.stat().st_mode & 0o077 == 0


def test_settings_of_the_environment_do_not_reach_it(tmp_path: Path) -> None:
    with set_stage(tmp_path / "demo") as stage:
        assert stage.settings.partitions != 7


def test_what_an_earlier_demo_left_is_swept_away(tmp_path: Path) -> None:
    with set_stage(tmp_path / "demo") as stage:
        (stage.home / "views.sqlite").touch()
    with set_stage(tmp_path / "demo") as stage:
        assert not (stage.home / "views.sqlite").exists()


def test_a_directory_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(OperatingError, match="no demo's"), set_stage(tmp_path):
        pass
    assert (tmp_path / "thesis.txt").exists()


def test_two_demos_never_play_in_one_place(tmp_path: Path) -> None:
    with (
        set_stage(tmp_path / "demo"),
        pytest.raises(OperatingError, match="already"),
        set_stage(tmp_path / "demo"),
    ):
        pass
