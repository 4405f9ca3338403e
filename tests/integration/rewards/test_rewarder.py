"""The rewarder as a process, on a real broker, against the sandbox by HTTP: killed, and right."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from connectors.rewards.ledger import open_ledger
from deploy.kafka import Running
from deploy.sandbox.life import LifeSettings
from deploy.sandbox.sandbox import API_KEY, SandboxSettings
from deploy.sandbox.server import RunningSandbox, running
from schemas import ids
from schemas.codec import FACTS, REWARDS
from schemas.facts import RewardDelivered, RewardFailed
from schemas.rewards import Discount, FreeDays, GrantReward, RevokeReward
from schemas.topics import Topics
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.integration

SITE = "sandbox"
OFF = Discount(via="promotional_credit", amounts_minor={"USD": 500, "EUR": 400, "GBP": 300})
COUPON = Discount(via="coupon", percent="10")
DEADLINE_SECONDS = 60.0


@pytest.fixture
def site() -> Iterator[RunningSandbox]:
    with running(SandboxSettings(life=LifeSettings(customers=40, days=90))) as started:
        url = f"{started.url}/sandbox/advance"
        httpx.post(url, json={"days": 60}, timeout=60).raise_for_status()
        yield started


def subscriptions(site: RunningSandbox) -> list[dict[str, Any]]:
    answer = httpx.get(
        f"{site.url}/api/v2/subscriptions",
        params={"status[is]": "active", "limit": 100},
        auth=(API_KEY, ""),
    )
    found: dict[str, dict[str, Any]] = {}
    for entry in answer.json()["list"]:
        subscription = entry["subscription"]
        if subscription["currency_code"] in OFF.amounts_minor:
            found.setdefault(subscription["customer_id"], subscription)
    return list(found.values())


def command(subscription: dict[str, Any], ordinal: int, **changes: Any) -> GrantReward:
    reward = changes.get("reward", "five-off")
    customer = subscription["customer_id"]
    values = {
        "reward_id": ids.reward_id(SITE, customer, reward, ordinal),
        "site": SITE,
        "customer": customer,
        "program": "spikes",
        "program_version": 1,
        "reward": reward,
        "occurred_at": 1_764_547_200,
        "grant": OFF,
        "subscription": subscription["id"],
        "currency": subscription["currency_code"],
    }
    return GrantReward(**{**values, **changes})


class Rewarder:
    """The process, and how to stop it."""

    def __init__(self, broker: Running, topics: Topics, home: Path, site: RunningSandbox) -> None:
        access = {"site": SITE, "api_key": API_KEY, "api_url": site.url}
        self._environment = {
            **os.environ,
            "CACTUS_HOME": str(home),
            "CACTUS_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "CACTUS_TOPIC_PREFIX": topics.prefix,
            "CACTUS_APP_ID": f"{topics.prefix}app",
            "CACTUS_SITES": json.dumps([access]),
            "CACTUS_CHARGEBEE__REQUESTS_PER_MINUTE": "60000",
            "CACTUS_CHARGEBEE__TIMEOUT_SECONDS": "2",
            "CACTUS_REWARDER__LEASE_SECONDS": "5",
            "CACTUS_LOG__LEVEL": "warning",
        }

    @asynccontextmanager
    async def process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        started = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deploy",
            "rewarder",
            env=self._environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield started
        finally:
            if started.returncode is None:
                started.kill()
            await started.communicate()


async def produce(broker: Running, topic: str, values: list[tuple[bytes, bytes]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, enable_idempotence=True)
    await producer.start()
    try:
        for key, value in values:
            await producer.send_and_wait(topic, value, key=key)
    finally:
        await producer.stop()


def keyed(each: GrantReward | RevokeReward) -> tuple[bytes, bytes]:
    return ids.account_key(each.site, each.customer).encode(), REWARDS.encode(each)


async def read_until(broker: Running, topic: str, distinct: int) -> list[Any]:
    """Records of a topic from its beginning, until `distinct` values are there."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest"
    )
    records: list[Any] = []
    await consumer.start()
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len({record.value for record in records}) < distinct:
                batches = await consumer.getmany(timeout_ms=200)
                records += [record for batch in batches.values() for record in batch]
    finally:
        await consumer.stop()
    return records


async def held(site: RunningSandbox) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        ledger: dict[str, Any] = (await client.get(f"{site.url}/sandbox/ledger")).json()
        return ledger


def references(ledger: dict[str, Any]) -> Counter[str]:
    granted = ledger["promotional_credits"]
    return Counter(credit["reference"] for credit in granted if credit.get("reference"))


