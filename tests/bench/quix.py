"""Quix Streams, exactly once: a stateful `apply` over its RocksDB store, and `to_topic`.

Tuned: a checkpoint (one transaction with outputs, changelog and offsets) every 20,000 facts or half
a second; librdkafka fetches well ahead;
the producer lingers 20 ms with batches of up to 1 MB. Polling is short, so that the last checkpoint
does not wait. Keys and values are raw bytes and the account is stored as bytes, so nothing is
serialised but by the fold.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from streams.account.state import Account
from streams.account.storing import decode_account, encode_account
from tests.bench.peer import EventFold, Peer, module, told

if TYPE_CHECKING:
    from quixstreams import State

PEER = Peer(
    "Quix Streams",
    "exactly once",
    lambda stage: module("tests.bench.quix", stage),
)

COMMIT_EVERY = 20_000
COMMIT_SECONDS = 0.5


def main() -> None:
    from quixstreams import Application, message_context

    work = told()
    app = Application(
        work.bootstrap_servers,
        consumer_group=work.app_id,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_every=COMMIT_EVERY,
        commit_interval=COMMIT_SECONDS,
        consumer_poll_timeout=0.05,
        state_dir=f"{work.directory}/state",
        consumer_extra_config={"queued.min.messages": 200_000, "fetch.wait.max.ms": 100},
        producer_extra_config={"linger.ms": 20, "batch.size": 1 << 20},
        loglevel="WARNING",
    )
    facts = app.topic(work.facts, key_deserializer="bytes", value_deserializer="bytes")
    points = app.topic(work.points, key_serializer="bytes", value_serializer="bytes")
    events = EventFold()

    def fold(value: bytes, state: "State[Any, Any]") -> Iterator[bytes]:
        stored: Any = state.get_bytes("account")
        account = Account() if stored is None else decode_account(stored)
        outputs = events.fold(account, value, message_context().offset)
        if outputs:
            state.set_bytes("account", encode_account(account))
        return iter(outputs)

    app.dataframe(facts).apply(fold, stateful=True, expand=True).to_topic(points)
    app.run()


if __name__ == "__main__":
    main()
