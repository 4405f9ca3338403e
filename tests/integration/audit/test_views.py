"""The views held against the log on both databases, without any role running."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.audit.tally import Check
from deploy.audit.views import audit_views
from deploy.errors import OperatingError
from deploy.kafka import Running
from deploy.migrations.runner import upgrade
from deploy.settings import Database, Settings
from deploy.topic_logs import open_logs
from projections.database import open_engine
from projections.log import open_log, read_between
from projections.projector import decode_record
from projections.store import Move, Store
from projections.tables import balances, entries, positions
from schemas.codec import POINTS
from schemas.topics import Topics
from tests.support.audit import account_of, folded_year, tally
from tests.support.postgres import fresh_database
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.integration

PARTITIONS = 2


class Bench:
    """A points log of a year, and views of it that are up to date."""

    def __init__(self, broker: Running, topics: Topics, settings: Settings) -> None:
        self.servers, self.topics, self.settings = broker.bootstrap_servers, topics, settings
        self.engine: AsyncEngine = open_engine(settings.views_url)

    async def prepare(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.servers)
        await producer.start()
        for event in folded_year()[1]:
            await producer.send(self.topics.points, POINTS.encode(event), key=account_of(event))
        await producer.stop()
        await upgrade(self.engine, "views")
        store = Store(self.engine, self.topics.points, lambda: 1)
        async with open_log(self.servers, self.topics.points) as log:
            at = await store.open_positions(range(PARTITIONS))
            ends = await log.ends(range(PARTITIONS))
            async for chunk in read_between(log, at, ends, records_max=500):
                batch = [decode_record(record) for record in chunk.records]
                move = Move(at[chunk.partition], chunk.next_offset)
                await store.apply(batch, {chunk.partition: move})
                at[chunk.partition] = chunk.next_offset

    async def audit(self) -> Check:
        counted = tally()
        async with open_logs(self.servers, "audit") as logs:
            await audit_views(self.settings, logs, self.topics.points, counted, lambda *_how: None)
        return counted.check()


@pytest.fixture(params=["sqlite", "postgresql"])
async def bench(
    request: pytest.FixtureRequest, broker: Running, tmp_path: Path, postgres: str
) -> AsyncIterator[Bench]:
    url = await fresh_database(postgres) if request.param == "postgresql" else None
    settings = Settings(home=tmp_path, database=Database.model_validate({"views_url": url}))
    made = Bench(broker, await fresh_topics(broker, PARTITIONS), settings)
    await made.prepare()
    yield made
    await made.engine.dispose()


async def test_views_that_are_the_log_are_sound_and_every_changed_row_is_named(
    bench: Bench,
) -> None:
    sound = await bench.audit()
    async with bench.engine.begin() as connection:
        [lost, changed] = await connection.scalars(
            select(balances.c.customer).order_by(balances.c.customer).limit(2)
        )
        await connection.execute(delete(balances).where(balances.c.customer == lost))
        await connection.execute(
            update(balances).where(balances.c.customer == changed).values(tier="forged")
        )
        row = (await connection.execute(select(entries).limit(1))).mappings().one()
        forged = {**row, "sequence": 9_999, "log_offset": 9_999_999}
        await connection.execute(insert(entries).values(forged))

    tampered = await bench.audit()

    assert sound.breaches == 0
    assert sound.examined > len(folded_year()[1])
    site, customer = row["site"], row["customer"]
    assert sorted(tampered.examples) == [
        f"balances has another row than the log gives: acme-test:{changed}",
        f"balances lacks a row that the log gives: acme-test:{lost}",
        f"entries has a row that the log does not give: {site}:{customer}:9999",
    ]


async def test_views_that_lag_behind_are_held_against_the_log_up_to_where_they_are(
    bench: Bench,
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bench.servers)
    await producer.start()
    await producer.send_and_wait(bench.topics.points, b"not projected yet", partition=0)
    await producer.stop()

    assert (await bench.audit()).breaches == 0


async def test_views_that_are_ahead_of_the_log_are_told(bench: Bench) -> None:
    async with bench.engine.begin() as connection:
        ahead = update(positions).where(positions.c.partition == 0)
        await connection.execute(ahead.values(next_offset=1_000_000))

    assert "the log ends at" in (await bench.audit()).examples[0]


async def test_a_log_that_cannot_be_projected_is_told(bench: Bench) -> None:
    event = next(each for each in folded_year()[1] if each.sequence > 1)
    producer = AIOKafkaProducer(bootstrap_servers=bench.servers)
    await producer.start()
    lonely = POINTS.encode(event).replace(b'"customer":"', b'"customer":"x')
    at = await producer.send_and_wait(bench.topics.points, lonely, partition=0)
    await producer.stop()
    async with bench.engine.begin() as connection:
        past = update(positions).where(positions.c.partition == 0)
        await connection.execute(past.values(next_offset=at.offset + 1))

    assert "cannot be projected" in (await bench.audit()).examples[0]


async def test_without_views_it_says_what_to_do(broker: Running, tmp_path: Path) -> None:
    topics = await fresh_topics(broker)
    async with open_logs(broker.bootstrap_servers, "audit") as logs:
        with pytest.raises(OperatingError, match="cactus projector"):
            await audit_views(
                Settings(home=tmp_path), logs, topics.points, tally(), lambda *_how: None
            )
