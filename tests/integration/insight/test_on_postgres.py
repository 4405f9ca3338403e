"""Searching, counting and knowing decisions where the databases are PostgreSQL's."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from deploy.audit.dead_letters import DeadLetters
from deploy.audit.decided import read_decided
from deploy.dead_letters.decisions import ERASE, REPLAYED
from deploy.erasure.databases import empty_journals, rows_with
from deploy.erasure.needles import Needles
from deploy.migrations.runner import upgrade
from deploy.reward_ledger import open_own_ledger
from deploy.service.access import open_own_access
from deploy.settings import Database, Settings
from projections.access.database import access
from projections.access.decisions import Decision, record_decision
from projections.access.forgetting import count_requests, forget_requests
from projections.access.requests import Asked, remember
from projections.database import open_engine
from tests.support.audit import examples, tally
from tests.support.postgres import fresh_database

pytestmark = pytest.mark.integration

SITE = "acme"


@pytest.fixture
async def settings(postgres: str, tmp_path: Path) -> AsyncIterator[Settings]:
    """Three schemas of one database, as their migrations make them."""
    database = await fresh_database(postgres)
    given = {f"{name}_url": database for name in ("views", "ledger", "access")}
    made = Settings(home=tmp_path, database=Database.model_validate(given))
    engine = open_engine(made.views_url)
    await upgrade(engine, "views")
    await engine.dispose()
    async with open_own_ledger(made) as ledger:
        await upgrade(ledger.engine, "ledger")
    async with open_own_access(made):
        yield made


async def decide(settings: Settings, kind: str, subject: str, reason: str = "why") -> None:
    async with open_own_access(settings) as engine, access(engine) as connection:
        await record_decision(
            connection, Decision(at=1, by="ada", kind=kind, subject=subject, reason=reason)
        )


async def test_texts_are_searched_in_every_schema(settings: Settings) -> None:
    engine = open_engine(settings.views_url)
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO positions VALUES ('50% Kanari', 't', 1, 0)"))
    await engine.dispose()
    await decide(settings, "erase", "acme:c1", reason="asked by Kanari")
    assert await rows_with(settings, Needles(["Kanari"])) == {
        "views": 1,
        "reward ledger": 0,
        "access database": 1,
    }
    assert (await rows_with(settings, Needles(["50% Kanari"])))["views"] == 1
    assert (await rows_with(settings, Needles(["50_ Kanari"])))["views"] == 0
    assert await empty_journals(settings) == []


async def test_an_audit_knows_what_was_decided(settings: Settings) -> None:
    await decide(settings, ERASE, "dlq:raw/1/7")
    await decide(settings, REPLAYED, "dlq:raw/0/8")
    await decide(settings, REPLAYED, "dlq:0/3")
    counted = tally()
    letters = DeadLetters(counted)
    await read_decided(settings, letters)
    letters.expect(("raw", 1, 7), b"x", 5)
    letters.expect(("raw", 1, 9), b"x", 5)
    for offset in (8, 9):
        place = [("topic", b"raw"), ("partition", b"0"), ("offset", b"%d" % offset)]
        letters.take_letter(offset, place, b"y")
    letters.finish()
    assert examples(counted) == ["raw/1/9 was rejected and has no dead letter"]
    assert counted.check().note == "1 wait for a decision: cactus dlq list"


async def test_requests_of_a_customer_are_forgotten_and_no_others(settings: Settings) -> None:
    async with open_own_access(settings) as engine:
        async with access(engine) as connection:
            for request, fact in (
                ("r1", "adjustment:r1"),
                ("r2", "custom:r2"),
                ("r3", "custom:r3"),
            ):
                asked = Asked(
                    site=SITE,
                    kind="event",
                    request_id=request,
                    digest=b"d",
                    fact=fact,
                    accepted_at=1,
                )
                assert await remember(connection, asked)
        theirs = ("adjustment:r1", "custom:r2", "payment:t1:i1")
        async with access(engine) as connection:
            assert await count_requests(connection, SITE, "c1", theirs) == 2
            assert await count_requests(connection, "other", "c1", theirs) == 0
            await forget_requests(connection, SITE, "c1", theirs)
        async with access(engine) as connection:
            assert await count_requests(connection, SITE, "c1", [*theirs, "custom:r3"]) == 1
