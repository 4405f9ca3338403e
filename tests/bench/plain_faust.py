"""Plain Faust, as its documentation teaches it: an agent, a Table and `topic.send`.

The table is in memory with a changelog topic and holds accounts as bytes. Tuned where that is a
setting: no standby replicas, no leader topic, 20 ms of linger and large producer batches (else it
sends each record by itself), uvloop. To read committed facts only, as every peer here, it borrows
our transport, whose shorter fetches and cheaper acknowledgements do it no harm.
"""

import sys
import tempfile
from typing import Any

import faust
import uvloop

from streams.account.state import Account
from streams.account.storing import decode_account, encode_account
from streams.core.transport import BatchTransport
from tests.bench.peer import EventFold, Peer, module, told

PEER = Peer(
    "plain Faust",
    "at least once",
    lambda stage: module("tests.bench.plain_faust", stage),
)


def build() -> faust.App:
    work = told()
    app = faust.App(
        work.app_id,
        broker=f"kafka://{work.bootstrap_servers}",
        store="memory://",
        datadir=tempfile.mkdtemp(prefix="cactus-bench-faust-"),
        topic_partitions=work.partitions,
        topic_replication_factor=1,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=1.0,
        producer_linger=0.02,
        producer_max_batch_size=262_144,
        web_enabled=False,
        autodiscover=False,
    )
    app.transport = BatchTransport(app.conf.broker_consumer, app)
    facts = app.topic(work.facts, key_type=bytes, value_type=bytes, value_serializer="raw")
    points = app.topic(work.points, key_type=bytes, value_type=bytes, value_serializer="raw")
    accounts = app.Table("accounts", partitions=work.partitions, key_type=bytes, value_type=bytes)
    events = EventFold()

    async def fold(stream: Any) -> None:
        async for event in stream.events():
            key = event.key
            stored = accounts.get(key)
            account = Account() if stored is None else decode_account(stored)
            outputs = events.fold(account, event.value, event.message.offset)
            if outputs:
                accounts[key] = encode_account(account)
            for output in outputs:
                await points.send(key=key, value=output)

    app.agent(facts, name="fold")(fold)
    return app


def main() -> None:
    uvloop.install()
    app = build()
    app.finalize()
    sys.exit(faust.Worker(app, loglevel="warning").execute_from_commandline())


if __name__ == "__main__":
    main()
