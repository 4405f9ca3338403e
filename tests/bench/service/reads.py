"""How quickly one API process answers where a customer stands, with a million accounts.

Every account is a real state of the fold, from the life of a few hundred customers in the sandbox;
the views are loaded in bulk. Customers are asked for at random, from another process.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.embedded.ports import free_ports
from deploy.migrations.runner import upgrade
from projections.database import is_sqlite, open_engine
from projections.tables import SCHEMA, balances, positions, states
from streams.account.figures import figures_of
from streams.account.storing import decode_account
from tests.bench.facts import LIVED_CUSTOMERS_MAX, live
from tests.bench.ours import home
from tests.bench.race import Say
from tests.bench.service import roles
from tests.bench.service.load import Job, get_request, send_load
from tests.bench.service.table import MS, Row, row_of, statuses_of
from tests.bench.stage import set_up
from tests.support.year import SITE

CONNECTIONS = 32
WARM_SECONDS = 5
CHUNK = 20_000
GOAL_MS = 20.0

Pair = tuple[tuple[object, ...], tuple[object, ...]]
"""A row of balances and one of states."""
END = 1_800_000_000


async def measure_reads(
    bootstrap_servers: str,
    *,
    accounts: int,
    rate: int,
    seconds: int,
    views_url: str | None,
    directory: Path,
    say: Say,
) -> Row:
    """On SQLite, or on PostgreSQL where `views_url` says which."""
    name = "reads-sqlite" if views_url is None else "reads-postgres"
    async with set_up(bootstrap_servers, name, 1, directory / name) as stage:
        own = home(stage)
        url = views_url or f"sqlite+aiosqlite:///{(own / 'views.sqlite').absolute()}"
        say(f"loading {accounts:,} accounts: {make_url(url).get_backend_name()}")
        await load_accounts(url, accounts)
        [port], key = free_ports(1), await roles.make_key(own)
        settings = roles.environment(
            stage,
            CACTUS_API__PORT=str(port),
            CACTUS_DATABASE__VIEWS_URL=url,
            CACTUS_CLOCK_FILE=str(_clock(stage.directory)),
        )
        chance = random.Random(7)
        with roles.role(stage, "api", settings) as process:
            await roles.until_ready(stage, "api")
            for length in (WARM_SECONDS, seconds):
                say(f"{rate:,} reads a second for {length} s")
                requests = [
                    get_request(f"/v1/customers/{customer_of(chance.randrange(accounts))}", key)
                    for _ in range(rate * length)
                ]
                job = Job(port=port, rate=rate, connections=CONNECTIONS, requests=requests)
                began = roles.cpu_seconds(process)
                answers = await send_load(job)
                used = roles.cpu_seconds(process) - began
    times = [each.seconds for each in answers]
    what = f"balance reads, {make_url(url).get_backend_name()}, {accounts:,} accounts"
    note = f"{statuses_of(answers)}; {used / len(answers) * MS:.2f} ms of CPU each"
    return row_of(what, rate, times, goal_ms=GOAL_MS, note=note)


def customer_of(number: int) -> str:
    return f"customer-{number:07d}"


def _clock(directory: Path) -> Path:
    """A month after the lives ended, so that for many accounts something has come due."""
    path = directory / "clock"
    path.write_text(str(END), encoding="ascii")
    return path


def _rows(accounts: int) -> Iterator[Pair]:
    told = live(min(accounts, LIVED_CUSTOMERS_MAX), 10_000)
    lived = list(told.states.values())
    known = [decode_account(state) for state in lived]
    for number in range(accounts):
        state, account = lived[number % len(lived)], known[number % len(lived)]
        ledger, customer = account.ledger, customer_of(number)
        balance, pending = figures_of(ledger)
        yield (
            (
                SITE, customer, 0, ledger.sequence, balance, pending, ledger.lifetime,
                ledger.deficit, ledger.tier, "spikes", 1, False, account.memory.clock,
            ),
            (SITE, customer, 0, number, state),
        )  # fmt: skip


async def load_accounts(url: str, accounts: int) -> None:
    """Into fresh views, as fast as each database takes it."""
    engine = open_engine(url)
    await upgrade(engine, "views")
    sqlite, chunk = is_sqlite(engine), list[Pair]()
    try:
        for row in _rows(accounts):
            chunk.append(row)
            if len(chunk) == CHUNK:
                await _write(engine, url, chunk, sqlite=sqlite)
                chunk.clear()
        if chunk:
            await _write(engine, url, chunk, sqlite=sqlite)
        async with engine.begin() as connection:
            where = {"projection": "views.v1", "topic": "t", "partition": 0, "next_offset": 0}
            await connection.execute(positions.insert(), where)
            await connection.exec_driver_sql("ANALYZE")
    finally:
        await engine.dispose()


async def _write(engine: AsyncEngine, url: str, rows: list[Pair], *, sqlite: bool) -> None:
    for table, values in ((balances, [row[0] for row in rows]), (states, [row[1] for row in rows])):
        if sqlite:
            marks = ",".join("?" * len(table.columns))
            async with engine.begin() as connection:
                statement = f"INSERT INTO {table.name} VALUES ({marks})"  # noqa: S608 - ours
                await connection.exec_driver_sql(statement, values)
            continue
        plain = make_url(url).set(drivername="postgresql")
        copying = await asyncpg.connect(plain.render_as_string(hide_password=False))
        try:
            await copying.copy_records_to_table(table.name, records=values, schema_name=SCHEMA)
        finally:
            await copying.close()
