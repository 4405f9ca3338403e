"""A small installation at work on a real broker: the audit passes, and finds what is tampered."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import delete, select, update

from connectors.chargebee.translate import translate
from connectors.rewards.ledger import open_ledger
from connectors.rewards.tables import reward as ledger_reward
from deploy.audit.report import AuditReport
from deploy.audit.run import run_audit
from deploy.audit.tally import Check
from deploy.audit.truth import Truth
from deploy.kafka import Running
from deploy.sandbox.events import Event
from deploy.sandbox.life import LifeSettings
from deploy.sandbox.sandbox import API_KEY, SandboxSettings
from deploy.sandbox.server import RunningSandbox, running
from deploy.settings import Settings, Site
from deploy.views import open_own_views
from projections.tables import balances
from schemas import ids
from schemas.codec import FACTS, POINTS, REWARDS
from schemas.facts import PaymentSucceeded, RewardFailed
from schemas.points import PointsEarned
from schemas.rewards import GrantReward
from tests.support.installation import BROKEN_RAW, Installation, installation_at_work
from tests.support.year import SITE

pytestmark = pytest.mark.integration

Lived = tuple[RunningSandbox, list[Event]]


@pytest.fixture
def lived() -> Iterator[Lived]:
    """A year of few customers, over; with every event of it."""
    with running(SandboxSettings(life=LifeSettings(customers=25, days=365))) as sandbox:
        events: list[Event] = []
        sandbox.sandbox.site.listeners.append(events.append)
        advanced = httpx.post(f"{sandbox.url}/sandbox/advance", json={}, timeout=120)
        advanced.raise_for_status()
        yield sandbox, list(events)


async def audited(
    here: Installation, settings: Settings | None = None, **options: Any
) -> AuditReport:
    told: list[tuple[str, int, int]] = []
    report = await run_audit(
        settings or here.settings, progress=lambda *how: told.append(how), **options
    )
    assert told
    assert all(0 <= done <= total for _, done, total in told)
    return report


async def commanded(here: Installation) -> tuple[int | None, bool]:
    """Exit code, and what `cactus audit --json` says of itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", "audit", "--json"),
        env={**os.environ, **here.environment},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return process.returncode, json.loads(said)["passed"]


def with_key(here: Installation, api_key: str | None) -> Settings:
    [site] = here.settings.sites
    values = {"site": site.site, "api_url": site.api_url, "api_key": api_key}
    return here.settings.model_copy(update={"sites": [Site.model_validate(values)]})


def gateway(report: AuditReport) -> Check:
    return next(check for check in report.checks if check.name == "gateway")


def failing(report: AuditReport) -> set[str]:
    return {check.name for check in report.checks if check.breaches}


async def ask(here: Installation, page: str) -> bytes:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{here.sandbox.url}{page}")).content


Tamper = Callable[[Installation], Awaitable[None]]


async def give_a_credit_again(here: Installation) -> None:
    held = json.loads(await ask(here, "/sandbox/ledger"))["promotional_credits"]
    given = next(each for each in held if each.get("reference", "").startswith(SITE))
    names = ("customer_id", "amount", "currency_code", "reference")
    form = {name: given[name] for name in names} | {"description": "again"}
    url = f"{here.sandbox.url}/api/v2/promotional_credits/add"
    async with httpx.AsyncClient(auth=(API_KEY, "")) as client:
        (await client.post(url, data=form)).raise_for_status()


async def delete_a_balance(here: Installation) -> None:
    async with open_own_views(here.settings) as engine, engine.begin() as connection:
        customer = await connection.scalar(select(balances.c.customer).limit(1))
        await connection.execute(delete(balances).where(balances.c.customer == customer))


async def give_back_what_was_delivered(here: Installation) -> None:
    """A second outcome, which contradicts the first."""
    ledger = open_ledger(here.settings.ledger_url)
    [row, *_] = await ledger.list_rewards(state="delivered", limit=1)
    await ledger.close()
    fact = RewardFailed(
        id=ids.outcome(row["reward_id"]),
        site=SITE,
        customer=row["customer"],
        occurred_at=row["earned_at"],
        reward_id=row["reward_id"],
        reason="forged",
    )
    key = ids.account_key(SITE, row["customer"]).encode()
    await here.write(here.topics.facts, FACTS.encode(fact), key=key)


