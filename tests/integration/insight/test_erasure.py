"""A person is erased: canaries that were everywhere are nowhere; everybody else is untouched."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from sqlalchemy import Table, func, select

from connectors.rewards.tables import reward as ledger_reward
from deploy.audit.run import run_audit
from deploy.kafka import Running
from deploy.publish import publish
from deploy.reward_ledger import open_own_ledger
from deploy.sandbox.hooks import SECRET
from deploy.sandbox.life import LifeSettings
from deploy.sandbox.sandbox import SandboxSettings
from deploy.sandbox.server import RunningSandbox, running
from deploy.service.erasure import search_everything
from deploy.topics import partitions_of
from projections.tables import balances, entries, lots, rewards
from schemas import ids
from schemas.codec import FACTS
from schemas.facts import AdjustmentRequested
from schemas.program.load import load_program
from streams.core.partition_log import read_partition
from tests.support import chargebee as cb
from tests.support.installation import PARTITIONS, Installation
from tests.support.topics import fresh_topics
from tests.support.year import SITE

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

PROGRAM = """
program: garden
site: acme-test
effective_from: 2000-01-01T00:00
earn:
  - {id: pay, on: payment_succeeded, points: {per: {EUR: "0.10"}}}
  - {id: review, on: custom, event: review, points: "event.stars * 10"}
rewards:
  - {id: tree, when: {lifetime: 50}, charity: {webhook: trees, payload: {trees: 1}}}