async def test_a_rewarder_killed_at_work_gives_every_reward_once(
    broker: Running, tmp_path: Path, site: RunningSandbox
) -> None:
    topics = await fresh_topics(broker)
    found = await asyncio.to_thread(subscriptions, site)
    commands = [command(each, ordinal) for ordinal in (1, 2) for each in found[:15]]
    faults = [
        {"kind": "lost_answer", "method": "POST", "skip": 4, "times": 2, "seconds": 5},
        {"kind": "rate_limited", "method": "POST", "skip": 9, "times": 1},
        {"kind": "lock_timeout", "method": "POST", "skip": 11, "times": 2},
    ]
    async with httpx.AsyncClient() as client:
        await client.post(f"{site.url}/sandbox/faults", json={"faults": faults[:1] + faults[2:]})
    rewarder = Rewarder(broker, topics, tmp_path, site)
    async with rewarder.process() as first:
        # Every command twice: the projector repeats them after a crash of its own.
        await produce(broker, topics.rewards, [keyed(each) for each in (*commands, *commands)])
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(references(await held(site))) < 5:  # noqa: ASYNC110 - the site is a process
                await asyncio.sleep(0.02)
        first.send_signal(signal.SIGKILL)
    async with rewarder.process() as second:
        records = await read_until(broker, topics.facts, len(commands))
        second.terminate()
        await asyncio.wait_for(second.communicate(), 20)
        assert second.returncode == 0
    facts = {FACTS.decode(record.value) for record in records}
    assert {type(fact) for fact in facts} == {RewardDelivered}
    assert {fact.id for fact in facts} == {ids.outcome(each.reward_id) for each in commands}
    ledger = await held(site)
    assert references(ledger) == Counter(each.reward_id for each in commands)
    amounts = {
        credit.get("reference"): credit["amount"] for credit in ledger["promotional_credits"]
    }
    assert all(amounts[each.reward_id] == OFF.amounts_minor[each.currency] for each in commands)


async def test_what_cannot_be_done_is_said_and_what_cannot_be_read_is_kept(
    broker: Running, tmp_path: Path, site: RunningSandbox
) -> None:
    topics = await fresh_topics(broker)
    first, second = (await asyncio.to_thread(subscriptions, site))[:2]
    coupon = command(first, 1, reward="ten-off", grant=COUPON)
    days = command(second, 1, reward="days", grant=FreeDays(days=7))
    revoke = RevokeReward(
        reward_id=coupon.reward_id,
        site=SITE,
        customer=coupon.customer,
        program="spikes",
        program_version=1,
        reward="ten-off",
        occurred_at=1_764_547_200,
        reason="refunded",
    )
    async with Rewarder(broker, topics, tmp_path, site).process():
        values = [keyed(coupon), (b"sandbox:x", b'{"type":'), keyed(days)]
        await produce(broker, topics.rewards, values)
        facts = [FACTS.decode(each.value) for each in await read_until(broker, topics.facts, 2)]
        last = command(second, 2, reward="days", grant=FreeDays(days=7))
        await produce(broker, topics.rewards, [keyed(revoke), keyed(last)])
        await read_until(broker, topics.facts, 3)
        # Kept at least once: what is buried again after a rebalance is the same record.
        dead, *repeats = await read_until(broker, topics.dlq, 1)
    delivered = next(fact for fact in facts if isinstance(fact, RewardDelivered))
    failed = next(fact for fact in facts if isinstance(fact, RewardFailed))
    assert delivered.reference == f"{first['id']}:cactus-spikes-ten-off-v1-1"
    assert failed.reason == "this release does not carry out rewards of kind free_days"
    [used] = (await held(site))["coupons_applied"]
    assert (used["subscription"], used["coupon"]) == (first["id"], "cactus-spikes-ten-off-v1-1")
    assert {(each.key, each.value) for each in (dead, *repeats)} == {(b"sandbox:x", b'{"type":')}
    assert dict(dead.headers)["class"] == b"DecodeError"
    ledger = open_ledger(f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite'}", read_only=True)
    shown = await ledger.show_reward(coupon.reward_id)
    await ledger.close()
    assert shown is not None
    assert (shown["state"], shown["revocation"]) == ("delivered", "not_revoked")


async def test_a_ledger_that_is_no_database_ends_it_with_a_sentence(
    broker: Running, tmp_path: Path, site: RunningSandbox
) -> None:
    topics = await fresh_topics(broker)
    (tmp_path / "ledger.sqlite").write_text("this is no database, it only has its name" * 50)
    async with Rewarder(broker, topics, tmp_path, site).process() as process:
        _, complaint = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert b"ledger.sqlite" in complaint
    assert b"Traceback" not in complaint