async def command_something_else(here: Installation) -> None:
    record = next(each for each in await here.read(here.topics.rewards) if each.value)
    command = REWARDS.decode(record.value)
    assert isinstance(command, GrantReward)
    other = REWARDS.encode(
        GrantReward(
            reward_id=command.reward_id,
            site=command.site,
            customer=command.customer,
            program=command.program,
            program_version=command.program_version + 1,
            reward=command.reward,
            occurred_at=command.occurred_at,
            grant=command.grant,
        )
    )
    await here.write(here.topics.rewards, other, key=record.key)


async def unsettle_in_the_ledger(here: Installation) -> None:
    ledger = open_ledger(here.settings.ledger_url)
    async with ledger.engine.begin() as connection:
        wrong = update(ledger_reward).where(ledger_reward.c.state == "delivered")
        await connection.execute(wrong.values(settled_at=None))
    await ledger.close()


async def bury_other_bytes(here: Installation) -> None:
    [origin] = [each for each in await here.read(here.topics.raw) if each.value == BROKEN_RAW]
    headers = [
        ("topic", origin.topic.encode()),
        ("partition", b"%d" % origin.partition),
        ("offset", b"%d" % origin.offset),
    ]
    await here.write(here.topics.dlq, b"other bytes", headers=headers)


async def lose_an_event(here: Installation) -> None:
    """Committed as if it had been translated."""
    bodies = [each.value for each in await here.read(here.topics.raw)]
    body = next(each for each in bodies if b'"payment_succeeded"' in each)
    [fact] = translate(body, SITE).facts
    assert isinstance(fact, PaymentSucceeded)
    lost = body.replace(fact.transaction.encode(), b"txn_lost")
    headers = [("site", SITE.encode())]
    offset = await here.write(here.topics.raw, lost, partition=0, headers=headers)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=here.broker.bootstrap_servers,
        group_id=here.settings.app_id,
        enable_auto_commit=False,
    )
    where = TopicPartition(here.topics.raw, 0)
    await consumer.start()
    try:
        consumer.assign([where])
        await consumer.commit({where: offset + 1})
    finally:
        await consumer.stop()


async def change_a_state(here: Installation) -> None:
    records = await here.read(here.topics.accounts)
    state = next(each for each in records if not each.key.startswith(b"@"))
    await here.write(
        here.topics.accounts, state.value + b"\x00", key=state.key, partition=state.partition
    )


async def forge_points(here: Installation) -> None:
    records = await here.read(here.topics.points)
    events = ((each, POINTS.decode(each.value)) for each in records)
    record, event = next(pair for pair in events if isinstance(pair[1], PointsEarned))
    await here.write(
        here.topics.points, POINTS.encode(event), key=record.key, partition=record.partition
    )


TAMPERING: tuple[tuple[Tamper, set[str]], ...] = (
    (give_a_credit_again, {"gateway"}),
    (delete_a_balance, {"views"}),
    (unsettle_in_the_ledger, {"reward-ledger"}),
    (give_back_what_was_delivered, {"reward-outcomes"}),
    (command_something_else, {"reward-commands"}),
    (bury_other_bytes, {"dead-letters"}),
    (lose_an_event, {"incoming"}),
    (change_a_state, {"states"}),
    (forge_points, {"refold", "sequences", "sums"}),
)
"""Each adds these checks to those that fail already."""


async def test_a_sound_installation_passes_and_each_tampering_is_named(
    broker: Running, tmp_path: Path, lived: Lived
) -> None:
    sandbox, events = lived
    async with installation_at_work(broker, tmp_path, sandbox, events) as here:
        await here.begin()
        resting = asyncio.create_task(here.rest())
        at_work = [await audited(here)]
        while not resting.done():
            at_work.append(await audited(here))
        await resting
    truth = Truth(await ask(here, "/sandbox/truth"), SITE)
    at_rest = await audited(here, truth=truth)

    for report in (*at_work, at_rest):
        assert [check for check in report.checks if check.breaches] == []
    examined = {check.name: check.examined for check in at_rest.checks}
    assert all(examined.values()), examined
    assert examined["dead-letters"] == 2
    assert await commanded(here) == (0, True)
    assert gateway(await audited(here, with_key(here, None))).note.startswith("SKIPPED acme-test")
    locked_out = await audited(here, with_key(here, "a wrong key"))
    assert failing(locked_out) == {"gateway"}
    assert "acme-test cannot be read" in gateway(locked_out).examples[0]
    failed: set[str] = set()
    for tamper, expected in TAMPERING:
        await tamper(here)
        found = failing(await audited(here))
        assert (tamper.__name__, found) == (tamper.__name__, failed | expected)
        failed = found
    assert await commanded(here) == (1, False)