"""
PERSON, OTHER = "cust_1", "cust_2"
NOW = cb.T0 + 10 * cb.DAY
CANARIES = ("Kanarienvogel", cb.EMAIL, cb.PHONE, cb.STREET, cb.CARD, cb.NOTE)
WRITTEN = "a goodwill gesture of clerk 77"
"""By hand, so a fact holds it for ever; the views and their file must not."""
WAIT_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.1


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running(SandboxSettings(life=LifeSettings(customers=2, days=30))) as started:
        yield started


def of_other(body: bytes) -> bytes:
    """The same for somebody else, of whom nothing is told."""
    for canary in (*CANARIES, "Petra", cb.ADDRESS_IP):
        body = body.replace(json.dumps(canary)[1:-1].encode(), b"somebody else")
    return body.replace(b"cust_1", b"cust_2").replace(b"txn_1", b"txn_2").replace(b"ev_1", b"ev_2")


def review(customer: str, note: str) -> bytes:
    event = {
        "id": f"review-{customer}",
        "site": SITE,
        "customer": customer,
        "name": "review",
        "occurred_at": cb.T0 + cb.DAY,
        "properties": {"stars": 5, "note": note},
    }
    return json.dumps(event).encode()


def adjustment(customer: str) -> AdjustmentRequested:
    return AdjustmentRequested(
        id=ids.adjustment(f"a-{customer}"),
        site=SITE,
        customer=customer,
        occurred_at=cb.T0 + 2 * cb.DAY,
        points=7,
        actor="clerk",
        reason=WRITTEN if customer == PERSON else "goodwill",
    )


async def tell(here: Installation) -> None:
    """Webhooks, custom events, an adjustment, and what no stage can use, of both customers."""
    payment = cb.body(cb.payment_succeeded())
    topics, headers = here.topics, [("site", SITE.encode())]
    for customer, bodies in ((PERSON, payment), (OTHER, of_other(payment))):
        key = ids.account_key(SITE, customer).encode()
        note = cb.NOTE if customer == PERSON else "no note"
        await here.write(topics.raw, bodies, key=key, headers=headers)
        await here.write(topics.custom, review(customer, note), key=key)
        await here.write(topics.facts, FACTS.encode(adjustment(customer)), key=key)
        # Half an event under the customer's key, one that only its fields tell of, and one that
        # is no event of anybody.
        await here.write(topics.raw, bodies[:900], key=key, headers=headers)
        broken = {"id": "ev_9", "content": {"customer": cb.customer(customer)}}
        body = cb.body(broken) if customer == PERSON else of_other(cb.body(broken))
        await here.write(topics.raw, body, key=b"ev_9", headers=headers)
        odd = {"odd": cb.EMAIL if customer == PERSON else "no address"}
        await here.write(topics.custom, json.dumps(odd).encode(), key=b"odd")


@asynccontextmanager
async def role(here: Installation, name: str, **environment: str) -> AsyncIterator[None]:
    """The role as a process, which logs to a file as JSON."""
    logs = here.home / "logs"
    logs.mkdir(exist_ok=True)
    settings = {
        **here.environment,
        "CACTUS_LOG__FORMAT": "json",
        "CACTUS_LOG__LEVEL": "debug",
        "CACTUS_PROGRAMS": "[]",
        **environment,
    }
    with (logs / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy", name),
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
        )
        try:
            yield
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def services(sandbox: RunningSandbox) -> dict[str, str]:
    trees = {"name": "trees", "url": f"{sandbox.url}/hooks/trees", "secrets": [SECRET]}
    return {
        "CACTUS_ENDPOINTS": json.dumps([trees]),
        "CACTUS_OUTGOING__ALLOW_LOOPBACK": "true",
        "CACTUS_OUTGOING__PORTS": json.dumps([sandbox.port]),
    }


async def until(truth: Any) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await truth():  # noqa: ASYNC110 - roles are processes
            await asyncio.sleep(LOOK_SECONDS)


async def codes(here: Installation) -> dict[str, str]:
    """What was handed over, by customer; empty while nothing is."""
    if not (here.home / "ledger.sqlite").exists():
        return {}
    told = select(ledger_reward.c.account, ledger_reward.c.handed).where(
        ledger_reward.c.handed != "", ledger_reward.c.reported
    )
    async with (
        open_own_ledger(here.settings, access="read") as ledger,
        ledger.engine.connect() as connection,
    ):
        rows = await connection.execute(told)
        return {row.account.partition(":")[2]: row.handed for row in rows}


async def settle(here: Installation) -> None:
    """Both are told everything: three entries and a reward each, three letters each."""

    async def is_done() -> bool:
        try:
            async with here.views() as connection:
                delivered = await connection.scalars(select(rewards.c.state))
                states = sorted(delivered)
                earned = await connection.scalar(select(func.count()).select_from(entries))
        except Exception:  # noqa: BLE001 - the projector is making them
            return False
        letters = len([each async for each in _letters(here)])
        return states == ["delivered"] * 2 and (earned or 0) >= 10 and letters == 6

    await until(is_done)


async def _letters(here: Installation) -> AsyncIterator[Any]:
    async for records in read_partition(here.broker.bootstrap_servers, here.topics.dlq, 0, start=0):
        for record in records:
            yield record


async def of(here: Installation, customer: str) -> dict[str, list[Any]]:
    """Every row of the views of a customer."""
    tables: Sequence[Table] = (balances, entries, lots, rewards)
    async with here.views() as connection:
        return {
            table.name: [
                tuple(row)
                for row in await connection.execute(
                    select(table).where(table.c.customer == customer).order_by(*table.primary_key)
                )
            ]
            for table in tables
        }


async def sums(here: Installation) -> tuple[Any, ...]:
    """What all entries add up to, by program and kind."""
    kinds = select(
        entries.c.program, entries.c.type, func.count(), func.sum(entries.c.points)
    ).where(entries.c.type.not_in(["PointsExpired", "AccountErased"]))
    async with here.views() as connection:
        grouped = kinds.group_by(entries.c.program, entries.c.type)
        rows = await connection.execute(grouped.order_by(entries.c.program, entries.c.type))
        return tuple(tuple(row) for row in rows)


async def found(here: Installation, *texts: str) -> dict[str, int]:
    """Places that hold one of the texts, with how often."""
    hits = await search_everything(
        here.settings, texts, [here.home / "logs"], progress=lambda *_: None
    )
    assert {each.name for each in here.topics} < hits.places.keys()
    assert "file of the views" in hits.places
    assert "file of the reward ledger" in hits.places
    return {place: count for place, count in hits.places.items() if count}


async def age_out(here: Installation, topic: str) -> None:
    """As retention does it in two weeks."""
    servers = here.broker.bootstrap_servers
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        whole = RecordsToDelete(before_offset=-1)
        places = [TopicPartition(topic, each) for each in await partitions_of(servers, topic)]
        await admin.delete_records(dict.fromkeys(places, whole))
    finally:
        await admin.close()


async def cactus(here: Installation, *arguments: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", *arguments, "--json"),
        env={**os.environ, **here.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    assert process.returncode == 0, (said.decode(), complained.decode())
    return json.loads(said)


async def erase(here: Installation, *finding: str) -> Any:
    texts = [part for text in finding for part in ("--find", text)]
    return await cactus(
        here,
        *("erase", PERSON, "--site", SITE, "--actor", "ada", "--reason", "request 77"),
        *texts,
        *("--logs", str(here.home / "logs")),
    )


async def is_sound(here: Installation) -> None:
    report = await run_audit(here.settings, progress=lambda *_: None, gateway=False)
    assert [check for check in report.checks if check.breaches] == []


async def test_after_an_erasure_no_canary_sings(
    broker: Running, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    topics = await fresh_topics(broker, PARTITIONS)
    here = Installation(broker, topics, tmp_path, sandbox)
    (tmp_path / "clock").write_text(str(NOW), encoding="ascii")
    await publish(broker.bootstrap_servers, topics, load_program(PROGRAM), 0)
    async with (
        role(here, "projector"),
        role(here, "worker"),
        role(here, "rewarder", **services(sandbox)),
    ):
        await tell(here)
        await settle(here)
        handed = await codes(here)
        assert set(handed) == {PERSON, OTHER}
        before, total = await of(here, OTHER), await sums(here)
        everywhere = await found(here, *CANARIES, handed[PERSON])
        assert everywhere[topics.raw] == 3
        assert everywhere[topics.custom] == 2
        assert everywhere[topics.dlq] == 3
        assert everywhere["reward ledger"] == 1
        assert everywhere["file of the reward ledger"] >= 1
        assert set(await found(here, WRITTEN)) >= {topics.facts, "views", "file of the views"}
        await is_sound(here)

        told = await erase(here, *CANARIES, handed[PERSON])
        [report] = told["erased"]
        counts = report["found"]
        assert (counts["open account"], counts["dead letters"]) == (1, 3)
        assert counts["codes in the reward ledger"] == 1
        assert counts["free texts in the views"] >= 4
        assert not any(report["left"].values())
        assert any("14 days" in sentence for sentence in report["remaining"])
        assert any("`review.stars`" in sentence for sentence in report["remaining"])
        assert any(topics.accounts in sentence for sentence in report["remaining"])
        still = {place for place, count in told["searched"].items() if count}
        assert still == {topics.raw, topics.custom}
        again = await erase(here)
        assert not any([*again["erased"][0]["found"].values(), *report["left"].values()])

    for topic in (topics.raw, topics.custom):
        await age_out(here, topic)
    assert await found(here, *CANARIES, handed[PERSON]) == {}
    # What was written with an adjustment stays, and stands in states not compacted yet.
    assert set(await found(here, WRITTEN)) == {topics.facts, topics.points, topics.accounts}
    assert await of(here, OTHER) == before
    assert await sums(here) == total
    assert len([each async for each in _letters(here)]) == 3
    await is_sound(here)
    mine = await of(here, PERSON)
    [account] = mine["balances"]
    assert account[balances.c.keys().index("erased")] is True
