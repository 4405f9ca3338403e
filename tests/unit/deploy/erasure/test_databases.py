"""What was erased is gone from the files of SQLite too, not only from its tables."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from deploy.erasure.databases import bytes_with, empty_journals, files_of, rows_with
from deploy.erasure.needles import Needles
from deploy.migrations.runner import upgrade
from deploy.settings import Settings
from projections.database import open_engine

CANARY = Needles(["Kanarienvogel"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


async def fill(settings: Settings) -> None:
    """A canary among rows that stay."""
    engine = open_engine(settings.views_url)
    await upgrade(engine, "views")
    async with engine.begin() as connection:
        for number in range(200):
            name = "Kanarienvogel" if number == 100 else f"somebody {number}"
            await connection.execute(
                text("INSERT INTO positions VALUES (:name, 't', :number, 0)"),
                {"name": name, "number": number},
            )
    await engine.dispose()


async def test_rows_and_files_are_searched(settings: Settings, tmp_path: Path) -> None:
    await fill(settings)
    assert await rows_with(settings, CANARY) == {"views": 1}
    assert await rows_with(settings, Needles(["nobody"])) == {"views": 0}
    assert any(bytes_with(each, CANARY) for each in files_of(tmp_path / "views.sqlite"))


async def test_what_is_taken_out_is_overwritten_in_the_file(
    settings: Settings, tmp_path: Path
) -> None:
    await fill(settings)
    engine = open_engine(settings.views_url)
    async with engine.begin() as connection:
        change = "UPDATE positions SET projection = '' WHERE projection = 'Kanarienvogel'"
        await connection.execute(text(change))
    assert await empty_journals(settings) == []
    assert not any(bytes_with(each, CANARY) for each in files_of(tmp_path / "views.sqlite"))
    await engine.dispose()


async def test_a_write_ahead_log_that_is_in_use_is_said_to_be(
    settings: Settings, tmp_path: Path
) -> None:
    await fill(settings)
    reader = sqlite3.connect(tmp_path / "views.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM positions").fetchone()
    engine = open_engine(settings.views_url)
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM positions"))
    assert await empty_journals(settings, seconds_max=0) == ["views"]
    reader.close()
    assert await empty_journals(settings) == []
    await engine.dispose()


def test_a_text_across_two_chunks_is_found(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"x" * ((1 << 20) - 5) + b"Kanarienvogel" + b"x" * 100)
    assert bytes_with(file, CANARY)
    assert not bytes_with(tmp_path / "none", CANARY)
