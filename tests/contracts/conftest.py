"""The databases that suites of several run on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.rewards.ledger import Ledger, open_ledger
from tests.support.migrated import migrate
from tests.support.postgres import fresh_schema


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.integration)])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    if request.param == "sqlite":
        opened = open_ledger(f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite'}")
    else:
        opened = open_ledger(request.getfixturevalue("postgres"), schema=fresh_schema())
    await migrate(opened.engine, "ledger")
    yield opened
    await opened.close()
