"""The receiver as a process, on a real broker that comes and goes."""

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from deploy.kafka import EmbeddedKafka, Running
from deploy.settings import default_cache_dir
from schemas.topics import Topics
from tests.support import chargebee as cb
from tests.support.topics import fresh_topics
from tests.support.waiting import eventually_blocking

pytestmark = pytest.mark.integration

AUTH = ("hook", "secret")
JSON = {"content-type": "application/json"}
PARTITIONS = 2
READY_SECONDS = 30.0


class ReceiverProcess:
    """`cactus receiver`, started and stopped for real."""

    def __init__(self, home: Path, servers: str, topics: Topics) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        sites = [{"site": "acme-test", "webhook_credentials": ["hook:secret", "old:secret"]}]
        self._run_file = home / "run" / "receiver.json"
        self._environment = os.environ | {
            "CACTUS_HOME": str(home),
            "CACTUS_KAFKA__BOOTSTRAP_SERVERS": servers,
            "CACTUS_TOPIC_PREFIX": topics.prefix,
            "CACTUS_SITES": json.dumps(sites),
            "CACTUS_RECEIVER__PORT": str(self.port),
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/acme-test"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deploy", "receiver"],
            env=self._environment,
            stderr=subprocess.DEVNULL,
        )
        eventually_blocking(lambda: self.status("livez") == 200, READY_SECONDS)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(READY_SECONDS)

    def status(self, page: str) -> int:
        try:
            health = json.loads(self._run_file.read_bytes())["url"]
            return httpx.get(f"{health}/{page}", trust_env=False, timeout=5).status_code
        except (OSError, ValueError, httpx.HTTPError):
            return 0

    def metric(self, line: str) -> float:
        health = json.loads(self._run_file.read_bytes())["url"]
        text = httpx.get(f"{health}/metrics", trust_env=False, timeout=5).text
        return sum(float(row.split()[-1]) for row in text.splitlines() if row.startswith(line))


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(auth=AUTH, headers=JSON, trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
async def topics(broker: Running) -> Topics:
    return await fresh_topics(broker, PARTITIONS)


@pytest.fixture
async def receiver(
    broker: Running, topics: Topics, tmp_path: Path
) -> AsyncIterator[ReceiverProcess]:
    running = ReceiverProcess(tmp_path, broker.bootstrap_servers, topics)
    running.start()
    eventually_blocking(lambda: running.status("readyz") == 200, READY_SECONDS)
    yield running
    assert running.stop() == 0


async def raw_records(servers: str, topics: Topics) -> list[ConsumerRecord]:
    """Everything on the raw topic now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topics.raw, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[ConsumerRecord] = []
        deadline = time.monotonic() + READY_SECONDS
        while len(records) < sum(ends.values()):
            assert time.monotonic() < deadline
            for found in (await consumer.getmany(timeout_ms=500)).values():
                records.extend(found)
        return records
    finally:
        await consumer.stop()


async def test_what_is_answered_2xx_is_in_kafka_as_received(
    receiver: ReceiverProcess, broker: Running, topics: Topics, client: httpx.AsyncClient
) -> None:
    body = b"\n" + cb.body(cb.payment_succeeded())
    answer = await client.post(receiver.url, content=body)
    assert (answer.status_code, answer.json()) == (200, {"accepted": "ev_1"})
    (record,) = await raw_records(broker.bootstrap_servers, topics)
    assert (record.key, record.value) == (b"acme-test:cust_1", body)
    headers = dict(record.headers)
    assert (headers["site"], headers["source"]) == (b"acme-test", b"webhook")
    assert int(headers["received_at"]) > 0
    assert receiver.metric('cactus_webhook_requests_total{outcome="accepted"}') == 1


async def test_refusals_leave_nothing_in_kafka_and_are_counted(
    receiver: ReceiverProcess, broker: Running, topics: Topics, client: httpx.AsyncClient
) -> None:
    whole = cb.body(cb.payment_succeeded())
    elsewhere = receiver.url.replace("acme-test", "other")
    statuses = [
        (await client.post(receiver.url, content=whole, auth=("hook", "guess"))).status_code,
        (await client.post(elsewhere, content=whole)).status_code,
        (await client.post(receiver.url, content=whole[:-1])).status_code,
        (await client.post(receiver.url, content=b'{"id":"a","id":"b"}')).status_code,
        (await client.post(receiver.url, content=b" " * (2**20 + 1))).status_code,
        (
            await client.post(receiver.url, content=whole, headers={"content-type": "x/y"})
        ).status_code,
    ]
    assert statuses == [401, 401, 400, 400, 413, 415]
    assert await raw_records(broker.bootstrap_servers, topics) == []
    assert receiver.metric("cactus_webhook_requests_total") == len(statuses)


async def test_a_body_that_stalls_is_given_up_and_holds_nobody_up(
    receiver: ReceiverProcess, client: httpx.AsyncClient
) -> None:
    credentials = base64.b64encode(":".join(AUTH).encode()).decode()
    head = (
        "POST /webhooks/acme-test HTTP/1.1\r\nhost: door\r\ncontent-type: application/json\r\n"
        f"authorization: Basic {credentials}\r\ncontent-length: 100\r\n\r\n{{"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
    writer.write(head.encode())
    await writer.drain()
    assert (
        await client.post(receiver.url, content=cb.body(cb.payment_succeeded()))
    ).status_code == 200
    assert (await asyncio.wait_for(reader.readline(), READY_SECONDS)).startswith(b"HTTP/1.1 408")
    writer.close()


async def test_many_at_once_are_all_in_kafka_once_answered(
    receiver: ReceiverProcess, broker: Running, topics: Topics, client: httpx.AsyncClient
) -> None:
    bodies = [cb.body(cb.payment_succeeded() | {"id": f"ev_{n}"}) for n in range(200)]
    answers = await asyncio.gather(*(client.post(receiver.url, content=body) for body in bodies))
    assert {answer.status_code for answer in answers} == {200}
    records = await raw_records(broker.bootstrap_servers, topics)
    assert sorted(record.value for record in records) == sorted(bodies)


def test_while_the_broker_is_away_nothing_is_accepted_and_afterwards_it_is(
    tmp_path: Path,
) -> None:
    client = httpx.Client(auth=AUTH, headers=JSON, trust_env=False, timeout=20)
    kafka = EmbeddedKafka(tmp_path / "kafka", jar_cache=default_cache_dir() / "jars")
    running = kafka.start(tied=True)
    try:
        topics = asyncio.run(fresh_topics(running, PARTITIONS))
        receiver = ReceiverProcess(tmp_path, running.bootstrap_servers, topics)
        kafka.kill()
        receiver.start()  # without a broker: alive, not ready
        try:
            body = cb.body(cb.payment_succeeded())
            assert receiver.status("readyz") == 503
            refused = client.post(receiver.url, content=body)
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0

            kafka.start(tied=True)
            eventually_blocking(lambda: receiver.status("readyz") == 200, READY_SECONDS)
            assert client.post(receiver.url, content=body).status_code == 200

            kafka.kill()
            assert client.post(receiver.url, content=body).status_code == 503
            eventually_blocking(lambda: receiver.status("readyz") == 503, READY_SECONDS)

            kafka.start(tied=True)
            eventually_blocking(lambda: receiver.status("readyz") == 200, READY_SECONDS)
            assert client.post(receiver.url, content=body).status_code == 200
            records = asyncio.run(raw_records(running.bootstrap_servers, topics))
            # The refused one may have been delivered late: repeated is harmless, lost is not.
            assert len(records) in (2, 3)
        finally:
            assert receiver.stop() == 0
    finally:
        client.close()
        kafka.stop()


def test_a_port_that_is_taken_and_sites_without_credentials_are_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment = os.environ | {
            "CACTUS_HOME": str(tmp_path),
            "CACTUS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "CACTUS_RECEIVER__PORT": str(port),
        }
        sites = [{"site": "acme-test", "webhook_credentials": ["hook:secret"]}]
        said = _failure(environment | {"CACTUS_SITES": json.dumps(sites)})
        assert f"127.0.0.1:{port}" in said
        assert "CACTUS_RECEIVER__PORT" in said
        said = _failure(environment | {"CACTUS_SITES": '[{"site": "acme-test"}]'})
        assert "webhook_credentials" in said


def _failure(environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "deploy", "receiver"],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    said = done.stderr.decode()
    assert "Traceback" not in said
    return said
