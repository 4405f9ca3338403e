"""How long a fact takes to become a committed points event, at a steady rate.

From the timestamp its producer gives the fact, which its points events carry on, to the instant a
consumer that reads committed records has the event in hand. The consumer, the producer and the
broker share the machine with the worker.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.bench import ours
from tests.bench.facts import Load
from tests.bench.peer import running
from tests.bench.race import Say
from tests.bench.stage import Stage, Watcher, committed_consumer, partitions_of, set_up, write

TICKS_PER_SECOND = 100
WARM_SECONDS = 3
DRAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Latency:
    """In milliseconds."""

    facts_per_second: int
    events: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


async def measure_latency(
    bootstrap_servers: str,
    warm_up: Load,
    load: Load,
    *,
    rate: int,
    partitions: int,
    directory: Path,
    say: Say,
) -> Latency:
    async with (
        set_up(bootstrap_servers, "latency", partitions, directory) as stage,
        committed_consumer(stage) as consumer,
    ):
        await write(stage, stage.topics.facts, warm_up.records)
        with running(ours.worker(stage), directory / "worker.log") as process:
            await Watcher(stage, consumer, process).until(warm_up.events)
            say(f"{rate:,} facts/s for {len(load.records) / rate:.0f} s")
            where = partitions_of(stage, stage.topics.points)
            consumer.assign(where)
            await consumer.seek_to_end(*where)
            for each in where:
                await consumer.position(each)
            reading = asyncio.create_task(_read(consumer, load.events))
            await _produce(stage, load, rate)
            async with asyncio.timeout(DRAIN_SECONDS):
                latencies = await reading
    measured = sorted(latencies[len(latencies) * WARM_SECONDS * rate // len(load.records) :])
    return Latency(
        facts_per_second=rate,
        events=len(measured),
        p50_ms=_quantile(measured, 0.50),
        p95_ms=_quantile(measured, 0.95),
        p99_ms=_quantile(measured, 0.99),
    )


def _quantile(ascending: Sequence[float], share: float) -> float:
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))]


async def _produce(stage: Stage, load: Load, rate: int) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=stage.bootstrap_servers, acks="all", enable_idempotence=True
    )
    await producer.start()
    try:
        began, sent = time.monotonic(), 0
        while sent < len(load.records):
            due = min(len(load.records), int((time.monotonic() - began) * rate))
            for partition, key, value in load.records[sent:due]:
                await producer.send(stage.topics.facts, value, key=key, partition=partition)
            sent = max(sent, due)
            await asyncio.sleep(1 / TICKS_PER_SECOND)
    finally:
        await producer.stop()


async def _read(consumer: AIOKafkaConsumer, events: int) -> list[float]:
    latencies: list[float] = []
    while len(latencies) < events:
        for records in (await consumer.getmany(timeout_ms=100)).values():
            now_ms = time.time() * 1000
            latencies += [now_ms - record.timestamp for record in records]
    return latencies
