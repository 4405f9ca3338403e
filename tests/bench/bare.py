"""Bare aiokafka, as one writes it by hand when nothing must survive: `getmany`, fold, `send_batch`.

No transaction, accounts in memory only and never saved: a restart loses them all. Offsets are
committed after each round of at most 5,000 records, outputs go out as ready-made batches per
partition, on uvloop. It shows what the same fold costs with next to no machinery around it.
"""

import asyncio

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from streams.account.state import Account
from tests.bench.peer import EventFold, Peer, Work, module, told

PEER = Peer(
    "bare aiokafka",
    "none, no state saved",
    lambda stage: module("tests.bench.bare", stage),
)

RECORDS_MAX = 5_000
BATCH_BYTES = 1 << 20


async def run(work: Work) -> None:
    consumer = AIOKafkaConsumer(
        work.facts,
        bootstrap_servers=work.bootstrap_servers,
        group_id=work.app_id,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=work.bootstrap_servers, acks="all", max_batch_size=BATCH_BYTES
    )
    await consumer.start()
    await producer.start()
    events = EventFold()
    accounts: dict[bytes, Account] = {}
    while True:
        fetched = await consumer.getmany(timeout_ms=100, max_records=RECORDS_MAX)
        for where, records in fetched.items():
            outputs = [
                (record.key, output)
                for record in records
                for output in events.fold(
                    accounts.setdefault(record.key, Account()), record.value, record.offset
                )
            ]
            await send(producer, TopicPartition(work.points, where.partition), outputs)
        if fetched:
            await consumer.commit()


async def send(
    producer: AIOKafkaProducer, where: TopicPartition, outputs: list[tuple[bytes, bytes]]
) -> None:
    sent = []
    batch = producer.create_batch()
    for key, value in outputs:
        if batch.append(key=key, value=value, timestamp=None) is None:
            sent.append(await producer.send_batch(batch, where.topic, partition=where.partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    if batch.record_count():
        sent.append(await producer.send_batch(batch, where.topic, partition=where.partition))
    await asyncio.gather(*sent)


def main() -> None:
    uvloop.run(run(told()))


if __name__ == "__main__":
    main()
